// Tables that stay as they are while their figures change: rows are kept by their key.

import { element, write } from "../../audio/dom.js";
import { sorted } from "./sorting.js";
import { bytes, count, milliseconds, plain, share } from "./words.js";

const SHOWN_AT_FIRST = 10;

/** Names with their figures, those with most segments first; a name narrows the page to itself. */
export class NameTable {
  #rows = new Map();
  #isWhole = false;
  #items = [];

  /** `onChoose(id)`: somebody wants to see this one alone, or all again when it is chosen already. */
  constructor(box, { onChoose }) {
    Object.assign(this, { box, onChoose });
    this.body = box.querySelector("tbody");
    this.more = box.querySelector(".names-more");
    this.none = box.querySelector(".names-none");
    this.more.addEventListener("click", () => {
      this.#isWhole = !this.#isWhole;
      this.#show();
    });
  }

  show(items, chosen) {
    this.#items = items;
    this.chosen = chosen;
    this.#show();
  }

  #show() {
    const items = this.#isWhole ? this.#items : this.#items.slice(0, SHOWN_AT_FIRST);
    const most = Math.max(1, ...items.map(({ segments }) => segments));
    this.none.hidden = this.#items.length > 0;
    this.box.querySelector("table").hidden = this.#items.length === 0;
    this.more.hidden = this.#items.length <= SHOWN_AT_FIRST;
    write(this.more, this.#isWhole ? "Show the first ten" : `Show all ${count(this.#items.length)}`);
    const kept = new Set(items.map(({ id }) => id));
    for (const [id, row] of this.#rows) {
      if (kept.has(id)) continue;
      row.remove();
      this.#rows.delete(id);
    }
    items.forEach((item, place) => {
      if (!this.#rows.has(item.id)) this.#rows.set(item.id, this.#row(item.id));
      const row = this.#rows.get(item.id);
      if (this.body.children[place] !== row) this.body.insertBefore(row, this.body.children[place] ?? null);
      this.#fill(row, item, most);
    });
  }

  #row(id) {
    const button = element("button", { type: "button", className: "name" }, element("bdi"));
    button.addEventListener("click", () => this.onChoose(id === this.chosen ? "" : id));
    const bar = element("span", { className: "bar", ariaHidden: "true" }, element("span"));
    const cells = ["segments", "errors", "latency", "bytes"].map((name) => element("td", { className: `number names-${name}` }));
    return element("tr", {}, element("th", { scope: "row" }, button, bar), ...cells);
  }

  #fill(row, item, most) {
    const button = row.querySelector("button");
    write(button.firstChild, item.name || "Unnamed");
    button.title = item.name === item.id ? item.name : `${item.name}, ${item.id}`;
    button.ariaPressed = String(item.id === this.chosen);
    row.querySelector(".bar > span").style.width = `${(100 * item.segments) / most}%`;
    const [segments, errors, latency, size] = row.querySelectorAll("td");
    write(segments, count(item.segments));
    write(errors, item.errors ? share(item.error_share) : "0");
    errors.title = `${count(item.errors)} failed`;
    write(latency, milliseconds(item.average_ms));
    write(size, bytes(item.bytes));
  }
}

/** How long operations take; a click on a column's name sorts by it. */
export class OperationTable {
  #rows = new Map();
  #items = [];
  #by = "p95_ms";
  #isRising = false;

  constructor(box) {
    this.body = box.querySelector("tbody");
    this.field = box.querySelector("input");
    this.heads = [...box.querySelectorAll("th[data-by]")];
    for (const head of this.heads) head.querySelector("button").addEventListener("click", () => this.#sort(head.dataset.by));
    this.field.addEventListener("input", () => this.#show());
  }

  show(items) {
    this.#items = items;
    this.#show();
  }

  #sort(by) {
    this.#isRising = by === this.#by ? !this.#isRising : by === "operation";
    this.#by = by;
    this.#show();
  }

  #show() {
    for (const head of this.heads) {
      const isSorted = head.dataset.by === this.#by;
      if (isSorted) head.setAttribute("aria-sort", this.#isRising ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    }
    const words = this.field.value.trim().toLowerCase();
    const shown = sorted(this.#items, this.#by, this.#isRising).filter(
      ({ operation, about }) => !words || `${operation} ${about}`.toLowerCase().includes(words),
    );
    const kept = new Set(shown.map(({ operation }) => operation));
    for (const [operation, row] of this.#rows) {
      if (kept.has(operation)) continue;
      row.remove();
      this.#rows.delete(operation);
    }
    shown.forEach((item, place) => {
      if (!this.#rows.has(item.operation)) this.#rows.set(item.operation, rowOf(item));
      const row = this.#rows.get(item.operation);
      if (this.body.children[place] !== row) this.body.insertBefore(row, this.body.children[place] ?? null);
      const values = [count(item.count), item.failures ? count(item.failures) : "0", milliseconds(item.p50_ms), milliseconds(item.p95_ms), milliseconds(item.p99_ms)];
      row.querySelectorAll("td").forEach((cell, at) => write(cell, values[at]));
      row.toggleAttribute("data-failures", item.failures > 0);
    });
  }
}

function rowOf({ operation, about }) {
  const name = element("span", { className: "operation-name mono", textContent: operation });
  const words = element("span", { className: "operation-about muted", textContent: about });
  return element("tr", {}, element("th", { scope: "row" }, name, words), ...Array.from({ length: 5 }, () => element("td", { className: "number" })));
}

/** The workers' queues: a row each, those in which something waits by their bar too. */
export class QueueTable {
  constructor(box) {
    this.body = box.querySelector("tbody");
  }

  show(queues) {
    const most = Math.max(1, ...queues.map(({ waiting }) => waiting));
    queues.toSorted((one, other) => one.queue.localeCompare(other.queue)).forEach((queue, place) => {
      const row = this.body.children[place] ?? this.body.appendChild(element("tr", {}, element("th", { scope: "row" }, element("span"), element("span", { className: "bar", ariaHidden: "true" }, element("span"))), element("td", { className: "number" })));
      write(row.querySelector("th > span"), plain(queue.queue));
      row.querySelector(".bar > span").style.width = `${(100 * queue.waiting) / most}%`;
      write(row.querySelector("td"), count(queue.waiting));
    });
    while (this.body.children.length > queues.length) this.body.lastChild.remove();
  }
}
