// Flags above a waveform: a pin each, or one for several that lie too close to be told apart.

import { element, icon } from "../dom.js";
import { count, duration } from "../format.js";
import { pinned, viewOf } from "./scale.js";

const APART_PX = 20;
const ICONS = { right: "check", wrong: "cross" };

export class Pins {
  /**
   * `onFlag(flag_id)`: one was chosen; `onLook(start, end)`: some that share a pin. `onTell(x, time, words)` and
   * `onAway()`: one is pointed at, and no longer.
   */
  constructor({ box, onFlag, onLook, onTell, onAway }) {
    Object.assign(this, { box, onFlag, onLook, onTell, onAway });
    this.shown = null;
    /** The flag that was chosen last. */
    this.chosen = null;
  }

  show(flags, { view, width, whole }) {
    this.box.hidden = flags.length === 0;
    const pins = pinned(flags, view, width, APART_PX);
    const said = JSON.stringify([pins, whole]);
    if (said === this.shown) return;
    this.shown = said;
    const focused = this.box.contains(document.activeElement) ? document.activeElement.dataset.flags : null;
    this.box.replaceChildren(...pins.map((pin) => this.#pin(pin, { width, whole })));
    if (focused !== null) [...this.box.children].find(({ dataset }) => dataset.flags === focused)?.focus();
  }

  #pin({ x, flags }, { width, whole }) {
    const [first, last] = [flags[0], flags.at(-1)];
    const isOne = flags.length === 1;
    const time = duration(first.start);
    const words = isOne ? wordsOf(first) : [`${count(flags.length, "flag")} up to ${duration(last.start)}`];
    const face = isOne ? icon(ICONS[first.verdict] ?? "alert") : element("span", { textContent: Math.min(flags.length, 99) });
    const button = element("button", { type: "button", className: "waveform-pin", ariaLabel: `${time}: ${words.join(". ")}` }, face);
    button.dataset.flags = flags.map((flag) => flag.flag_id).join(" ");
    button.dataset.verdict = (isOne && first.verdict) || "";
    button.style.left = `${x.toFixed(1)}px`;
    const long = last.start - first.start;
    const closer = viewOf(first.start - long, last.start + long, whole);
    const areParted = pinned(flags, closer, width, APART_PX).length > 1;
    button.addEventListener("click", () => {
      if (areParted) this.onLook(closer.start, closer.end);
      else this.#choose(flags);
    });
    for (const kind of ["pointerenter", "focus"]) button.addEventListener(kind, () => this.onTell(x, time, words));
    for (const kind of ["pointerleave", "blur"]) button.addEventListener(kind, () => this.onAway());
    return button;
  }

  /** The next of those that no closer look parts. */
  #choose(flags) {
    const after = flags.findIndex((flag) => flag.flag_id === this.chosen) + 1;
    this.chosen = (flags[after] ?? flags[0]).flag_id;
    this.onFlag(this.chosen);
  }
}

function wordsOf({ label, verdict }) {
  return verdict ? [label, `Reviewed: ${verdict}`] : [label];
}
