// The strip of chunks: one cell each, left to right, and what is known of the one that is pointed at.

import { element, icon } from "./dom.js";
import { duration, list, localClock, milliseconds, percent, size, utc } from "./format.js";
import { cellState, cells } from "./timeline.js";

const CELL_ICONS = {
  recorded: "dot",
  kept: "kept",
  sending: "up",
  stored: "ring",
  analysed: "half",
  transcribed: "check",
  failed: "cross",
};
const ROOMY_UP_TO = 40;
const MEDIUM_UP_TO = 240;
const MARGIN_PX = 8;

export class ChunkStrip {
  /** `onOpen(index)`: a cell was clicked, or entered by keyboard. */
  constructor({ strip, note, detail, onOpen }) {
    Object.assign(this, { strip, note, detail });
    /** {button, index, chunk} of each cell, left to right; the first one's index is `first`. */
    this.cells = [];
    this.first = 0;
    /** The place of the one cell that Tab reaches; arrows go on from it. */
    this.current = 0;
    this.detailed = null;
    this.owed = new Set();
    this.#listen(onOpen);
  }

  show(state) {
    const { first, shown } = cells(state);
    this.owed = new Set(state.session.owed);
    if (first !== this.first || !this.cells.length) {
      this.first = first;
      this.cells = [];
      this.strip.replaceChildren();
    }
    this.strip.dataset.density = density(shown.length);
    shown.forEach(({ index, chunk }, place) => {
      this.cells[place] ??= this.#newCell(index);
      if (this.cells[place].chunk !== chunk) this.#fill(this.cells[place], chunk);
    });
    this.note.hidden = first === 0;
    this.note.textContent = `The last ${shown.length.toLocaleString("en")} chunks. The ${first.toLocaleString("en")} before them are not drawn.`;
  }

  /** Another recording is shown from here on. */
  forget() {
    this.cells = [];
    this.current = 0;
    this.#hide();
  }

  #newCell(index) {
    const tabIndex = this.cells.length === this.current ? 0 : -1;
    const button = element("button", { type: "button", className: "cell", tabIndex });
    button.dataset.index = index;
    this.strip.append(element("li", {}, button));
    return { button, index, chunk: undefined };
  }

  #fill(cell, chunk) {
    cell.chunk = chunk;
    const kind = cellState(chunk);
    cell.button.dataset.state = kind;
    cell.button.setAttribute("aria-label", `Chunk ${cell.index}, ${kind}${chunk ? `, ${span(chunk)}` : ""}`);
    cell.button.replaceChildren(...(CELL_ICONS[kind] ? [icon(CELL_ICONS[kind], "cell-mark")] : []));
    if (this.detailed === cell) this.#describe(cell);
  }

  #listen(onOpen) {
    this.strip.addEventListener("keydown", (event) => this.#move(event));
    this.strip.addEventListener("focusin", ({ target }) => {
      const cell = this.#cellOf(target);
      if (!cell) return;
      this.#makeCurrent(cell.index - this.first);
      if (cell.button.matches(":focus-visible")) this.#describe(cell);
    });
    this.strip.addEventListener("focusout", () => this.#hide());
    this.strip.addEventListener("scroll", () => this.#hide());
    this.strip.addEventListener("pointerover", ({ target }) => {
      const cell = this.#cellOf(target);
      if (cell) this.#describe(cell);
    });
    this.strip.addEventListener("pointerleave", () => {
      const focused = this.#cellOf(document.activeElement);
      if (focused?.button.matches(":focus-visible")) this.#describe(focused);
      else this.#hide();
    });
    this.strip.addEventListener("click", ({ target }) => {
      const cell = this.#cellOf(target);
      if (!cell) return;
      onOpen(cell.index);
      // A finger does not hover: its tap is what asks.
      this.#describe(cell);
    });
    addEventListener("pointerdown", ({ target }) => {
      if (!this.#cellOf(target)) this.#hide();
    });
    addEventListener("keydown", ({ key }) => {
      if (key === "Escape") this.#hide();
    });
  }

  #cellOf(target) {
    const button = target instanceof Element ? target.closest(".cell[data-index]") : null;
    return button ? this.cells[Number(button.dataset.index) - this.first] : null;
  }

  #move(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity }[event.key];
    if (step === undefined || !this.cells.length) return;
    event.preventDefault();
    this.#makeCurrent(Math.min(this.cells.length - 1, Math.max(0, this.current + step)));
    this.cells[this.current].button.focus();
  }

  #makeCurrent(place) {
    this.cells[this.current].button.tabIndex = -1;
    this.current = place;
    this.cells[place].button.tabIndex = 0;
  }

  #describe(cell) {
    this.detailed?.button.removeAttribute("aria-describedby");
    this.detailed = cell;
    const facts = cell.chunk ? factsOf(cell.chunk) : [["Arrived", this.#absence(cell.index)]];
    this.detail.replaceChildren(
      element("h3", { textContent: `Chunk ${cell.index}: ${cellState(cell.chunk)}` }),
      element("dl", {}, ...facts.flatMap(([name, fact]) => [element("dt", { textContent: name }), element("dd", {}, fact)])),
    );
    cell.button.setAttribute("aria-describedby", "detail");
    this.detail.showPopover();
    putBeside(this.detail, cell.button.getBoundingClientRect());
  }

  #hide() {
    this.detailed?.button.removeAttribute("aria-describedby");
    this.detailed = null;
    this.detail.hidePopover();
  }

  #absence(index) {
    return this.owed.has(index) ? "not yet, the recorder counted it" : "not yet, later chunks have";
  }
}

