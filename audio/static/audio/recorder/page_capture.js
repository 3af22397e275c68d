// What the ways to record have in common that see no samples. They take and tell the same as capture_worker.js, as
// calls and messages; each adds `prepare`, `beginStretch`, `endStretch`, `total` and `secondsNow`.

import { Silence } from "./contiguity.js";
import { toNanoseconds } from "./tape.js";

const LEVEL_EVERY_MS = 100;
const SILENT_AFTER = 5;
const STALLED_AFTER_MS = 2_000;

export class PageCapture {
  constructor({ onMessage }) {
    this.tell = (says, values = {}) => onMessage({ says, ...values });
    this.turn = Promise.resolve();
    this.tracks = [];
    this.left = null;
    this.meter = null;
    this.isRecording = false;
    /** When sound last came; null where that cannot be told. */
    this.lastSoundAt = null;
    this.isStalled = false;
  }

  listen(tracks) {
    this.inTurn(() => this.#take(tracks));
  }

  begin(settings) {
    this.inTurn(() => {
      this.settings = settings;
      this.left = settings.left;
      this.isRecording = true;
      this.prepare();
      this.meter.wake();
      this.beginStretch();
    });
  }

  pause() {
    this.inTurn(async () => {
      this.isRecording = false;
      await this.endStretch();
      this.left ??= { line: 0, clock: Date.now() };
      this.tell("paused", { line: this.left.line });
    });
  }

  resume() {
    this.inTurn(() => {
      this.isRecording = true;
      this.beginStretch();
    });
  }

  change(tracks) {
    this.inTurn(async () => {
      await this.endStretch();
      this.#take(tracks);
      if (this.isRecording) this.beginStretch();
    });
  }

  stop() {
    this.inTurn(async () => {
      this.isRecording = false;
      await this.endStretch();
      this.meter?.close();
      this.tell("stopped", { total: this.total, line: this.left?.line ?? 0 });
    });
  }

  inTurn(act) {
    this.turn = this.turn.then(act).catch((error) => this.troubled(error));
    return this.turn;
  }

  troubled(error) {
    this.tell("trouble", { name: "encoder", message: error.message });
  }

  /** Where on the line the stretch that now begins has its place; the time of day tells how long nothing was recorded. */
  takePlace() {
    const { left } = this;
    const start = left ? toNanoseconds(left.line + Math.max(0, (Date.now() - left.clock) / 1000)) : 0;
    this.tell("stretch", { start, from: left?.line ?? 0 });
    this.left = null;
    this.silence = new Silence({ rate: 1000, seconds: SILENT_AFTER });
    return start;
  }

  /** A recorder that ended by itself while its microphone lives is followed by another. */
  async startAgain() {
    if (!this.isRecording || this.tracks[0].readyState === "ended") return;
    this.troubled(new Error("The browser's recorder ended"));
    await this.endStretch();
    this.beginStretch();
  }

  #take(tracks) {
    this.tracks = tracks;
    this.stream = new MediaStream(tracks);
    tracks.forEach((track, channel) => {
      track.onended = () => {
        if (this.tracks === tracks) this.tell("trouble", { name: "ended", channel });
      };
    });
    this.meter?.close();
    this.meter = new LevelMeter(this.stream, (peak, isHeard, since) => this.#look(peak, isHeard, since));
  }

  #look(peak, isHeard, since) {
    const seconds = this.secondsNow();
    this.tell("level", { peaks: [peak], seconds });
    if (seconds === null) return;
    const isLate = this.lastSoundAt !== null && performance.now() - this.lastSoundAt > STALLED_AFTER_MS;
    if (isLate !== this.isStalled) this.tell("trouble", { name: isLate ? "stalled" : "flowing" });
    this.isStalled = isLate;
    const news = isHeard ? this.silence.heard(since, peak) : null;
    if (news) {
      const start = toNanoseconds(Math.max(0, seconds - news.zeros / 1000));
      this.tell("trouble", { name: `zeros_${news.name}`, start, end: seconds });
    }
  }
}

/** The level alone goes through an AudioContext, where a lost sample does not matter. */
class LevelMeter {
  /** `onLook(peak, isHeard, since)`: `isHeard` is false where the browser lets nothing through; `since` in ms. */
  constructor(stream, onLook) {
    this.context = new AudioContext();
    const analyser = this.context.createAnalyser();
    this.context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    let before = performance.now();
    this.timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const now = performance.now();
      onLook(
        samples.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0),
        this.context.state === "running",
        now - before,
      );
      before = now;
    }, LEVEL_EVERY_MS);
  }

  /** Some browsers let it begin only with a click. */
  wake() {
    this.context.resume().catch(() => {});
  }

  close() {
    clearInterval(this.timer);
    if (this.context.state !== "closed") this.context.close();
  }
}
