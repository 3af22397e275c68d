// Plays the whole recording as it is by now: when its file has become another one, that is fetched anew, but never
// while somebody listens. What is masked is silent in it, but for who may hear it and wants to.

import { soundOf } from "./verdict.js";

// A file that fails again so soon fails for another reason than that it has become another one.
const AGAIN_AFTER_MS = 5000;

export class Player {
  /** `position`: where to begin, in seconds. Nothing is fetched before somebody plays or seeks. */
  constructor({ box, audio, address, position = 0 }) {
    Object.assign(this, { box, audio, address, position });
    this.sound = null;
    this.isStale = false;
    this.hasOriginals = false;
    this.failedAt = -Infinity;
    this.reading = 1;
    if (audio.hasAttribute("src")) audio.currentTime = position;
    audio.addEventListener("pause", () => this.#renew());
    audio.addEventListener("ended", () => this.#renew());
    audio.addEventListener("timeupdate", () => {
      this.position = audio.currentTime;
    });
    audio.addEventListener("error", () => this.#recover());
  }

  show(state) {
    if (state.chunks.length) this.hear(soundOf(state));
  }

  /** There is sound to be heard, such as `sound` tells; another one than before is another file. */
  hear(sound) {
    if (sound === this.sound) return;
    if (this.sound === null) this.#open();
    else this.isStale = true;
    this.sound = sound;
    this.#renew();
  }

  seek(seconds) {
    if (this.sound === null) return;
    // Somebody wants to hear it: from here on its length and its place are shown.
    if (this.audio.readyState === 0) this.#load({ preload: "metadata", position: seconds });
    else this.audio.currentTime = this.position = seconds;
  }

  /** With what is masked, or without: another file, from the same place on. */
  useOriginals(wanted) {
    if (wanted === this.hasOriginals) return;
    this.hasOriginals = wanted;
    if (this.sound === null) return;
    const wasPlaying = !this.audio.paused && !this.audio.ended;
    this.isStale = false;
    this.#load({ preload: this.audio.readyState > 0 ? "metadata" : "none", position: this.position });
    if (wasPlaying) this.audio.play().catch(() => {});
  }

  #open() {
    this.box.hidden = false;
    if (this.audio.hasAttribute("src")) return;
    this.audio.src = this.hasOriginals ? `${this.address}?originals=true` : this.address;
    this.audio.currentTime = this.position;
  }

  #renew() {
    if (!this.isStale || !(this.audio.paused || this.audio.ended)) return;
    this.isStale = false;
    // What nobody has begun to fetch is fetched as it is then.
    if (this.audio.readyState > 0) this.#load({ preload: "none", position: this.position });
  }

  /** The rest of a file that has become another one cannot be had. */
  #recover() {
    const now = performance.now();
    if (now - this.failedAt < AGAIN_AFTER_MS) return;
    this.failedAt = now;
    const wasPlaying = !this.audio.paused;
    this.isStale = false;
    this.#load({ preload: "metadata", position: this.position });
    if (wasPlaying) this.audio.play().catch(() => {});
  }

  #load({ preload, position }) {
    this.audio.preload = preload;
    // Another address: browsers keep what they have read of one for minutes, whatever they are told.
    this.reading += 1;
    this.audio.src = `${this.address}?reading=${this.reading}${this.hasOriginals ? "&originals=true" : ""}`;
    this.audio.currentTime = this.position = position;
  }
}
