// How a page's socket is, in words, with what one can do about it. It keeps what `audio/connection.html` put there.

import { element } from "./dom.js";

const part = (id) => document.getElementById(id);

export class ConnectionLine {
  /**
   * For a `Connection`. `words(name)`: of a state other than waiting; `consolation()`: what is said while it waits.
   */
  constructor(connection, { words, consolation }) {
    Object.assign(this, { connection, words, consolation, countdown: null });
    part("connect-now").addEventListener("click", () => connection.hurry());
    addEventListener("online", () => connection.hurry());
    addEventListener("offline", () => connection.check());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState !== "visible") return;
      connection.hurry();
      connection.check();
    });
  }

  show() {
    const { name, until } = this.connection.state;
    clearInterval(this.countdown);
    part("connection").dataset.name = name;
    part("connect-now").hidden = name !== "waiting";
    part("sign-in-again").hidden = name !== "signed_out";
    if (name === "waiting") this.#showCountdown(until);
    else part("connection-words").textContent = this.words(name);
  }

  #showCountdown(until) {
    // Hidden from screen readers: they would read the line out every second.
    const seconds = element("span", { ariaHidden: "true" });
    const tick = () => {
      seconds.textContent = ` in ${Math.max(1, Math.ceil((until - Date.now()) / 1000))} s`;
    };
    tick();
    this.countdown = setInterval(tick, 1000);
    part("connection-words").replaceChildren("Reconnecting", seconds, ` … ${this.consolation()}`);
  }
}
