// Sends what is kept of one session, for as long as it takes. What the world gives it (the server, what is kept,
// timers, chance) is handed in.
//
// Nothing is ever given up: what fails is tried again, later each time up to half a minute. A failure of the line or
// the server holds everything up; one that concerns a chunk alone holds up that chunk.

import { LONGEST_WAIT_MS, backoff } from "../connection.js";

const AT_ONCE = 3;
const UNAUTHORISED = new Set([401, 403]);
const PASSING = new Set([408, 425, 429]);
// The recording is not there any more, or takes no sound any more.
const GONE = new Set([404, 410]);

export class Sender {
  /**
   * `session` as it is kept. `onChange()` after every change of `chunks`, `trouble` or `waitingUntil`;
   * `onStored(chunk)` with the server's own description; `onSession(session)` with what it says of the session, and
   * `onDone(session)` when all of it is there.
   */
  constructor({ session, server, keeping, world = globalThis, random = Math.random, ...listeners }) {
    Object.assign(this, { session, server, keeping, world, random });
    this.listeners = { onChange() {}, onStored() {}, onSession() {}, onDone() {}, ...listeners };
    /** By index, what is not stored yet: {index, size, digest, startTime, …, state: "kept" | "sending", trouble}. */
    this.chunks = new Map();
    this.notes = [];
    this.underWay = 0;
    this.isBusy = false;
    this.attempt = 0;
    /** Why nothing can be sent now: null | "offline" | "unreachable" | "busy" | "signed_out" | "consent" | "gone". */
    this.trouble = null;
    this.waitingUntil = null;
    this.timer = null;
    this.isStopped = false;
    this.isDone = false;
    this.needsToken = !server.token;
    /** A token that nothing was sent with yet. */
    this.isTokenFresh = false;
  }

  /** Take up what is kept from before, and begin. */
  async start() {
    for (const note of await this.keeping.notes(this.session.id)) this.notes.push(note);
    for (const chunk of await this.keeping.chunks(this.session.id)) this.chunks.set(chunk.index, kept(chunk));
    this.#changed();
    this.pump();
  }

  stop() {
    this.isStopped = true;
    this.world.clearTimeout(this.timer);
  }

  /** A chunk that is kept by now. */
  add(chunk) {
    this.chunks.set(chunk.index, kept(chunk));
    this.#changed();
    this.pump();
  }

  /** Tell the server of a gap, or of the consent; kept until it knows. */
  async note(kind, values) {
    const note = { sessionId: this.session.id, kind, values };
    note.id = await this.keeping.addNote(note);
    this.notes.push(note);
    this.pump();
  }

  /** The recording is over and has so many chunks. */
  finish(total) {
    this.session.total = total;
    this.pump();
  }

  /** Do not wait any longer: the line is back, or somebody asks for it. */
  hurry() {
    this.waitingUntil = null;
    for (const chunk of this.chunks.values()) chunk.notBefore = 0;
    this.pump();
  }

  /** Begin whatever can be sent now. */
  pump() {
    if (this.isStopped || this.isDone || this.isBusy || this.#mustWait()) return;
    if (!this.session.created) this.#alone(() => this.#create());
    else if (this.needsToken) this.#alone(() => this.#renew());
    else if (this.notes.length) this.#alone(() => this.#tell(this.notes[0]));
    else if (this.session.total !== null && !this.chunks.size) this.#alone(() => this.#complete());
    else this.#sendChunks();
  }

  #mustWait() {
    if (this.world.navigator?.onLine === false) {
      this.#fall("offline");
      return true;
    }
    const now = this.world.Date.now();
    if (this.waitingUntil !== null && now < this.waitingUntil) {
      this.#lookAgain(this.waitingUntil - now);
      return true;
    }
    this.waitingUntil = null;
    return false;
  }