function density(number) {
  if (number > MEDIUM_UP_TO) return "dense";
  return number > ROOMY_UP_TO ? "medium" : "roomy";
}

function putBeside(floating, anchor) {
  const { width, height } = floating.getBoundingClientRect();
  const below = anchor.bottom + MARGIN_PX;
  const fits = below + height + MARGIN_PX <= innerHeight;
  const top = fits ? below : Math.max(MARGIN_PX, anchor.top - MARGIN_PX - height);
  const left = Math.max(MARGIN_PX, Math.min(innerWidth - width - MARGIN_PX, anchor.left));
  floating.style.setProperty("top", `${top}px`);
  floating.style.setProperty("left", `${left}px`);
}

function span(chunk) {
  return `${duration(chunk.start_time_seconds)} to ${duration(chunk.end_time_seconds)}`;
}

function factsOf(chunk) {
  if (chunk.local) return localFactsOf(chunk);
  return [
    ["Time", `${span(chunk)} (${chunk.duration_seconds.toFixed(1)} s)`],
    ["Size", `${size(chunk.file_size_bytes)}, ${chunk.content_type}`],
    ["Voice", chunk.voice_activity_ratio === null ? "not known yet" : percent(chunk.voice_activity_ratio)],
    ["Stored", moment(chunk.stored_at)],
    ["Analysed", after(chunk.stored_at, chunk.analysed_at)],
    ["Transcribed", after(chunk.stored_at, chunk.transcribed_at)],
    ...stageFacts(chunk.analysis_results),
    ...(chunk.attempts > 1 ? [["Attempts", String(chunk.attempts)]] : []),
    ...(chunk.error ? [["Error", chunk.error]] : []),
    ["SHA-256", element("span", { className: "mono", textContent: `${chunk.checksum.slice(0, 16)}…` })],
  ];
}

/** Of a chunk that is on this device only. */
function localFactsOf(chunk) {
  return [
    ["Time", `${span(chunk)} (${chunk.duration_seconds.toFixed(1)} s)`],
    ["Size", size(chunk.file_size_bytes)],
    ["Where", "on this device, until the server has it"],
    ...(chunk.error ? [["Not taken", chunk.error]] : []),
    ...(chunk.checksum ? [["SHA-256", element("span", { className: "mono", textContent: `${chunk.checksum.slice(0, 16)}…` })]] : []),
  ];
}

function moment(at) {
  return at ? `${localClock(new Date(at))} (${utc(new Date(at)).slice(11)})` : "not yet";
}

function after(from, at) {
  return from && at ? `${milliseconds(Math.max(0, new Date(at) - new Date(from)))} later` : "not yet";
}

function stageFacts(results) {
  const took = Object.entries(results ?? {})
    .filter(([, stage]) => typeof stage?.ms === "number")
    .map(([name, stage]) => `${name.replaceAll("_", " ")} ${milliseconds(stage.ms)}${stage.engine ? ` (${stage.engine})` : ""}`);
  return took.length ? [["Work", list(took)]] : [];
}
