// A speaker gets another name, in all of the call; one who has the name already is the same person then.

import { count } from "../../audio/format.js";
import { shownName } from "./row.js";

export class SpeakerDialog {
  /**
   * `onRename(from, to)` resolves when it is done, and rejects with a Refusal. `onDone(place)`: back to reading, where
   * the dialog was opened.
   */
  constructor({ dialog, onRename, onDone }) {
    Object.assign(this, { dialog, onRename, onDone });
    this.form = dialog.querySelector("form");
    this.field = dialog.querySelector("input");
    this.means = dialog.querySelector(".rename-means");
    this.problem = dialog.querySelector(".field-error");
    this.submit = dialog.querySelector("[type=submit]");
    this.field.addEventListener("input", () => this.#tell());
    dialog.querySelector("[data-closes]").addEventListener("click", () => dialog.close());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#rename();
    });
  }

  /** `parts`: the call's speakers, {speaker, lines}; `place` of the line whose name was chosen. */
  open(speaker, parts, { place }) {
    Object.assign(this, { speaker, parts, place });
    this.field.value = isGuessed(speaker) ? "" : shownName(speaker);
    this.dialog.querySelector("h2 bdi").textContent = shownName(speaker);
    this.dialog.querySelector("datalist").replaceChildren(
      ...parts.filter((part) => part.speaker !== speaker).map((part) => new Option(shownName(part.speaker))),
    );
    this.problem.hidden = true;
    this.#tell();
    this.dialog.showModal();
    this.field.select();
  }

  #tell() {
    const other = this.#other();
    const own = this.#linesOf(this.speaker);
    this.submit.textContent = other ? "Merge" : "Rename";
    this.submit.disabled = !this.field.value.trim();
    this.means.textContent = other
      ? `${shownName(other)} speaks in this call already, in ${count(this.#linesOf(other), "line")}. The two become one person: ${count(own, "line")} of ${shownName(this.speaker)} will be ${shownName(other)}’s. Renaming does not take them apart again.`
      : `In ${count(own, "line")} of this call, and in what is heard later.`;
  }

  async #rename() {
    const name = this.field.value.trim();
    if (!name) return;
    this.submit.disabled = true;
    try {
      await this.onRename(this.speaker, this.#other() ?? sideOf(name) ?? name);
      this.dialog.close();
      this.onDone(this.place);
    } catch (refusal) {
      this.problem.textContent = refusal.isStale
        ? "Somebody else changed this call first. Look whether it is still right, then press again."
        : refusal.message;
      this.problem.hidden = false;
    } finally {
      this.submit.disabled = false;
    }
  }

  /** The speaker of this call, if any, whom the name that was typed means already. */
  #other() {
    const name = this.field.value.trim().toLowerCase();
    const found = this.parts.find(({ speaker }) => shownName(speaker).toLowerCase() === name);
    return found && found.speaker !== this.speaker ? found.speaker : null;
  }

  #linesOf(speaker) {
    return this.parts.find((part) => part.speaker === speaker)?.lines ?? 0;
  }
}

/** Whoever is called Agent or Client is that side, with its colour. */
function sideOf(name) {
  const side = name.toLowerCase();
  return ["agent", "client"].includes(side) ? side : null;
}

/** Whether nobody has named them yet. */
function isGuessed(speaker) {
  return speaker === "unknown" || /^speaker_\d+$/.test(speaker);
}
