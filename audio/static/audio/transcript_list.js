// The transcript as it grows: follows the newest line until one scrolls up.

import { element, icon } from "./dom.js";
import { duration, percent } from "./format.js";
import { isEnded } from "./timeline.js";
import { marks, runs, speakerName } from "./transcript.js";

const NEAR_THE_END_PX = 48;
const METHODS = { words: "the words", "words+voice": "the words and the voice" };
const SHOWN_OF_A_SEGMENT = ["text", "speaker", "start_time", "confidence", "engine", "provisional"];

/** What of a state the transcript shows. */
export const TRANSCRIBED = ["session", "segments", "emotions", "flags"];

export class TranscriptList {
  /** `onSeek(seconds)`: a line was clicked, or its time chosen by keyboard. */
  constructor({ scroller, list, empty, newLines, onSeek }) {
    Object.assign(this, { scroller, list, empty, newLines });
    /** segment_id → {row, segment, turn}. */
    this.rows = new Map();
    this.following = null;
    this.unseen = 0;
    this.scrolledTo = 0;
    scroller.addEventListener("scroll", () => this.#scrolled());
    newLines.addEventListener("click", () => {
      this.#toTheEnd();
      this.#showUnseen();
      scroller.focus({ preventScroll: true });
    });
    list.addEventListener("click", ({ target }) => {
      const row = target.closest(".segment");
      // Who has just marked words wants these.
      if (row && getSelection().isCollapsed) onSeek(Number(row.dataset.start));
    });
    new ResizeObserver(() => {
      if (this.following) this.#toTheEnd();
    }).observe(scroller);
  }

  show(state) {
    const isFirst = this.following === null;
    // What has ended is read from its beginning, what goes on from its end.
    if (isFirst) this.following = !isEnded(state.session);
    const fresh = this.#lay(state, isFirst);
    this.scroller.setAttribute("aria-busy", "false");
    this.empty.hidden = state.segments.length > 0;
    this.empty.textContent = silence(state.session);
    if (this.following) this.#toTheEnd();
    else if (!isFirst) this.unseen += fresh;
    this.#showUnseen();
  }

  /** Another recording is shown from here on. */
  forget() {
    this.#drop(new Set());
    this.following = null;
    this.unseen = 0;
    this.#showUnseen();
  }

  /** Go to what was said in a chunk, and mark it. */
  open(chunkIndex) {
    let first = null;
    for (const { row, segment } of this.rows.values()) {
      const lit = segment.chunk_index === chunkIndex;
      row.toggleAttribute("data-lit", lit);
      if (lit && (first === null || comesBefore(row, first))) first = row;
    }
    if (first) {
      this.following = false;
      this.scroller.scrollTop += first.getBoundingClientRect().top - this.scroller.getBoundingClientRect().top;
    }
  }

  /** Bring the rows in line with the segments, touching only what differs. Returns how many are new. */
  #lay(state, isFirst) {
    const { segments } = state;
    const made = marks(state);
    if (isFirst) this.list.replaceChildren();
    this.#drop(new Set(segments.map((segment) => segment.segment_id)));
    let fresh = 0;
    let speaker = "";
    let next = this.list.firstElementChild;
    for (const segment of segments) {
      const name = speakerName(segment.speaker);
      const turn = name !== "" && name !== speaker;
      speaker = name;
      let entry = this.rows.get(segment.segment_id);
      if (!entry) {
        entry = { row: element("li", { className: "segment" }), segment: null, turn: null, told: "" };
        entry.row.toggleAttribute("data-arrived", !isFirst);
        this.rows.set(segment.segment_id, entry);
        fresh += 1;
      }
      const mark = made.get(segment.segment_id);
      const told = JSON.stringify(mark);
      if (entry.turn !== turn || entry.told !== told || !isSame(entry.segment, segment)) {
        fill(entry, segment, turn, mark);
      }
      Object.assign(entry, { segment, told });
      if (entry.row === next) next = next.nextElementSibling;
      else this.list.insertBefore(entry.row, next);
    }
    return fresh;
  }

  #drop(wanted) {
    for (const [id, { row }] of this.rows) {
      if (wanted.has(id)) continue;
      row.remove();
      this.rows.delete(id);
    }
  }

  #toTheEnd() {
    this.following = true;
    this.unseen = 0;
    this.scroller.scrollTop = this.scroller.scrollHeight;
    // Rows get their real heights only once they are near the view.
    requestAnimationFrame(() => {
      if (this.following) this.scroller.scrollTop = this.scroller.scrollHeight;
    });
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    const wentUp = scrollTop < this.scrolledTo;
    this.scrolledTo = scrollTop;
    if (scrollHeight - scrollTop - clientHeight < NEAR_THE_END_PX) {
      this.following = true;
      this.unseen = 0;
      this.#showUnseen();
    } else if (wentUp) {
      this.following = false;
    }
  }

  #showUnseen() {
    this.newLines.hidden = this.unseen === 0;
    if (!this.unseen) return;
    this.newLines.querySelector("span").textContent = `${this.unseen} new line${this.unseen === 1 ? "" : "s"}`;
  }
}

function isSame(one, other) {
  return one === other || (one !== null && SHOWN_OF_A_SEGMENT.every((key) => one[key] === other[key]));
}

function fill(entry, segment, turn, mark) {
  const { row } = entry;
  entry.turn = turn;
  row.dataset.speaker = segment.speaker ?? "";
  row.dataset.start = segment.start_time;
  row.toggleAttribute("data-turn", turn);
  row.toggleAttribute("data-provisional", Boolean(segment.provisional));
  row.replaceChildren(
    ...(turn ? [element("span", { className: "segment-speaker", textContent: speakerName(segment.speaker) })] : []),
    timeButton(segment.start_time),
    element("p", { className: "segment-text", dir: "auto" }, ...runs(segment).map(written), ...marked(mark)),
  );
}

/** What is made of what was said, in words behind it. */
function marked({ emotion, flags }) {
  const told = flags.map(({ rule, evidence }) =>
    element("span", { className: "mark mark-flag", title: evidence }, icon("alert"), rule),
  );
  if (emotion) {
    const title = `An estimate from ${METHODS[emotion.method] ?? emotion.method}, ${percent(emotion.score)} clear`;
    told.push(element("span", { className: "mark mark-emotion", textContent: `${emotion.emotion}, an estimate`, title }));
  }
  return told;
}

function timeButton(seconds) {
  const time = duration(seconds);
  const button = element("button", { type: "button", className: "segment-time", textContent: time });
  button.setAttribute("aria-label", `Go to ${time}`);
  return button;
}

function written({ text, confidence }) {
  if (confidence === null) return text;
  const title = `The engine was not sure of this word (${percent(confidence)})`;
  return element("span", { className: "unsure", textContent: text, title });
}

function comesBefore(one, other) {
  return (one.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_FOLLOWING) !== 0;
}

function silence(session) {
  if (session.status === "failed") return "No words: none of the chunks could be heard.";
  if (isEnded(session)) return "Nobody was heard speaking in this recording.";
  return "Words appear here once the first chunk has been transcribed.";
}
