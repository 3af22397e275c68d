// One card: a call's subject, people, time and what is special about it.

import { element, icon } from "../../audio/dom.js";
import { duration, flagWords, local, relative, utc } from "../../audio/format.js";
import { customerOf, directionOf, initialsOf, personOf, standingOf, suspicionWords, titleOf } from "./words.js";

/** Makes a card's element, and shows a newer state of the call in it without taking the focus away. */
export class CardView {
  constructor(card, { address, mayMove }) {
    this.link = element("a", { className: "call-title", href: address(card.call_id), dir: "auto", draggable: false, tabIndex: -1 });
    this.when = element("time");
    this.box = element("div", { className: "call-body" });
    this.node = element("li", { className: "call-card" }, this.link, this.box);
    this.node.dataset.callId = card.call_id;
    if (mayMove) {
      this.button = element("button", { type: "button", className: "call-more", tabIndex: -1 }, icon("more"));
      this.button.ariaHasPopup = "menu";
      this.node.append(this.button);
    }
    this.show(card);
  }

  show(card) {
    if (card === this.card) return;
    this.card = card;
    this.date = new Date(card.start_time);
    const title = titleOf(card);
    this.link.textContent = this.link.title = title;
    if (this.button) this.button.ariaLabel = `Move ${title} to …`;
    this.when.dateTime = this.date.toISOString();
    this.when.title = `${local(this.date)} · ${utc(this.date)}`;
    this.box.replaceChildren(...this.#people(), this.#facts(), ...this.#marks());
    this.showTime(new Date());
  }

  showTime(now) {
    const words = relative(this.date, now) || local(this.date, now);
    if (this.when.textContent !== words) this.when.textContent = words;
  }

  /** As high as so many lines of flags and suspicion need. */
  fit(lines) {
    if (this.node.dataset.lines !== String(lines)) this.node.dataset.lines = String(lines);
  }

  /** Where in its column it stands; `size` is -1 when nobody knows how many there are. */
  stand(place, size) {
    if (this.node.ariaPosInSet !== String(place)) this.node.ariaPosInSet = String(place);
    if (this.node.ariaSetSize !== String(size)) this.node.ariaSetSize = String(size);
  }

  /** Whether Tab leads here. */
  letIn(isIn) {
    this.link.tabIndex = isIn ? 0 : -1;
    if (this.button) this.button.tabIndex = isIn ? 0 : -1;
  }

  #people() {
    const customer = customerOf(this.card);
    const shown = element("span", { className: "call-customer", dir: "auto", textContent: customer || "Unknown caller", title: customer });
    return [element("p", { className: "call-people" }, shown, ...this.#colleagues())];
  }

  /** Who has it, then whose it is; one badge for who is both. */
  #colleagues() {
    const { owner_details: owner, assigned_to_details: assignee, user_details: user } = this.card;
    const said = new Map();
    for (const [details, word] of [[assignee, "Assigned to"], [owner, "Owner:"], [user, "Recorded by"]]) {
      const name = personOf(details);
      if (name && !said.has(details.id)) said.set(details.id, { name, word });
    }
    return [...said.values()].slice(0, 2).map(({ name, word }) => {
      const badge = element("span", { className: "call-person", textContent: initialsOf(name), title: `${word} ${name}` });
      badge.setAttribute("role", "img");
      badge.ariaLabel = `${word} ${name}`;
      return badge;
    });
  }

  #facts() {
    const facts = element("p", { className: "call-facts" });
    const direction = directionOf(this.card.direction);
    if (direction) facts.append(named(direction));
    facts.append(this.when);
    if (this.card.duration) {
      const length = element("span", { className: "call-duration", textContent: duration(this.card.duration) });
      length.title = "How long it lasts";
      facts.append(length);
    }
    const standing = standingOf(this.card);
    if (standing) {
      const mark = element("span", { className: "call-standing" }, icon(standing.icon), standing.text);
      mark.dataset.tone = standing.tone;
      facts.append(mark);
    }
    return facts;
  }

  #marks() {
    const suspicion = suspicionWords(this.card.suspicion_score);
    const flags = this.card.flags.map(flagWords);
    if (!this.card.marks) return [];
    const words = flags.join(" · ");
    const marks = element("p", { className: "call-marks", title: this.card.marks });
    if (suspicion) marks.append(element("strong", {}, icon("alert"), suspicion), ...(words ? [" · "] : []));
    else marks.append(icon("flag"));
    marks.append(words);
    return [marks];
  }
}

function named({ icon: name, name: words }) {
  const arrow = icon(name);
  arrow.removeAttribute("aria-hidden");
  arrow.setAttribute("role", "img");
  arrow.setAttribute("aria-label", words);
  const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
  title.textContent = words;
  arrow.append(title);
  return arrow;
}
