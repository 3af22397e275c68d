// The lines that were found, and the keyboard through them.

import { element } from "../audio/dom.js";
import { duration, local, utc } from "../audio/format.js";
import { speakerName } from "../audio/transcript.js";
import { matchedWords } from "./asked.js";
import { excerpt, runs } from "./spans.js";

/** Characters of a line that are shown; what is longer is cut around its first match. */
const SHOWN = 360;
const STEPS = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 };

export class HitList {
  /** `field`: where one goes up to from the first one. `onOpen(place)`: the one at this place is followed. */
  constructor({ list, field, onOpen }) {
    Object.assign(this, { list, field });
    list.addEventListener("click", ({ target }) => {
      const row = target.closest(".hit");
      if (row) onOpen([...list.children].indexOf(row));
    });
    addEventListener("keydown", (event) => this.#step(event));
  }

  show(hits) {
    this.list.replaceChildren(...hits.map(row));
  }

  add(hits) {
    const first = this.list.children.length;
    this.list.append(...hits.map(row));
    this.focus(first);
  }

  get length() {
    return this.list.children.length;
  }

  focus(place) {
    this.list.children[place]?.querySelector("a").focus();
  }

  #step(event) {
    const step = STEPS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (document.querySelector("dialog[open]") || this.list.hidden || !this.length) return;
    const inField = event.target === this.field;
    // Letters are typed there, and every other control has arrows of its own.
    if (inField ? event.key !== "ArrowDown" : event.target.closest("input, select, textarea")) return;
    const links = [...this.list.querySelectorAll("a")];
    const at = links.indexOf(document.activeElement);
    // An arrow that means no result scrolls the page.
    if (at === -1 && !inField && event.key.startsWith("Arrow")) return;
    event.preventDefault();
    if (at === 0 && step === -1) this.field.select();
    else links[at === -1 ? 0 : Math.min(links.length - 1, at + step)].focus();
  }
}

function row(hit) {
  const { text, spans } = excerpt(hit.text, hit.highlights, SHOWN);
  const link = element("a", { className: "hit-text", href: hit.url, dir: "auto" }, ...runs(text, spans).map(marked));
  const made = element(
    "li",
    { className: "hit" },
    element("span", { className: "hit-who", textContent: speakerName(hit.speaker) || "Somebody" }),
    link,
    element("p", { className: "hit-about" }, ...about(hit)),
    element("p", { className: "hit-matched", textContent: matchedWords(hit.matched), title: `Found by ${matchedWords(hit.matched)}` }),
  );
  made.dataset.speaker = hit.speaker;
  return made;
}

function marked({ text, span }) {
  return span ? element("mark", { textContent: text }) : text;
}

function about(hit) {
  const started = new Date(hit.call_start_time);
  const isToday = started.toDateString() === new Date().toDateString();
  const time = element("time", { dateTime: started.toISOString(), title: utc(started) }, isToday ? "Today, " : "", local(started));
  const second = element("span", { className: "mono", textContent: duration(hit.start_time), title: "From the start of the call" });
  const number = `Call ${hit.id}`;
  return [
    element("bdi", { className: "hit-call", textContent: hit.subject || number, title: hit.subject || number }),
    ...(hit.subject ? [element("span", { textContent: `#${hit.id}`, title: number })] : []),
    time,
    element("span", {}, "at ", second),
    ...(hit.emotion ? [element("span", { textContent: `${hit.emotion}, an estimate` })] : []),
  ];
}
