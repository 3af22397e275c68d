// What deserves a second look: why, where, and what a reviewer says of it.

import { element, icon } from "../../audio/dom.js";
import { duration, percent } from "../../audio/format.js";
import { toSecond } from "./lines.js";

const VERDICTS = { right: "Right", wrong: "Wrong" };

/** A number and its unit stay on one line. */
const unbroken = (text) => text.replace(/(\d) (?=(?:s|min|h)\b)/g, "$1\u00a0");

export class Flags {
  /** `onJudge(flagId, verdict)` resolves when it is kept and rejects with a Refusal; `say(words)` tells of that. */
  constructor({ box, mayReview, onJudge, say }) {
    Object.assign(this, { box, mayReview, onJudge, say });
    box.addEventListener("click", ({ target }) => {
      const button = target.closest("[data-verdict-of]");
      if (button) this.#judge(button);
    });
  }

  show({ suspicion }) {
    const { flags, score } = suspicion;
    this.box.hidden = !flags.length;
    this.box.querySelector("#suspicion-score").textContent = percent(score);
    const focused = document.activeElement?.closest("[data-verdict-of]")?.dataset;
    this.box.querySelector("ol").replaceChildren(...flags.map((flag) => this.#item(flag)));
    if (focused) this.#button(focused.verdictOf, focused.verdict)?.focus();
  }

  /** Have a flag in view, as its pin was chosen. */
  point(flagId) {
    const item = [...this.box.querySelectorAll("li")].find((one) => one.dataset.flagId === flagId);
    item?.scrollIntoView({ block: "nearest" });
    item?.querySelector("a").focus({ preventScroll: true });
  }

  #item(flag) {
    const time = element("a", { className: "flag-time mono", href: `?t=${toSecond(flag.start_time)}`, textContent: duration(flag.start_time) });
    time.dataset.seeks = flag.start_time;
    const words = element("div", { className: "flag-words" }, element("strong", { textContent: flag.rule }), element("p", { className: "muted", textContent: unbroken(flag.evidence), dir: "auto" }));
    if (this.mayReview) words.append(this.#buttons(flag));
    else if (flag.verdict) words.append(element("p", { className: "flag-said muted", textContent: `Judged ${flag.verdict}` }));
    const item = element("li", {}, icon("alert"), time, words);
    Object.assign(item.dataset, { flagId: flag.flag_id, verdict: flag.verdict ?? "" });
    return item;
  }

  #buttons(flag) {
    const box = element("div", { className: "flag-verdict", role: "group" });
    box.setAttribute("aria-label", `Is it right? ${flag.rule}`);
    for (const [verdict, name] of Object.entries(VERDICTS)) {
      const button = element("button", { type: "button", className: "button button-small" }, icon(verdict === "right" ? "check" : "cross"), name);
      Object.assign(button.dataset, { verdictOf: flag.flag_id, verdict });
      button.setAttribute("aria-pressed", String(flag.verdict === verdict));
      box.append(button);
    }
    return box;
  }

  #button(flagId, verdict) {
    return [...this.box.querySelectorAll("[data-verdict-of]")].find(
      (one) => one.dataset.verdictOf === flagId && one.dataset.verdict === verdict,
    );
  }

  async #judge(button) {
    if (button.getAttribute("aria-pressed") === "true") return;
    try {
      await this.onJudge(button.dataset.verdictOf, button.dataset.verdict);
    } catch (refusal) {
      this.say(refusal.message);
    }
  }
}
