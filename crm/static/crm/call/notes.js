// What people have noted on a call, and a note more; and what they have done to it.

import { element } from "../../audio/dom.js";
import { count } from "../../audio/format.js";
import { showTime } from "../../audio/times.js";

const SHOWN_FIRST = 6;

export class Notes {
  /** `onNote(text)` resolves when it is kept, and rejects with a Refusal. */
  constructor({ box, onNote }) {
    Object.assign(this, { box, onNote });
    this.form = box.querySelector("form");
    this.form?.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#write();
    });
    this.form?.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.form.requestSubmit();
    });
  }

  show({ notes }) {
    this.box.querySelector("ol").replaceChildren(
      ...notes.map(({ text, by, at }) =>
        element("li", {}, who(by, at), element("p", { className: "note-text", textContent: text, dir: "auto" })),
      ),
    );
    this.box.querySelector(".aside-empty").hidden = notes.length > 0;
  }

  async #write() {
    const field = this.form.elements.note;
    const problem = this.form.querySelector(".field-error");
    const button = this.form.querySelector("button");
    const text = field.value.trim();
    if (!text) return field.focus();
    button.disabled = true;
    try {
      await this.onNote(text);
      field.value = "";
      problem.hidden = true;
    } catch (refusal) {
      problem.textContent = refusal.message;
      problem.hidden = false;
    } finally {
      button.disabled = false;
    }
  }
}

export class History {
  /** `onLine(id)`: the line that somebody did something to. */
  constructor({ box, onLine }) {
    Object.assign(this, { box, onLine });
    this.isWhole = false;
    this.more = box.querySelector("button");
    this.more.addEventListener("click", () => {
      this.isWhole = true;
      this.#lay();
      box.querySelector(`li:nth-child(${SHOWN_FIRST + 1})`)?.focus();
    });
    box.addEventListener("click", ({ target }) => {
      const line = target.closest("[data-line]");
      if (line) this.onLine(line.dataset.line);
    });
  }

  show({ history }) {
    this.entries = history;
    this.box.hidden = !history.length;
    this.#lay();
  }

  #lay() {
    const shown = this.isWhole ? this.entries : this.entries.slice(0, SHOWN_FIRST);
    this.box.querySelector("ol").replaceChildren(...shown.map(entryOf));
    const hidden = this.entries.length - shown.length;
    this.more.hidden = hidden === 0;
    this.more.textContent = `Show ${count(hidden, "earlier change")}`;
  }
}

function entryOf({ by, at, did, before, after, line }) {
  const act = line
    ? element("button", { type: "button", className: "link-button", textContent: did })
    : element("span", { textContent: did });
  if (line) act.dataset.line = line;
  const item = element("li", { tabIndex: -1 }, who(by, at), element("p", {}, act));
  if (before !== null || after !== null) {
    const change = element("p", { className: "history-change" });
    if (before !== null) change.append(element("del", { textContent: before, dir: "auto" }));
    if (before !== null && after !== null) change.append(" → ");
    if (after !== null) change.append(element("ins", { textContent: after, dir: "auto" }));
    item.append(change);
  }
  return item;
}

function who(by, at) {
  const time = element("time", { className: "muted" });
  showTime(time, new Date(at));
  return element("p", { className: "said-by" }, element("bdi", { textContent: by }), " ", time);
}
