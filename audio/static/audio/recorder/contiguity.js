// Whether the sound that arrives is all there was. Pure: it is told of each block when it arrives.
//
// Blocks come late and in bursts, and their own time stamps jump without a loss; what proves a loss is the count of
// samples falling behind the clock for good. So the least lag of the last seconds is compared with what it was.

/** Within this, in seconds, some block arrives without delay however busy the machine is. */
const WINDOW = 5;
/** A lag that grew by more than this, in seconds, is lost sound and no jitter. */
const LOST_FROM = 0.06;
/** Sound cards' clocks differ from the computer's by some hundredths of a per cent at most. */
const DRIFT_PER_SECOND = 0.001;
/** The wall clock runs on in a sleep, the other one may not; a difference as large, in seconds, was one. */
const SLEPT_FROM = 2;

export class Contiguity {
  constructor({ rate }) {
    this.rate = rate;
    this.begun = null;
    this.counted = 0;
    /** The lag that is no loss, and what it was at first; they differ by the drift of the two clocks. */
    this.settled = 0;
    this.first = 0;
    /** {at, lag} of the last seconds, least lag first; what is later and less makes the earlier needless. */
    this.lags = [];
  }

  /**
   * `samples` arrived at `now`; `wall` is the time of day; both in seconds. Returns the seconds that are missing
   * before them, 0 when none are.
   */
  arrived(samples, { now, wall }) {
    this.begun ??= { now, wall };
    this.counted += samples;
    const elapsed = now - this.begun.now;
    const slept = wall - this.begun.wall - elapsed;
    this.begun.wall += slept;
    return slept > SLEPT_FROM ? slept : this.#compare(elapsed, elapsed - this.counted / this.rate, samples);
  }

  #compare(elapsed, lag, samples) {
    while (this.lags.length && this.lags.at(-1).lag >= lag) this.lags.pop();
    this.lags.push({ at: elapsed, lag });
    while (this.lags[0].at < elapsed - WINDOW) this.lags.shift();
    const least = this.lags[0].lag;
    if (elapsed < WINDOW) {
      this.settled = this.first = least;
      return 0;
    }
    const grown = least - this.settled;
    if (grown > LOST_FROM) {
      this.settled += grown;
      this.first += grown;
      return grown;
    }
    this.settled += Math.min(grown, (DRIFT_PER_SECOND * samples) / this.rate);
    return 0;
  }

  /** By how many parts in a million the microphone's clock is slower than the computer's; 0 until a minute is heard. */
  partsPerMillion() {
    const seconds = this.counted / this.rate;
    return seconds < 60 ? 0 : Math.round(((this.settled - this.first) / seconds) * 1e6);
  }
}

/** Notices sound that is nothing but zeros for long, as from a microphone that is switched off or taken over. */
export class Silence {
  constructor({ rate, seconds }) {
    this.needed = rate * seconds;
    this.zeros = 0;
  }

  /** `peak` of a block. Returns "began" or "ended" when that is news, with `zeros` samples so far; else null. */
  heard(samples, peak) {
    const before = this.zeros;
    if (peak > 0) {
      this.zeros = 0;
      return before >= this.needed ? { name: "ended", zeros: before } : null;
    }
    this.zeros += samples;
    return before < this.needed && this.zeros >= this.needed ? { name: "began", zeros: this.zeros } : null;
  }
}
