// The recording as one numbered tape: its stretches of unbroken sound, and the chunks that they are cut into. Pure.
//
// A stretch is what was captured without a break; a pause, another microphone or a reload begins a new one. Chunks and
// samples are numbered through all stretches. Each stretch has its place on the recording's own line, in seconds,
// where what was not captured takes room too.

import { Cutter } from "./cutter.js";
import { OPUS_RATE, oggOpus } from "./ogg.js";

export class Tape {
  /**
   * `onChunk(chunk)` gets {index, first, end, startTime, body}; samples are those of 48 kHz. `from` is where an
   * earlier visit left off: {index, samples}.
   */
  constructor({ chunkSeconds, channels, inputRate, onChunk, from = { index: 0, samples: 0 } }) {
    Object.assign(this, { chunkSeconds, channels, inputRate, onChunk });
    this.index = from.index;
    this.samples = from.samples;
    this.stretch = null;
  }

  /** A stretch begins at `start` seconds of the line. */
  begin(start) {
    const length = Math.round((this.chunkSeconds * OPUS_RATE) / 960) * 960;
    const cutter = new Cutter({ length, onPiece: (piece) => this.#take(piece) });
    this.stretch = { start, base: this.samples, cutter };
  }

  add(packet) {
    this.stretch.cutter.add(packet);
  }

  /**
   * Sound is missing before the next packet, although the encoding goes on: what comes next is a chunk of its own, so
   * many seconds further on the line. Returns the hole, {from, to}.
   */
  leap(seconds) {
    this.stretch.cutter.cut();
    const from = this.#second(this.samples);
    this.stretch.start = toNanoseconds(this.stretch.start + seconds);
    return { from, to: this.#second(this.samples) };
  }

  /** Of this stretch `samples` were captured; the packets that hold its last ones may still come. */
  endAt(samples) {
    this.stretch.cutter.endAt(samples);
  }

  /** The stretch is over. Returns the second of the line at which it ended. */
  finish() {
    this.stretch.cutter.finish();
    const ended = this.#second(this.samples);
    this.stretch = null;
    return ended;
  }

  /**
   * The chunk now being filled, to be kept until it is whole: {index, first, startTime, endTime, preSkip, packets}.
   * Its end is that of the sound in the packets, behind what was captured by what the encoder still holds.
   */
  open() {
    const { packets, preSkip, first, end } = this.stretch.cutter.open();
    const { base } = this.stretch;
    const [startTime, endTime] = [this.#second(base + first), this.#second(base + Math.max(first, end))];
    return { index: this.index, first: this.samples, startTime, endTime, preSkip, packets };
  }

  #take({ packets, preSkip, first, end }) {
    const { base } = this.stretch;
    const { channels, inputRate } = this;
    this.onChunk({
      index: this.index,
      first: base + first,
      end: base + end,
      startTime: this.#second(base + first),
      body: oggOpus(packets, { channels, preSkip, inputRate, length: end - first, serial: this.index + 1 }),
    });
    this.index += 1;
    this.samples = base + end;
  }

  #second(sample) {
    return toNanoseconds(this.stretch.start + (sample - this.stretch.base) / OPUS_RATE);
  }
}

/** Seconds that read the same wherever they are written; finer than a sample, so that none seems to lie between two. */
export function toNanoseconds(seconds) {
  return Math.round(seconds * 1e9) / 1e9;
}

/** What was left open when the page went away, as a chunk; null when nothing was heard in it. */
export function rescued({ index, first, startTime, preSkip, packets, channels, inputRate }) {
  const held = packets.reduce((sum, packet) => sum + packet.samples, 0);
  if (held <= preSkip) return null;
  const body = oggOpus(packets, { channels, preSkip, inputRate, serial: index + 1 });
  return { index, first, end: first + held - preSkip, startTime, body };
}
