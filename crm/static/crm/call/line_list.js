// A call's lines, laid out block by block: the one that is looked for first, the others while nothing else is to do.
// A browser leaves out of its work what is far from the view, but finds words in all of it.

import { element, icon } from "../../audio/dom.js";
import { duration } from "../../audio/format.js";
import { atSecond, heightOf, isTurn, secondOf } from "./lines.js";
import { rowOf, sideOf } from "./row.js";

const IN_A_BLOCK = 100;
// As the style sheet has them; only until a block has been laid out.
const MEASURES = { row: 25.6, between: 6, turn: 30 };
const CHARACTER_PX = 8;
const BESIDE_THE_TEXT_PX = 108;
const WIDEST_CHARACTERS = 76;

export class LineList {
  /**
   * `onChoose(place)`: a line was clicked, or its time followed. `onEdit(place)`: it is to be corrected.
   * `onRename(speaker, place)`: their name was clicked, at this line.
   */
  constructor({ list, mayEdit, onChoose, onEdit, onRename }) {
    Object.assign(this, { list, mayEdit, onChoose, onEdit, onRename });
    this.lines = [];
    this.sides = {};
    this.blocks = [];
    this.lit = null;
    this.litId = null;
    this.playing = null;
    this.tools = toolsOf(mayEdit);
    list.addEventListener("click", (event) => this.#clicked(event));
    list.addEventListener("dblclick", (event) => this.#clickedTwice(event));
    for (const kind of ["pointerover", "focusin"]) list.addEventListener(kind, ({ target }) => this.#offer(target));
  }

  /**
   * Show these lines in place of those before; rows of lines that are the same stay the same elements. `sides`: which
   * side a speaker is who is called otherwise.
   */
  show(lines, flags, sides = {}) {
    Object.assign(this, { lines, sides });
    const flagged = byPlace(lines, flags);
    const digests = lines.map((line, place) => digestOf(lines, place, { flags: flagged.get(place), side: sideOf(lines[place].speaker, sides) }));
    const until = Math.ceil(lines.length / IN_A_BLOCK);
    for (const { box } of this.blocks.splice(until)) box.remove();
    for (let number = 0; number < until; number += 1) {
      const first = number * IN_A_BLOCK;
      const block = this.blocks[number] ?? this.#newBlock(first);
      Object.assign(block, { flagged, wanted: digests.slice(first, first + IN_A_BLOCK) });
      if (block.isFilled) this.#lay(block);
      else this.#guessHeight(block);
    }
    if (this.litId !== null) this.#mark(this.lines.findIndex(({ id }) => id === this.litId));
  }

  /** Fill the block of this place at once, the others from there on, both ways. */
  fillFrom(place) {
    const at = Math.max(0, Math.floor(place / IN_A_BLOCK));
    this.#fill(this.blocks[at]);
    const later = window.requestIdleCallback ?? ((act) => setTimeout(act, 16));
    const go = () => {
      const empty = this.blocks.filter(({ isFilled }) => !isFilled);
      if (!empty.length) return;
      this.#fill(empty.reduce((one, other) => (away(other, place) < away(one, place) ? other : one)));
      later(go);
    };
    later(go);
  }

  /** Mark the line at this place, and have it in view. */
  light(place, { scroll = false } = {}) {
    this.#mark(place);
    if (this.lit && scroll) {
      this.lit.focus({ preventScroll: true });
      this.scrollTo(place);
    }
  }

  /** Mark the line that is being heard; -1 for none. Returns its row, or null. */
  markPlaying(place) {
    const row = this.row(place);
    if (row !== this.playing) {
      this.playing?.removeAttribute("data-playing");
      row?.setAttribute("data-playing", "");
      this.playing = row;
    }
    return row;
  }

  /** The place of the line that has the focus; null when none has. */
  get focused() {
    const row = document.activeElement?.closest(".segment");
    return row && this.list.contains(row) ? Number(row.dataset.place) : null;
  }

  focus(place) {
    const row = this.row(place);
    row?.focus({ preventScroll: true });
    row?.scrollIntoView({ block: "nearest" });
  }

  /** The name that a line begins with; the line, where it begins with none any more. */
  focusSpeaker(place) {
    const row = this.row(place);
    if (row) this.#focusName(row);
  }

  /** The row at a place, laid out now if it was not; null where there is none. */
  row(place) {
    const block = this.blocks[Math.floor(place / IN_A_BLOCK)];
    if (!block || !this.lines[place]) return null;
    this.#fill(block);
    return block.box.children[place - block.first] ?? null;
  }

  /** Have a line in the middle of the view. */
  scrollTo(place, { behavior = "auto" } = {}) {
    const row = this.row(place);
    row?.scrollIntoView({ block: "center", behavior });
    // What is above gets its real height only once it is near the view.
    if (behavior === "auto") requestAnimationFrame(() => row?.scrollIntoView({ block: "center" }));
  }

  #newBlock(first) {
    const box = element("div", { className: "lines-block", role: "presentation" });
    const block = { box, first, isFilled: false, laid: [] };
    if (first === 0) this.list.replaceChildren();
    this.blocks.push(block);
    this.list.append(box);
    return block;
  }

  #guessHeight({ box, first }) {
    const room = Math.floor((this.list.clientWidth - BESIDE_THE_TEXT_PX) / CHARACTER_PX);
    const characters = Math.max(20, Math.min(WIDEST_CHARACTERS, room));
    const height = Math.ceil(heightOf(this.lines.slice(first, first + IN_A_BLOCK), { ...MEASURES, characters }));
    box.style.minHeight = `${height}px`;
    box.style.containIntrinsicBlockSize = `auto ${height}px`;
  }

  #fill(block) {
    if (!block || block.isFilled) return;
    block.isFilled = true;
    this.#lay(block);
    block.box.style.minHeight = "";
  }

