// The player: a call's recording, heard. What of it cannot be fetched yet is not; what is fetched counts as played.

import { duration } from "../../audio/format.js";
import { Player } from "../../audio/player.js";

export const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2];
const STEP_SECONDS = 5;
const LEAP_SECONDS = 10;

export class Sound {
  /** `box` holds the player. `onMove(seconds, isPlaying)`: another moment is heard, several times a second. */
  constructor({ box, seconds, position, onMove }) {
    Object.assign(this, { box, seconds, onMove });
    this.audio = box.querySelector("audio");
    this.player = new Player({ box, audio: this.audio, address: this.audio.src, position });
    this.play = box.querySelector("#play");
    this.speed = box.querySelector("#speed");
    this.volume = box.querySelector("#volume");
    this.problem = box.querySelector("#player-problem");
    this.player.hear(this.audio.src);
    this.at = position;
    this.#listen();
    this.#showTime();
  }

  get isPlaying() {
    return !this.audio.paused && !this.audio.ended;
  }

  /** There is more of it, or another sound in places than before. */
  renew({ duration: seconds }, sound) {
    if (seconds > this.seconds) this.seconds = seconds;
    this.player.hear(sound);
    this.#showTime();
  }

  seek(seconds) {
    this.at = Math.max(0, Math.min(this.seconds || Infinity, seconds));
    this.player.seek(this.at);
    this.#moved();
  }

  toggle() {
    if (this.isPlaying) this.audio.pause();
    else this.audio.play().catch(() => {});
  }

  pause() {
    this.audio.pause();
  }

  step(direction) {
    this.seek(this.at + direction * STEP_SECONDS);
  }

  leap(direction) {
    this.seek(this.at + direction * LEAP_SECONDS);
  }

  changeSpeed(direction) {
    const now = SPEEDS.indexOf(Number(this.speed.value));
    const speed = SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, now + direction))];
    this.speed.value = String(speed);
    this.#applySpeed();
  }

  #listen() {
    const { audio, box } = this;
    this.play.addEventListener("click", () => this.toggle());
    for (const button of box.querySelectorAll("[data-leap]")) {
      button.addEventListener("click", () => this.leap(Number(button.dataset.leap)));
    }
    this.speed.addEventListener("change", () => this.#applySpeed());
    this.volume.addEventListener("input", () => {
      audio.volume = Number(this.volume.value) / 100;
    });
    for (const kind of ["play", "pause", "ended"]) audio.addEventListener(kind, () => this.#showPlaying());
    audio.addEventListener("playing", () => {
      this.problem.hidden = true;
      this.#watch();
    });
    audio.addEventListener("loadedmetadata", () => {
      // A file that was fetched anew begins at the usual speed.
      this.#applySpeed();
      if (Number.isFinite(audio.duration)) this.seconds = audio.duration;
      this.#showTime();
    });
    audio.addEventListener("seeked", () => this.#heard());
    audio.addEventListener("timeupdate", () => this.#heard());
    audio.addEventListener("error", () => {
      this.problem.hidden = false;
    });
  }

  #applySpeed() {
    this.audio.playbackRate = this.audio.defaultPlaybackRate = Number(this.speed.value);
  }

  /** While it plays, as often as a screen shows anything: words pass quicker than a browser says by itself. */
  #watch() {
    const go = () => {
      if (!this.isPlaying) return;
      this.#heard();
      requestAnimationFrame(go);
    };
    requestAnimationFrame(go);
  }

  #heard() {
    // Before anything is fetched, the browser says 0, whatever was sought.
    if (this.audio.readyState === 0) return;
    this.at = this.audio.currentTime;
    this.#moved();
  }

  #moved() {
    this.#showTime();
    this.onMove(this.at, this.isPlaying);
  }

  #showPlaying() {
    const { isPlaying } = this;
    this.box.toggleAttribute("data-playing", isPlaying);
    const words = isPlaying ? "Pause" : "Play";
    this.play.setAttribute("aria-label", words);
    this.play.title = `${words} (Space)`;
    this.#moved();
  }

  #showTime() {
    const [now, total] = [duration(this.at), duration(this.seconds)];
    set(this.box.querySelector("#time-now"), now);
    set(this.box.querySelector("#time-total"), total);
  }
}

function set(box, text) {
  if (box.textContent !== text) box.textContent = text;
}
