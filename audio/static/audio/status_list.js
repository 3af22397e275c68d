// How the recording stands: a line for each thing that needs a look, and a button where trying again may help.

import { element, icon } from "./dom.js";
import { lines } from "./status.js";

const FAILURES_SHOWN = 3;
const TONE_ICONS = { failed: "alert", missing: "wait", working: "half", safe: "check", quiet: "ring" };
const ASKING = null;

export class StatusList {
  /** `tryAgain(index)` resolves to why a chunk is not heard again, or to null; without it there are no buttons. */
  constructor(list, { tryAgain }) {
    this.list = list;
    this.tryAgain = tryAgain;
    /** By chunk index: ASKING, or why the last request was not taken. */
    this.retries = new Map();
    this.unfolded = false;
    this.shown = null;
    list.addEventListener("click", ({ target }) => this.#clicked(target.closest("button")));
  }

  /** `problem`: what the server complained of, if it did. */
  show(state, problem = null) {
    this.state = state;
    this.problem = problem;
    const said = problem ? [{ tone: "failed", text: problem }, ...lines(state)] : lines(state);
    const failures = said.filter((line) => line.index !== undefined);
    const folded = this.unfolded ? [] : failures.slice(FAILURES_SHOWN);
    const kept = said.filter((line) => !folded.includes(line));
    const contents = JSON.stringify([kept, folded.length, [...this.retries]]);
    if (contents === this.shown) return;
    this.shown = contents;
    this.#lay(kept, folded.length);
  }

  #lay(kept, folded) {
    const focused = this.list.contains(document.activeElement) ? document.activeElement.dataset.index : undefined;
    const rows = kept.map((line) => this.#row(line));
    if (folded) {
      const last = kept.findLastIndex((line) => line.index !== undefined);
      rows.splice(last + 1, 0, unfolding(folded));
    }
    this.list.replaceChildren(...rows);
    if (focused !== undefined) this.list.querySelector(`button[data-index="${focused}"]`)?.focus();
  }

  #row({ tone, text, index }) {
    const said = element("span", { className: "status-text", textContent: text });
    const row = element("li", {}, icon(TONE_ICONS[tone]), said);
    row.dataset.tone = tone;
    if (index === undefined || !this.tryAgain) return row;
    const answer = this.retries.get(index);
    const button = element("button", { type: "button", className: "button button-small", textContent: "Try again" });
    button.dataset.index = index;
    button.setAttribute("aria-label", `Try again: chunk ${index}`);
    button.setAttribute("aria-disabled", String(answer === ASKING));
    row.append(button);
    if (typeof answer === "string") row.append(element("span", { className: "status-note", textContent: answer }));
    return row;
  }

  #clicked(button) {
    if (!button) return;
    if (button.dataset.index === undefined) {
      this.unfolded = true;
      this.show(this.state, this.problem);
    } else if (button.getAttribute("aria-disabled") !== "true") {
      this.#retry(Number(button.dataset.index));
    }
  }

  async #retry(index) {
    this.retries.set(index, ASKING);
    this.show(this.state, this.problem);
    const refusal = await this.tryAgain(index);
    if (refusal) this.retries.set(index, refusal);
    else this.retries.delete(index);
    this.show(this.state, this.problem);
  }
}

function unfolding(folded) {
  const button = element("button", { type: "button", className: "link-button", textContent: `Show ${folded} more` });
  return element("li", {}, button);
}
