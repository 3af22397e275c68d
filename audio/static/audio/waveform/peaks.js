// The peaks of a recording as the server draws them: of all of it, and finer ones of what is looked at closely.

const POINTS_OF_THE_WHOLE = 2000;
const MOST_POINTS = 8000;
// The server measures no finer.
export const FINEST_SECONDS = 0.05;
const SLACK = 1e-6;
const SETTLED_AFTER_MS = 120;
const CHANGED_AFTER_MS = 1000;
const ASK_AGAIN_MS = 2000;
const ASK_AGAIN_AT_MOST_MS = 30_000;

export class Peaks {
  /** `onChange()`: there is more to be drawn; `onFailure(words)`: all of it was asked for and has not come, and why. */
  constructor({ address, onChange, onFailure }) {
    Object.assign(this, { address, onChange, onFailure });
    /** Answers of the server, or null; without `near`, what is looked at closely is only coarser. */
    this.whole = null;
    this.near = null;
    this.asking = { whole: new AbortController(), near: new AbortController() };
    this.settling = null;
    this.again = null;
    this.patience = ASK_AGAIN_MS;
  }

  /** The finest answer that covers the view, or null. */
  of(view) {
    return covers(this.near, view) ? this.near : this.whole;
  }

  /** Ask for all of it, anew; and again by and by, as long as more of it is being made. */
  async load() {
    clearTimeout(this.again);
    this.again = null;
    const asked = this.#ask("whole", { points: POINTS_OF_THE_WHOLE });
    const { signal } = this.asking.whole;
    const answer = await asked;
    if (signal.aborted) return;
    const grew = answer !== null && silentIn(answer) !== silentIn(this.whole);
    // Of what has changed, the closer look is of before.
    if (grew) this.near = null;
    this.whole = answer ?? this.whole;
    this.patience = grew ? ASK_AGAIN_MS : Math.min(this.patience * 2, ASK_AGAIN_AT_MOST_MS);
    if (this.whole?.is_being_made) this.again = setTimeout(() => this.load(), this.patience);
    if (answer !== null) this.onChange();
  }

  /** The recording has changed, and may at once do so again. */
  refresh() {
    clearTimeout(this.again);
    this.again = setTimeout(() => this.load(), CHANGED_AFTER_MS);
  }

  /** Have bars of so many seconds for the view, once it has come to rest. */
  want(view, seconds) {
    clearTimeout(this.settling);
    if (this.whole === null || isFine(this.whole, seconds)) return;
    if (covers(this.near, view) && isFine(this.near, seconds)) return;
    this.settling = setTimeout(() => this.#look(view, seconds), SETTLED_AFTER_MS);
  }

  close() {
    clearTimeout(this.settling);
    clearTimeout(this.again);
    for (const asking of Object.values(this.asking)) asking.abort();
  }

  /** With as much on either side, so that it can be moved. */
  async #look(view, seconds) {
    const long = view.end - view.start;
    const start = Math.max(0, view.start - long);
    const end = Math.min(this.whole.duration, view.end + long);
    if (end <= start) return;
    // Two points for each bar, for bars that begin between them.
    const points = Math.min(MOST_POINTS, Math.max(1, Math.ceil(((end - start) / seconds) * 2)));
    const answer = await this.#ask("near", { start: start.toFixed(3), end: end.toFixed(3), points });
    if (answer === null) return;
    this.near = answer;
    this.onChange();
  }

  /** The server's answer; null when there is none, or when meanwhile something else of its kind was asked for. */
  async #ask(kind, query) {
    this.asking[kind].abort();
    const { signal } = (this.asking[kind] = new AbortController());
    try {
      const response = await fetch(`${this.address}?${new URLSearchParams(query)}`, {
        headers: { Accept: "application/json" },
        signal,
      });
      const answer = await response.json();
      if (response.ok) return answer;
      if (kind === "whole") this.onFailure(answer.error?.message ?? `The server answered with error ${response.status}.`);
    } catch {
      if (kind === "whole" && !signal.aborted) this.onFailure("The server cannot be reached.");
    }
    return null;
  }
}

function silentIn(answer) {
  return JSON.stringify([answer?.missing, answer?.masked]);
}

function covers(answer, { start, end }) {
  return answer !== null && answer.start <= start + SLACK && answer.end >= end - SLACK;
}

function isFine(answer, seconds) {
  return answer.seconds_per_point <= Math.max(seconds, FINEST_SECONDS) + SLACK;
}
