// Two microphones' worth of sound from two clocks, side by side. Pure.
//
// The agent's channel is the measure: for each of its blocks as many samples of the client's are taken. The client's
// waits in a row a little longer than its blocks come apart. When that row grows or shrinks past its bounds, its clock
// runs faster or slower: it is then read a thousandth faster or slower, which nobody hears, until the row is right.

/** How long the row is kept, in seconds, and how far it may stray. */
const TARGET = 0.1;
const BAND = 0.06;
const PACE = 0.001;

export class Alignment {
  /** `rate` of the client's channel. */
  constructor({ rate }) {
    this.rate = rate;
    this.blocks = [];
    this.waiting = 0;
    /** Where in the first block reading goes on; whole while both clocks agree. */
    this.at = 0;
    this.pace = 1;
    this.filling = true;
    /** Samples of silence put in because nothing had come. */
    this.missed = 0;
  }

  /** Samples of the client's channel arrived. */
  put(samples) {
    this.blocks.push(samples);
    this.waiting += samples.length;
  }

  /** As many samples as the agent's channel has, at its rate. */
  take(length, rate = this.rate) {
    const step = this.rate / rate;
    const taken = new Float32Array(length);
    if (this.filling && this.waiting < TARGET * this.rate) return taken;
    this.filling = false;
    this.#choosePace();
    for (let place = 0; place < length; place += 1) {
      if (this.at + 1 >= this.waiting) {
        this.missed += length - place;
        this.filling = true;
        this.#drop();
        return taken;
      }
      taken[place] = this.#read(this.at);
      this.at += step * this.pace;
    }
    this.#drop();
    return taken;
  }

  #choosePace() {
    const off = (this.waiting - this.at) / this.rate - TARGET;
    if (Math.abs(off) > BAND) this.pace = off > 0 ? 1 + PACE : 1 - PACE;
    else if (this.pace !== 1 && (off > 0) !== this.pace > 1) {
      this.pace = 1;
      this.at = Math.round(this.at);
    }
  }

  #read(at) {
    const whole = Math.floor(at);
    const part = at - whole;
    const here = this.#sample(whole);
    return part === 0 ? here : here + part * (this.#sample(whole + 1) - here);
  }

  #sample(at) {
    for (const block of this.blocks) {
      if (at < block.length) return block[at];
      at -= block.length;
    }
    return 0;
  }

  #drop() {
    while (this.blocks.length && this.at >= this.blocks[0].length) {
      const { length } = this.blocks.shift();
      this.at -= length;
      this.waiting -= length;
    }
  }
}
