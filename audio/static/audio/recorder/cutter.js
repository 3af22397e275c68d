// Cuts one continuous run of Opus packets into pieces that each decode alone and join without a gap or click. Pure.
//
// A decoder that starts in the middle needs some packets until it gives what one that heard everything gives. So each
// piece but the first begins with a pre-roll of packets that the piece before it holds too, and hides them by its
// pre-skip. Because the encoder looks ahead, the packets up to sample n give the sound up to n - 312.

import { LOOK_AHEAD, OPUS_RATE } from "./ogg.js";

/** 32 packets of 20 ms: with them the worst difference from the uncut decode is -144 dB. */
export const PRE_ROLL = 0.64 * OPUS_RATE;

export class Cutter {
  /** `length` in samples of 48 kHz. `onPiece({packets, preSkip, first, end})`: sound from `first` up to, not with, `end`. */
  constructor({ length, onPiece }) {
    Object.assign(this, { length, onPiece });
    this.packets = [];
    /** Samples in `packets` that the piece before holds too. */
    this.rolled = 0;
    /** Where the piece now being filled begins, in samples of all packets so far. */
    this.begun = 0;
    this.received = 0;
    /** How many samples were recorded; known once no more are. */
    this.total = Infinity;
  }

  /** A packet is {data, samples}. */
  add(packet) {
    this.packets.push(packet);
    this.received += packet.samples;
    if (this.received - this.begun >= this.length) this.cut();
  }

  /** What has come so far is a piece, and the next one begins. */
  cut() {
    this.#give();
    this.begun = this.received;
    this.#roll();
  }

  /** The piece as far as it has come. It is empty when `end` is `first`. */
  open() {
    return {
      packets: [...this.packets],
      preSkip: this.begun === 0 ? LOOK_AHEAD : this.rolled,
      first: Math.max(0, this.begun - LOOK_AHEAD),
      end: Math.min(this.total, Math.max(0, this.received - LOOK_AHEAD)),
    };
  }

  /** No packet holds sound past `samples`, the number that was recorded; some with silence may follow. */
  endAt(samples) {
    this.total = samples;
  }

  /** No more packets: what is left is the last piece. */
  finish() {
    this.#give();
    this.packets = [];
  }

  #give() {
    const piece = this.open();
    if (piece.end > piece.first) this.onPiece(piece);
  }

  #roll() {
    this.rolled = 0;
    let place = this.packets.length;
    while (place > 0 && this.rolled < PRE_ROLL) {
      place -= 1;
      this.rolled += this.packets[place].samples;
    }
    this.packets = this.packets.slice(place);
  }
}