  /** Bring a block's rows in line with what is wanted, touching only those that differ. */
  #lay(block) {
    const { box, first, wanted, laid } = block;
    while (box.children.length > wanted.length) box.lastElementChild.remove();
    wanted.forEach((digest, number) => {
      const there = box.children[number];
      if (there && laid[number] === digest) return;
      const place = first + number;
      const row = rowOf(this.lines[place], place, {
        isTurn: isTurn(this.lines, place),
        flags: block.flagged.get(place) ?? [],
        mayEdit: this.mayEdit,
        side: sideOf(this.lines[place].speaker, this.sides),
      });
      if (!there) return box.append(row);
      const hadFocus = there.contains(document.activeElement);
      const wasName = hadFocus && document.activeElement.dataset.renames !== undefined;
      if (there === this.playing) this.playing = null;
      there.replaceWith(row);
      if (wasName) this.#focusName(row);
      else if (hadFocus) row.focus({ preventScroll: true });
    });
    block.laid = wanted;
  }

  #focusName(row) {
    (row.querySelector("[data-renames]") ?? row).focus({ preventScroll: true });
  }

  #mark(place) {
    this.lit?.removeAttribute("aria-current");
    this.lit = this.row(place);
    this.litId = this.lines[place]?.id ?? null;
    if (!this.lit) return;
    this.lit.setAttribute("aria-current", "true");
    this.#offer(this.lit);
  }

  #clicked(event) {
    const row = event.target.closest(".segment");
    if (!row || event.target.closest("form")) return;
    const place = Number(row.dataset.place);
    const button = event.target.closest("button");
    if (button?.dataset.renames) this.onRename(button.dataset.renames, place);
    if (button?.dataset.edits !== undefined) this.onEdit(place);
    if (button) return;
    if (event.target.closest("a")) {
      // Another tab, a copied address: the link does that by itself.
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
    } else if (!getSelection().isCollapsed) {
      return;
    }
    this.onChoose(place);
  }

  #clickedTwice({ target }) {
    const row = target.closest(".segment");
    if (!this.mayEdit || !row || target.closest("button, a, form")) return;
    // The word that a double click marks is none that anybody wants marked.
    getSelection().removeAllRanges();
    this.onEdit(Number(row.dataset.place));
  }

  #offer(target) {
    const row = target.closest(".segment");
    if (!row || this.tools.parentElement === row || this.tools.contains(target)) return;
    // The buttons go with the pointer, but not away from who has come to them by keyboard.
    if (this.tools.contains(document.activeElement)) return;
    const line = this.lines[Number(row.dataset.place)];
    const copy = this.tools.querySelector("[data-copy]");
    copy.dataset.copy = `${location.origin}${location.pathname}?t=${secondOf(line)}`;
    const words = `Copy the link to ${duration(line.start)}`;
    copy.title = words;
    copy.setAttribute("aria-label", words);
    delete copy.dataset.copied;
    row.append(this.tools);
  }
}

function byPlace(lines, flags) {
  const found = new Map();
  for (const flag of flags) {
    const place = atSecond(lines, flag.start_time);
    if (place === -1 || flag.verdict === "wrong" || flag.start_time > lines[place].end) continue;
    found.set(place, [...(found.get(place) ?? []), flag]);
  }
  return found;
}

function digestOf(lines, place, { flags = [], side }) {
  const told = flags.map(({ rule, evidence }) => [rule, evidence]);
  return JSON.stringify([place, lines[place], isTurn(lines, place), side, told]);
}

function away({ first }, place) {
  return Math.abs(first + IN_A_BLOCK / 2 - place);
}

function toolsOf(mayEdit) {
  const copy = element("button", { type: "button", className: "copy" }, icon("link", "icon copy-idle"), icon("check", "icon copy-done"));
  copy.dataset.copy = "";
  const edit = element("button", { type: "button", className: "copy", title: "Correct this line (E)" }, icon("pencil"));
  edit.dataset.edits = "";
  edit.setAttribute("aria-label", "Correct this line");
  return element("span", { className: "segment-tools" }, ...(mayEdit ? [edit] : []), copy);
}
