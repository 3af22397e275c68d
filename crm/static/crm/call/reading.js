// What the page knows of a call: read, changed by whoever looks at it, and changed by others meanwhile.

// Others may be quicker again and again, but hardly so often.
const MOST_TRIES = 5;

export class Reading {
  /**
   * `onShow(shown, before)`: this is the call now. `onOthers(words)`: somebody else changed it, which is not shown
   * before one asks for it; null once it is.
   */
  constructor({ server, onShow, onOthers }) {
    Object.assign(this, { server, onShow, onOthers });
    this.shown = null;
    /** As it is after what others did, until it is shown. */
    this.others = null;
    this.acting = 0;
  }

  /** Read it for the first time. Rejects with a Refusal. */
  async begin() {
    this.#show(await this.server.read());
  }

  /**
   * Do something to the call: `change(version)`, then show how it is. Rejects with a Refusal; when somebody else was
   * quicker, their change is shown all the same, so that one can decide anew. `stands()`: theirs was about something
   * else, so that there is nothing to decide, and it is done on top of theirs.
   */
  async act(change, { withLines = false, stands = () => false } = {}) {
    this.acting += 1;
    try {
      await this.#change(change, stands);
    } finally {
      this.acting -= 1;
    }
    await this.#readAgain({ withLines: withLines || this.others !== null });
  }

  async #change(change, stands) {
    for (let tried = 1; ; tried += 1) {
      try {
        return await change(this.shown.call.version);
      } catch (refusal) {
        if (refusal.isStale) await this.#readAgain({ withLines: true });
        if (!refusal.isStale || tried === MOST_TRIES || !stands()) throw refusal;
      }
    }
  }

  /** Something has changed: what a recording adds is shown at once, what people did when one asks for it. */
  async news() {
    if (this.acting) return;
    let now;
    try {
      now = await this.server.read();
    } catch {
      // The next news finds it.
      return;
    }
    if (this.acting) return;
    if (now.call.version === this.shown.call.version) {
      this.#show(now);
      return;
    }
    this.others = now;
    this.onOthers(othersWords(now.history, this.shown.history));
  }

  showOthers() {
    if (this.others) this.#show(this.others);
  }

  async #readAgain(options) {
    try {
      const now = await this.server.read(options);
      this.#show(now.lines ? now : { ...now, lines: this.shown.lines });
    } catch {
      // What was to be done is done; how it is now, the next news tells.
    }
  }

  #show(now) {
    const before = this.shown;
    this.shown = now;
    this.others = null;
    this.onShow(now, before);
    this.onOthers(null);
  }
}

/** Who did what since, by histories that begin with the newest. */
export function othersWords(now, before) {
  const known = before[0]?.at ?? "";
  const fresh = now.filter(({ at }) => at > known);
  if (!fresh.length) return "Somebody changed this call.";
  const [{ by, did }] = fresh;
  const more = fresh.length > 1 ? `, and ${fresh.length - 1} more` : "";
  return `${by} ${did}${more}.`;
}
