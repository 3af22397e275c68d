// What deserves a second look, each with its time and its reason.

import { element } from "./dom.js";
import { duration } from "./format.js";

export class FlagList {
  /** `onSeek(seconds)`: the time of one was chosen. */
  constructor({ box, onSeek }) {
    Object.assign(this, { box, onSeek });
  }

  show({ flags }) {
    this.box.hidden = flags.length === 0;
    this.box.querySelector("ol").replaceChildren(...flags.map((flag) => this.#row(flag)));
  }

  #row({ rule, evidence, start_time: start, verdict }) {
    const time = duration(start);
    const button = element("button", { type: "button", className: "flag-time", textContent: time });
    button.setAttribute("aria-label", `Go to ${time}`);
    button.addEventListener("click", () => this.onSeek(start));
    const said = verdict ? [" ", element("span", { className: "muted", textContent: `Reviewed: ${verdict}.` })] : [];
    const row = element("li", {}, button, element("p", {}, element("strong", { textContent: rule }), " ", evidence, ...said));
    row.dataset.verdict = verdict ?? "";
    return row;
  }
}
