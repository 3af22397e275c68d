// The word that is being said, marked without touching the page's elements: sixty times a second is often.

import { runsOf, wordAt, wordsOf } from "./words.js";

const NAME = "spoken";

export class SpokenWord {
  constructor() {
    // Where a browser has no highlights, the line alone is marked.
    this.highlight = window.Highlight && CSS.highlights ? new Highlight() : null;
    if (this.highlight) CSS.highlights.set(NAME, this.highlight);
    this.row = null;
    this.word = null;
  }

  /** `row` shows `line`, which is heard at this second; null for none. */
  mark(row, line, seconds) {
    if (!this.highlight) return;
    if (row !== this.row) {
      this.row = row;
      this.words = row ? wordsOf(line) : [];
      this.runs = row ? runsOf(line) : [];
    }
    const word = row ? wordAt(this.words, line, seconds) : null;
    if (word === this.word) return;
    this.word = word;
    this.highlight.clear();
    if (word) this.highlight.add(this.#rangeOf(word));
  }

  #rangeOf({ from, to }) {
    const range = document.createRange();
    const nodes = this.row.querySelector(".segment-words").childNodes;
    let read = 0;
    for (const [place, { text, mask }] of this.runs.entries()) {
      if (from < read + text.length) {
        const node = nodes[place];
        if (mask !== null) range.selectNodeContents(node);
        else this.#within(range, node, from - read, Math.min(to - read, text.length));
        return range;
      }
      read += text.length;
    }
    return range;
  }

  #within(range, node, start, end) {
    const text = node.nodeType === Node.TEXT_NODE ? node : node.firstChild;
    range.setStart(text, Math.max(0, start));
    range.setEnd(text, end);
  }
}
