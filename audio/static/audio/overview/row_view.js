// One recording's row: made once, and changed in place where what it shows has changed.

import { element, icon, write } from "../dom.js";
import { duration, flagWords, percent } from "../format.js";
import { showTime } from "../times.js";
import { WIDTH, bars, levelWords } from "./level.js";
import { age, delay, stateOf, verdictSoFar } from "./rows.js";

const SVG = "http://www.w3.org/2000/svg";
const VERDICT_ICONS = { missing: "alert", safe: "check" };
const VERDICT_WORDS = { missing: "Not whole", safe: "Whole so far", quiet: "No sound has arrived" };

export class RowView {
  /** `now()` is the time there, in milliseconds. */
  constructor(row, now) {
    this.now = now;
    this.row = null;
    this.link = element("a", { href: `/sessions/${row.session_id}/` }, (this.name = element("bdi")));
    this.elapsed = element("span");
    this.lastChunk = element("time");
    this.cells = Object.fromEntries(
      ["who", "call", "state", "elapsed", "chunk", "delay", "level", "flags", "verdict", "needs"].map((name) => [
        name,
        element("td", { className: `live-${name}`, role: "cell" }),
      ]),
    );
    this.cells.who.classList.add("listing-link");
    this.cells.who.append(this.link);
    this.cells.elapsed.append(this.elapsed);
    this.cells.chunk.append(this.lastChunk);
    this.cells.level.append(this.#makeLevel());
    this.element = element("tr", { role: "row" }, ...Object.values(this.cells));
    this.update(row);
  }

  update(row) {
    const before = this.row ?? {};
    this.row = row;
    const differs = (...names) => names.some((name) => JSON.stringify(row[name]) !== JSON.stringify(before[name]));
    if (differs("user")) {
      this.name.textContent = this.link.title = row.user.name;
    }
    if (differs("subject")) this.#showSubject(row);
    if (differs("state", "paused") || "ended" in this.element.dataset) this.#showState(row);
    if (differs("delay_seconds")) this.cells.delay.textContent = delay(row.delay_seconds);
    if (differs("level")) this.#showLevel(row);
    if (differs("flags", "suspicion_score")) this.#showFlags(row);
    if (differs("chunks", "verdict")) this.#showVerdict(row);
    if (differs("needs")) this.#showNeeds(row);
    // It was told to have ended, and goes on.
    delete this.element.dataset.ended;
    this.tick();
  }

  /** Shown no longer than until the rows are put in order again. */
  end() {
    this.element.dataset.ended = "";
    this.cells.state.replaceChildren(badge("ended", "Ended", "check"));
  }

  /** What grows older by itself. */
  tick() {
    write(this.elapsed, duration((this.now() - Date.parse(this.row.started_at)) / 1000));
    const { last_chunk_at: at } = this.row;
    write(this.lastChunk, at ? `${age((this.now() - Date.parse(at)) / 1000)} ago` : "none yet");
    if (at && this.lastChunk.dateTime !== at) {
      const words = this.lastChunk.textContent;
      showTime(this.lastChunk, new Date(at));
      this.lastChunk.dateTime = at;
      this.lastChunk.textContent = words;
    }
  }

  #showSubject({ subject }) {
    const text = subject.trim();
    this.cells.call.title = text;
    this.cells.call.replaceChildren(
      text ? element("bdi", { textContent: text }) : element("span", { className: "muted", textContent: "No subject" }),
    );
  }

  #showState(row) {
    const { name, word, mark } = stateOf(row);
    this.cells.state.replaceChildren(badge(name, word, mark));
  }

  #makeLevel() {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("class", "live-bars");
    svg.setAttribute("viewBox", `0 0 ${WIDTH} 20`);
    svg.setAttribute("role", "img");
    this.path = svg.appendChild(document.createElementNS(SVG, "path"));
    this.svg = svg;
    return svg;
  }

  #showLevel({ level }) {
    this.path.setAttribute("d", bars(level));
    this.svg.setAttribute("aria-label", levelWords(level));
  }

  #showFlags({ flags, suspicion_score: score }) {
    const chips = flags.map((kind) => element("span", { className: "live-flag", textContent: flagWords(kind) }));
    this.cells.flags.title = flags.length && score !== null ? `Suspicion ${percent(score)}` : "";
    this.cells.flags.replaceChildren(...chips);
  }

  #showVerdict(row) {
    const { tone, text } = verdictSoFar(row);
    this.cells.verdict.dataset.tone = tone;
    this.cells.verdict.title = `${VERDICT_WORDS[tone]}: ${text}`;
    const mark = VERDICT_ICONS[tone];
    this.cells.verdict.replaceChildren(...(mark ? [icon(mark)] : []), element("span", { textContent: text }));
  }

  #showNeeds({ needs }) {
    this.element.toggleAttribute("data-needs", needs.length > 0);
    this.cells.needs.replaceChildren(
      ...needs.map(({ words }) => element("p", {}, icon("alert"), element("span", { textContent: words }))),
    );
  }
}

function badge(name, word, mark) {
  const made = element("span", { className: "badge" }, icon(mark), element("span", { textContent: word }));
  made.dataset.state = name;
  return made;
}