  async #alone(act) {
    this.isBusy = true;
    try {
      await act();
    } catch {
      this.#wait("unreachable");
    }
    this.isBusy = false;
    this.pump();
  }

  async #create() {
    const { channels, metadata, call } = this.session;
    const { status, answer, retryAfter } = await this.server.create({ channels, metadata, ...(call ? { call } : {}) });
    if (status !== 200 && status !== 201) return this.#refused(status, answer, retryAfter);
    this.session.created = true;
    await this.keeping.updateSession(this.session.id, { created: true });
    this.#served();
    this.listeners.onSession(answer);
  }

  async #renew() {
    const { status, answer, retryAfter } = await this.server.renew();
    if (!answer.token) return this.#refused(status, answer, retryAfter);
    this.needsToken = false;
    this.#served();
    this.isTokenFresh = true;
  }

  async #tell(note) {
    const { status, answer, retryAfter } = await this.server.tell(note.kind, note.values);
    const isPassing = status >= 500 || PASSING.has(status) || UNAUTHORISED.has(status) || status === 404;
    if (status >= 400 && isPassing) return this.#refused(status, answer, retryAfter);
    // What the server finds wrong in a note will be as wrong tomorrow, and must not hold up the sound behind it.
    await this.keeping.removeNote(note.id);
    this.notes.shift();
    this.#served();
    if (answer.id) this.listeners.onSession(answer);
  }

  async #complete() {
    const { status, answer, retryAfter } = await this.server.complete(this.session.total);
    const isOwed = status === 409 && answer.error?.fields?.owed !== undefined;
    if (status !== 200 && !isOwed) return this.#refused(status, answer, retryAfter);
    const session = status === 200 ? answer : (await this.server.read()).answer;
    this.isDone = true;
    this.#served();
    await this.keeping.forgetSession(this.session.id);
    this.listeners.onDone(session);
  }

  #sendChunks() {
    const now = this.world.Date.now();
    const due = [...this.chunks.values()].filter((chunk) => chunk.state === "kept");
    due.sort((one, other) => one.index - other.index);
    for (const chunk of due) {
      if (this.underWay >= AT_ONCE) return;
      if (chunk.notBefore > now) this.#lookAgain(chunk.notBefore - now);
      else this.#send(chunk);
    }
  }

  async #send(chunk) {
    this.underWay += 1;
    chunk.state = "sending";
    this.#changed();
    const { token } = this.server;
    try {
      const body = await this.keeping.body(this.session.id, chunk.index);
      const { status, answer, retryAfter } = await this.server.putChunk(chunk, body);
      if ((status === 200 || status === 201) && answer.checksum === chunk.digest) await this.#stored(chunk, answer);
      else if (isOfOneChunk(status, answer)) this.#holdBack(chunk, answer);
      else if (UNAUTHORISED.has(status) && (this.needsToken || token !== this.server.token)) chunk.state = "kept";
      else this.#refused(status, answer, retryAfter);
    } catch {
      this.#wait("unreachable");
    }
    this.underWay -= 1;
    if (chunk.state === "sending") chunk.state = "kept";
    this.#changed();
    this.pump();
  }

  async #stored(chunk, answer) {
    await this.keeping.remove(this.session.id, chunk.index);
    chunk.state = "stored";
    this.chunks.delete(chunk.index);
    this.#served();
    this.listeners.onStored(answer);
  }

  #holdBack(chunk, answer) {
    chunk.trouble = answer.error?.message ?? "The server's answer does not fit what was sent.";
    chunk.notBefore = this.world.Date.now() + LONGEST_WAIT_MS;
  }

  #refused(status, answer, retryAfter) {
    const code = answer.error?.code;
    if (code === "consent_required") this.#wait("consent", LONGEST_WAIT_MS);
    else if (UNAUTHORISED.has(status)) this.#unauthorised();
    else if (GONE.has(status)) this.#wait("gone", LONGEST_WAIT_MS);
    else this.#wait(PASSING.has(status) ? "busy" : "unreachable", retryAfter * 1000);
  }

  /** Several uploads may hear it of the same token; a new one is asked for once, and again only after a wait. */
  #unauthorised() {
    const isSecondTime = this.needsToken || this.isTokenFresh;
    this.needsToken = true;
    if (isSecondTime) this.#wait("signed_out");
  }

  #served() {
    this.isTokenFresh = false;
    this.attempt = 0;
    this.waitingUntil = null;
    this.#fall(null);
  }

  #wait(trouble, least = 0) {
    const wait = Math.max(least, backoff(this.attempt, this.random));
    this.attempt += 1;
    this.waitingUntil = this.world.Date.now() + wait;
    this.#fall(trouble);
    this.#lookAgain(wait);
  }

  #lookAgain(wait) {
    this.world.clearTimeout(this.timer);
    this.timer = this.world.setTimeout(() => this.pump(), wait);
  }

  #fall(trouble) {
    if (trouble === this.trouble) return;
    this.trouble = trouble;
    this.#changed();
  }

  #changed() {
    this.listeners.onChange();
  }
}

function kept(chunk) {
  return { ...chunk, state: "kept", trouble: null, notBefore: 0 };
}

/** Other bytes are there, or these are no sound: nothing that waiting for the line would change. */
function isOfOneChunk(status, answer) {
  if (answer.error?.code === "consent_required") return false;
  return status < 400 || [400, 409, 411, 413, 415, 422].includes(status);
}
