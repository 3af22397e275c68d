// Hears that something has changed in the call; what it is, the page reads.

import { Connection, socketAddress } from "../../audio/connection.js";

// However much is told, a page reads again no more often than this, and takes no more than a part of its time for it.
const SOONEST_MS = 1000;
const REST = 4;

export class Watch {
  /**
   * `callId`, and `sessionId` while it is recorded. `readAsOf()`: the `updated_at` of the call as it was read.
   * `onNews()` reads the call again and resolves when it has; never two at once. `onGone()`: it was deleted, or is not
   * this person's to see any more.
   */
  constructor({ callId, sessionId, readAsOf, onNews, onGone }) {
    Object.assign(this, { readAsOf, onNews, onGone });
    this.isDue = false;
    this.isReading = false;
    this.restUntil = 0;
    const params = new URLSearchParams({ call: callId });
    this.connections = [this.#connect(`/ws/board?${params}`, (frame) => this.#hearBoard(frame, callId))];
    if (sessionId) this.connections.push(this.#connect(`/ws/audio/${sessionId}`, (frame) => this.#hearSession(frame)));
    addEventListener("online", () => this.connections.forEach((one) => one.hurry()));
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState !== "visible") return;
      for (const one of this.connections) {
        one.hurry();
        one.check();
      }
    });
  }

  /** Read again, as soon as it is time to. */
  news() {
    this.isDue = true;
    if (!this.isReading) this.#readWhenDue();
  }

  #connect(path, onFrame) {
    const connection = new Connection({
      open: () => new WebSocket(socketAddress(path)),
      onFrame,
      onState: () => {},
      whyRefused: async () => null,
    });
    connection.start();
    return connection;
  }

  #hearBoard(frame, callId) {
    if (frame.type === "cards" && frame.gone.includes(callId)) this.onGone();
    else if (frame.type === "ready") this.#ready(frame.updated_at);
    else if (frame.type === "cards" || frame.type === "reload") this.news();
  }

  #hearSession({ type, reset }) {
    if (type !== "error" && (type !== "session" || reset)) this.news();
  }

  /** The page was cut off before, or something changed between its reading and this. */
  #ready(updatedAt) {
    if (this.wasReady || Date.parse(updatedAt) !== Date.parse(this.readAsOf())) this.news();
    this.wasReady = true;
  }

  async #readWhenDue() {
    this.isReading = true;
    while (this.isDue) {
      await new Promise((go) => setTimeout(go, Math.max(0, this.restUntil - performance.now())));
      this.isDue = false;
      const began = performance.now();
      await this.onNews();
      const took = performance.now() - began;
      this.restUntil = performance.now() + Math.max(SOONEST_MS, REST * took);
    }
    this.isReading = false;
  }
}
