// A socket that comes back by itself. What the world gives it (sockets, timers, chance) is handed in.
//
// States: {name: "connecting"} · {name: "live"} · {name: "waiting", until} · {name: "signed_out"} · {name: "refused"}
// · {name: "bad_address"}: what is asked for in the socket's address is not to be had.

export const PING_EVERY_MS = 20_000;
export const PONG_WITHIN_MS = 10_000;
export const FIRST_WAIT_MS = 1_000;
export const LONGEST_WAIT_MS = 30_000;
/** Where the server says that it is too much just now, the first wait is that of a fourth attempt. */
export const ATTEMPT_LATER = 3;
/** A socket that the server never answers is given up after this. */
export const ANSWER_WITHIN_MS = 15_000;

export const CLOSE_TRY_LATER = 1013;
export const CLOSE_BAD_ADDRESS = 4400;
export const CLOSE_UNAUTHENTICATED = 4401;
export const CLOSE_FORBIDDEN = 4403;

/** Milliseconds until the next attempt: twice as long each time, capped, and between half and all of it by chance. */
export function backoff(attempt, random = Math.random) {
  const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(attempt, 16));
  return Math.round(longest * (0.5 + random() / 2));
}

/** The address of a socket of this server, by its path and query. */
export function socketAddress(path) {
  return `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}${path}`;
}

export class Connection {
  /**
   * `open()` makes a WebSocket; `onFrame(frame)` gets each parsed frame; `onState(state)` each change of state.
   * `whyRefused()` resolves to "signed_out", "refused" or null: browsers do not tell why a handshake failed.
   */
  constructor({ open, onFrame, onState, whyRefused, world = globalThis, random = Math.random }) {
    Object.assign(this, { open, onFrame, onState, whyRefused, world, random });
    this.socket = null;
    this.timers = new Map();
    this.attempt = 0;
    this.state = null;
  }

  start() {
    this.#enter({ name: "connecting" });
    const socket = this.open();
    this.socket = socket;
    let answered = false;
    socket.onmessage = ({ data }) => {
      if (!answered) {
        answered = true;
        this.#stop("deadline");
        this.attempt = 0;
        this.#enter({ name: "live" });
        this.#pingLater();
      }
      const frame = JSON.parse(data);
      if (frame.type === "pong") this.#stop("deadline");
      else this.onFrame(frame);
    };
    socket.onclose = ({ code }) => this.#lost(code, answered);
    this.#after("deadline", ANSWER_WITHIN_MS, () => this.#lost(null, answered));
  }

  send(message) {
    // 1 is OPEN; the constant is on the browser's class, which is not here in tests.
    if (this.socket?.readyState === 1) this.socket.send(JSON.stringify(message));
  }

  /** Do not wait any longer: the network is back, somebody looks again, or asks for it. */
  hurry() {
    if (this.state?.name === "waiting") {
      this.#stop("retry");
      this.start();
    }
  }

  /** Find out now whether the other side is still there. */
  check() {
    if (this.state?.name === "live") this.#ping();
  }

  stop() {
    this.#letGo();
    this.state = null;
  }

  #pingLater() {
    this.#after("ping", PING_EVERY_MS, () => this.#ping());
  }

  #ping() {
    this.send({ type: "ping" });
    if (!this.timers.has("deadline")) this.#after("deadline", PONG_WITHIN_MS, () => this.#lost(null, true));
    this.#pingLater();
  }

  async #lost(code, answered) {
    this.#letGo();
    if (code === CLOSE_UNAUTHENTICATED) return this.#enter({ name: "signed_out" });
    if (code === CLOSE_FORBIDDEN) return this.#enter({ name: "refused" });
    if (code === CLOSE_BAD_ADDRESS) return this.#enter({ name: "bad_address" });
    const isTooMuch = code === CLOSE_TRY_LATER;
    if (isTooMuch) this.attempt = Math.max(this.attempt, ATTEMPT_LATER);
    const wait = backoff(this.attempt, this.random);
    this.attempt += 1;
    this.#enter({ name: "waiting", until: this.world.Date.now() + wait });
    this.#after("retry", wait, () => this.start());
    const waiting = this.state;
    const why = answered || isTooMuch ? null : await this.whyRefused();
    // Meanwhile somebody may have asked to hurry.
    if (why && this.state === waiting) {
      this.#stop("retry");
      this.#enter({ name: why });
    }
  }

  #letGo() {
    for (const name of [...this.timers.keys()]) this.#stop(name);
    if (this.socket) {
      this.socket.onmessage = this.socket.onclose = null;
      this.socket.close();
      this.socket = null;
    }
  }

  #enter(state) {
    this.state = state;
    this.onState(state);
  }

  #after(name, ms, act) {
    this.#stop(name);
    const timer = this.world.setTimeout(() => {
      this.timers.delete(name);
      act();
    }, ms);
    this.timers.set(name, timer);
  }

  #stop(name) {
    this.world.clearTimeout(this.timers.get(name));
    this.timers.delete(name);
  }
}
