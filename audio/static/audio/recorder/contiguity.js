// Whether the sound that arrives is all there was. Pure: it is told of each block when it arrives.
//
// Blocks come late and in bursts, and their own time stamps jump without a loss; what proves a loss is the count of
// samples falling behind the clock for good. So the least lag of the last seconds is compared with what it was. A
// standstill leaves a doubt for a moment: either a burst makes up for all of it, or what is missing was lost there.

/** Within this, in seconds, some block arrives without delay however busy the machine is. */
const WINDOW = 5;
/** A lag that grew by more than this, in seconds, is lost sound and no jitter. */
const LOST_FROM = 0.06;
/** Sound cards' clocks differ from the computer's by some hundredths of a per cent at most. */
const DRIFT_PER_SECOND = 0.001;
/** The wall clock runs on in a sleep, the other one may not; a difference as large, in seconds, was one. */
const SLEPT_FROM = 2;
/** Nothing for so long, in seconds, is a standstill; and so long after it what was held up has come. */
const STOOD_STILL_FROM = 0.5;
const DOUBT = 1;

export class Contiguity {
  constructor({ rate }) {
    this.rate = rate;
    this.begun = null;
    this.counted = 0;
    this.elapsed = 0;
    /** The lag that is no loss, and what it was at first; they differ by the drift of the two clocks. */
    this.settled = 0;
    this.first = 0;
    /** {at, lag} of the last seconds, least lag first; what is later and less makes the earlier needless. */
    this.lags = [];
    /** Until when it is in doubt whether sound is missing before what arrives now; null when it is not. */
    this.doubtUntil = null;
  }

  /** Whether what arrives should wait: a loss that is found after all lies before the first block that came in doubt. */
  get isInDoubt() {
    return this.doubtUntil !== null;
  }

  /**
   * `samples` arrived at `now`; `wall` is the time of day; both in seconds. Returns the seconds that are missing
   * before them and before all that came in doubt, 0 when none are.
   */
  arrived(samples, { now, wall }) {
    this.begun ??= { now, wall };
    this.counted += samples;
    const since = now - this.begun.now - this.elapsed;
    this.elapsed += since;
    const slept = wall - this.begun.wall - this.elapsed;
    this.begun.wall += slept;
    if (slept > SLEPT_FROM) return slept + (this.isInDoubt ? this.settle() : 0);
    if (since > STOOD_STILL_FROM) {
      this.doubtUntil = this.elapsed + DOUBT;
      this.lags = [];
    }
    const missing = this.#compare(this.elapsed - this.counted / this.rate, samples);
    if (this.isInDoubt && (this.#grown <= LOST_FROM || this.elapsed >= this.doubtUntil)) return this.settle();
    return missing;
  }

  /** End the doubt with what is known. Returns the seconds that are missing. */
  settle() {
    this.doubtUntil = null;
    return this.#loss();
  }

  get #grown() {
    return this.lags[0].lag - this.settled;
  }

  #compare(lag, samples) {
    while (this.lags.length && this.lags.at(-1).lag >= lag) this.lags.pop();
    this.lags.push({ at: this.elapsed, lag });
    while (this.lags[0].at < this.elapsed - WINDOW) this.lags.shift();
    if (this.isInDoubt) return 0;
    if (this.elapsed < WINDOW) {
      this.settled = this.first = Math.min(this.lags[0].lag, this.counted > samples ? this.settled : Infinity);
      return 0;
    }
    const missing = this.#loss();
    this.settled += Math.min(this.#grown, (DRIFT_PER_SECOND * samples) / this.rate);
    return missing;
  }

  #loss() {
    const grown = this.#grown;
    if (grown <= LOST_FROM) return 0;
    this.settled += grown;
    this.first += grown;
    return grown;
  }

  /** By how many parts in a million the microphone's clock is slower than the computer's; 0 until a minute is heard. */
  partsPerMillion() {
    const seconds = this.counted / this.rate;
    return seconds < 60 ? 0 : Math.round(((this.settled - this.first) / seconds) * 1e6);
  }
}

/**
 * Before which of the blocks that came in doubt sound is missing: the one whose own time stamp is furthest ahead of the
 * one before it. What was still on its way when all stood still comes first in the burst, and the loss lies behind it.
 * `stamps`: of the last block before the doubt, then of those in it.
 */
export function placeOfLoss(stamps) {
  const jumps = stamps.slice(1).map((stamp, place) => stamp - stamps[place]);
  return jumps.indexOf(Math.max(...jumps));
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
