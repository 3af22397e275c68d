// The board's socket: what changes arrives as frames, and whatever may have been missed is asked for again.

import { Connection, socketAddress } from "../../audio/connection.js";
import { toServer } from "./asked.js";

export class LiveBoard {
  /**
   * `onReady()`: from now on nothing is missed, so the board can be read. `onFrame(frame)`: cards changed.
   * `onReload()`: more changed than is told. `onState(name)`: the connection's. `whyRefused()`: as for a Connection.
   */
  constructor({ address, onReady, onFrame, onReload, onState, whyRefused }) {
    Object.assign(this, { address, onReady, onFrame, onReload });
    this.connection = new Connection({
      open: () => new WebSocket(socketAddress(`${address}?${this.asked}`)),
      onFrame: (frame) => this.#take(frame),
      onState: ({ name }) => onState(name),
      whyRefused,
    });
    addEventListener("online", () => this.connection.hurry());
    addEventListener("offline", () => this.connection.check());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState !== "visible") return;
      this.connection.hurry();
      this.connection.check();
    });
  }

  /** Watch what these filters show, from now on. */
  watch(asked) {
    this.connection.stop();
    this.asked = toServer(asked);
    this.connection.start();
  }

  hurry() {
    this.connection.hurry();
  }

  #take(frame) {
    if (frame.type === "ready") this.onReady();
    else if (frame.type === "cards") this.onFrame(frame);
    else if (frame.type === "columns" || frame.type === "reload") this.onReload();
  }
}
