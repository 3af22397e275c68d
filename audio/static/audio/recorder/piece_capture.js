// Where not even Opus packets are to be had: one MPEG-4 file after the other. Each is begun before the one before it
// ends, and still what its encoder held at the end is lost: 0.12 s in Chromium. Letting both run longer would double
// sound instead wherever a browser holds less; so the joints stay as they are, and the session says it.

import { PageCapture } from "./page_capture.js";
import { toNanoseconds } from "./tape.js";

export const MP4 = "audio/mp4";
/** AAC, which most browsers write into MPEG-4, needs more than Opus for the same sound. */
const BITS_PER_SECOND = 64_000;

export class PieceCapture extends PageCapture {
  piece = null;
  index = 0;
  reading = Promise.resolve();

  get total() {
    return this.index;
  }

  prepare() {
    this.index = this.settings.from.index;
  }

  beginStretch() {
    const start = this.takePlace();
    this.place = { start, clock: Date.now() };
    this.#beginPiece();
    this.timer = setInterval(() => {
      const before = this.piece;
      this.#beginPiece();
      before.recorder.stop();
    }, this.settings.chunkSeconds * 1000);
  }

  async endStretch() {
    if (this.piece === null) return;
    clearInterval(this.timer);
    const { recorder, ended } = this.piece;
    if (recorder.state !== "inactive") recorder.stop();
    await ended;
    await this.reading;
    this.piece = null;
  }

  secondsNow() {
    return this.piece && toNanoseconds(this.place.start + (Date.now() - this.place.clock) / 1000);
  }

  #beginPiece() {
    const recorder = new MediaRecorder(this.stream, { mimeType: MP4, audioBitsPerSecond: BITS_PER_SECOND });
    const piece = { recorder };
    this.piece = piece;
    const startTime = this.secondsNow();
    piece.ended = new Promise((resolve) => {
      recorder.onstop = () => {
        resolve();
        this.inTurn(() => (this.piece === piece ? this.startAgain() : null));
      };
    });
    recorder.ondataavailable = ({ data }) => {
      const left = { line: this.secondsNow(), clock: Date.now() };
      this.reading = this.reading
        .then(async () => this.#give(startTime, left, new Uint8Array(await data.arrayBuffer())))
        .catch((error) => this.troubled(error));
    };
    recorder.start();
  }

  /** One that was ended as soon as it began may hold nothing, and is no chunk. */
  #give(startTime, left, body) {
    this.left = left;
    if (body.length) {
      const chunk = { index: this.index, startTime, body, capturedAt: new Date(left.clock).toISOString() };
      this.index += 1;
      this.tell("chunk", { chunk: { ...chunk, contentType: MP4, first: null, end: null } });
    }
    this.tell("open", { open: null, left, drift: 0 });
  }
}
