// A line corrected in its place. What somebody writes is never lost: not when the call changes meanwhile, not when the
// server refuses it.

import { element } from "../../audio/dom.js";
import { conflictWords } from "./line_conflict.js";
import { shownName } from "./row.js";

const SOMEBODY_ELSE = "\0";
const LONGEST_NAME = 64;
const LONGEST_TEXT = 4000;
const SIDES = ["agent", "client"];

export class LineEditor {
  /**
   * `list` is the LineList. `onSave(id, values)` keeps a correction; it resolves when that is done, and rejects with a
   * Refusal. `onClose(place)`: back to reading.
   */
  constructor({ list, onSave, onClose }) {
    Object.assign(this, { list, onSave, onClose });
    /** The line as it was when its editing began, or as somebody else has made it since. */
    this.line = null;
    this.form = null;
    /** Whether the line was changed, or heard again, under what is being written. */
    this.isContested = false;
  }

  get isOpen() {
    return this.line !== null;
  }

  /** Whether what is being written is about a line that is as its writer saw it. */
  get stands() {
    return this.isOpen && !this.isContested;
  }

  open(place, { speakers }) {
    if (this.isOpen) {
      if (this.#isChanged()) return this.text.focus();
      this.close();
    }
    this.line = this.list.lines[place];
    this.form = this.#formOf(this.line, speakers);
    this.#land(place);
    this.#grow();
    this.text.focus();
    this.text.setSelectionRange(this.text.value.length, this.text.value.length);
  }

  close() {
    const place = this.#place();
    this.form.closest(".segment")?.removeAttribute("data-editing");
    this.form.remove();
    this.line = this.form = null;
    this.isContested = false;
    this.onClose(place);
  }

  /**
   * Around `change()`, which lays the list anew: what is being written goes into the new row of its line. `history` of
   * the call, newest first, tells who changed the line.
   */
  across(change, { history }) {
    if (!this.isOpen) return change();
    const hadFocus = this.form.contains(document.activeElement) ? document.activeElement : null;
    change();
    const place = this.#place();
    const now = this.list.lines[place];
    if (now?.id !== this.line.id) {
      this.isContested = true;
      this.#say("This line is not there any more as it was: it was heard again. Copy what you wrote before you cancel.");
    } else if (now.text !== this.line.text || now.speaker !== this.line.speaker) {
      this.#contest(now, history);
    }
    this.#land(place);
    hadFocus?.focus({ preventScroll: true });
  }

  /** Somebody else has changed the line: theirs is shown beside what one writes, and one of the two is to be chosen. */
  #contest(now, history) {
    const was = this.line;
    // What one has not touched becomes theirs.
    if (this.text.value === was.text) this.text.value = now.text;
    if (this.#speaker() === was.speaker) {
      if (![...this.who.options].some(({ value }) => value === now.speaker)) this.who.prepend(...choices([], now.speaker).slice(0, 1));
      this.who.value = now.speaker;
    }
    this.line = now;
    if (!this.#isChanged()) return;
    this.isContested = true;
    this.save.textContent = "Write mine";
    this.cancel.textContent = "Keep theirs";
    this.#say(conflictWords(now, was, history));
  }

  /** Where the line is now; where it would be, if it is gone. */
  #place() {
    const { lines } = this.list;
    const place = lines.findIndex(({ id }) => id === this.line.id);
    if (place !== -1) return place;
    return Math.max(0, lines.findLastIndex(({ start }) => start <= this.line.start));
  }

  #land(place) {
    const row = this.list.row(place);
    if (!row || this.form.parentElement === row) return;
    row.dataset.editing = "";
    row.append(this.form);
  }

  #isChanged() {
    return this.text.value !== this.line.text || this.#speaker() !== this.line.speaker;
  }

  #speaker() {
    return this.who.value === SOMEBODY_ELSE ? this.name.value.trim() : this.who.value;
  }

  #formOf(line, speakers) {
    this.text = element("textarea", { className: "editor-text", value: line.text, maxLength: LONGEST_TEXT, rows: 1, dir: "auto" });
    this.text.setAttribute("aria-label", "What is said");
    this.who = element("select", { className: "editor-who" }, ...choices(speakers, line.speaker));
    this.who.value = line.speaker;
    this.who.setAttribute("aria-label", "Who says it");
    this.name = element("input", { className: "editor-name", maxLength: LONGEST_NAME, placeholder: "Their name", hidden: true, dir: "auto" });
    this.name.setAttribute("aria-label", "Their name");
    this.save = element("button", { type: "submit", className: "button button-primary button-small", textContent: "Save" });
    this.cancel = element("button", { type: "button", className: "button button-small", textContent: "Cancel" });
    const keys = element("span", { className: "editor-keys muted" }, element("kbd", { textContent: "Ctrl" }), " ", element("kbd", { textContent: "Enter" }), " saves");
    this.problem = element("p", { className: "editor-problem", hidden: true });
    this.problem.setAttribute("role", "alert");
    const bar = element("div", { className: "editor-bar" }, this.who, this.name, keys, this.cancel, this.save);
    const form = element("form", { className: "editor", noValidate: true }, this.text, bar, this.problem);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    form.addEventListener("keydown", (event) => this.#pressed(event));
    this.text.addEventListener("input", () => this.#grow());
    this.who.addEventListener("change", () => {
      this.name.hidden = this.who.value !== SOMEBODY_ELSE;
      if (!this.name.hidden) this.name.focus();
    });
    this.cancel.addEventListener("click", () => this.close());
    return form;
  }

  #pressed(event) {
    if (event.key === "Escape") {
      event.stopPropagation();
      this.close();
    } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.#submit();
    }
  }

  async #submit() {
    if (this.save.disabled) return;
    const [text, speaker] = [this.text.value.trim(), this.#speaker()];
    if (!text) return this.#say("Write what is said. A line cannot be empty.");
    if (!speaker) return this.#say("Write the name of who says it.");
    const values = {
      ...(text === this.line.text ? {} : { text }),
      ...(speaker === this.line.speaker ? {} : { speaker }),
    };
    if (!Object.keys(values).length) return this.close();
    this.save.disabled = true;
    this.isContested = false;
    try {
      await this.onSave(this.line.id, values);
    } catch (refusal) {
      this.save.disabled = false;
      if (!this.isContested) {
        this.#say(refusal.isStale ? "Others keep changing this call. What you wrote is still here: save again to write it." : refusal.message);
      }
      return;
    }
    if (this.isOpen) this.close();
  }

  #say(words) {
    this.problem.hidden = false;
    this.problem.textContent = words;
  }

  #grow() {
    this.text.style.height = "auto";
    this.text.style.height = `${this.text.scrollHeight + 2}px`;
  }
}

function choices(speakers, own) {
  const known = [...new Set([own, ...speakers, ...SIDES])];
  return [
    ...known.map((speaker) => element("option", { value: speaker, textContent: shownName(speaker) })),
    element("option", { value: SOMEBODY_ELSE, textContent: "Somebody else …" }),
  ];
}
