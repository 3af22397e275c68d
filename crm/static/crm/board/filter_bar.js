// The filters above the board: a field for words, and a chip for each of the others.

import { element, icon } from "../../audio/dom.js";
import { DIRECTIONS, FILTERS, isFiltered } from "./asked.js";
import { finder, openAt, stepThrough } from "./popovers.js";
import { directionOf } from "./words.js";

const TYPED_AFTER_MS = 250;
/** A list longer than this has a field to find somebody in. */
const SHORT_LIST = 8;
const SUSPICIONS = ["0.3", "0.5", "0.7", "0.9"];
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });

export class FilterBar {
  #typing = null;

  /**
   * `people`: [{id, name}] of the company; `me`: one's own id. `onChoose(changes, {isTyping})`: values of filters, empty for none.
   */
  constructor({ box, people, me, onChoose }) {
    Object.assign(this, { box, me, onChoose });
    this.field = box.querySelector("#text");
    this.clear = box.querySelector("#clear");
    this.menu = box.querySelector("#filter-menu");
    this.names = new Map(people.map(({ id, name }) => [String(id), String(id) === me ? `${name} (you)` : name]));
    this.chips = new Map([...box.querySelectorAll("[data-filter]")].map((chip) => [chip.dataset.filter, chip]));
    for (const [name, chip] of this.chips) {
      chip.querySelector(".chip-open").addEventListener("click", ({ currentTarget }) => this.#open(name, currentTarget));
      chip.querySelector(".chip-clear").addEventListener("click", () => {
        chip.querySelector(".chip-open").focus();
        onChoose(name === "days" ? { from: "", to: "" } : { [name]: "" });
      });
    }
    this.field.addEventListener("input", () => {
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => onChoose({ text: this.field.value }, { isTyping: true }), TYPED_AFTER_MS);
    });
    this.clear.addEventListener("click", () => this.clearAll());
    this.menu.addEventListener("keydown", (event) => stepThrough(this.menu, event));
    this.menu.addEventListener("toggle", ({ newState }) => {
      if (newState === "closed") this.opened?.setAttribute("aria-expanded", "false");
    });
  }

  clearAll() {
    this.field.focus();
    clearTimeout(this.#typing);
    this.onChoose(Object.fromEntries(FILTERS.map((name) => [name, ""])));
  }

  show(asked) {
    this.asked = asked;
    if (document.activeElement !== this.field || this.field.value.trim() !== asked.text.trim()) this.field.value = asked.text;
    for (const [name, chip] of this.chips) {
      const words = this.#words(name);
      chip.toggleAttribute("data-set", words !== "");
      const said = chip.querySelector(".chip-value");
      said.textContent = words && `: ${words}`;
      chip.querySelector(".chip-open").title = words;
      chip.querySelector(".chip-clear").hidden = words === "";
    }
    this.clear.hidden = !isFiltered(asked);
  }

  // --- What stands on a chip ---

  #words(name) {
    if (name === "days") return daysWords(this.asked.from, this.asked.to);
    const value = this.asked[name];
    if (!value) return "";
    if (name === "direction") return directionOf(value).name;
    if (name === "suspicion") return suspicionWords(value);
    return this.#personWords(name, value);
  }

  #personWords(name, value) {
    if (value === "me") return "Me";
    if (value === "none") return name === "user" ? "No colleague" : "Nobody";
    return this.names.get(value) ?? "Somebody else";
  }

  // --- What opens below one ---

  #open(name, button) {
    this.menu.replaceChildren(...this.#offered(name));
    this.menu.ariaLabel = button.querySelector(".chip-name").textContent;
    this.opened = button;
    button.setAttribute("aria-expanded", "true");
    openAt(this.menu, button);
    (this.menu.querySelector("input") ?? this.menu.querySelector("[aria-pressed=true]") ?? this.menu.querySelector("button"))?.focus();
  }

  #offered(name) {
    if (name === "days") return this.#days();
    if (name === "direction") return [this.#list(name, DIRECTIONS)];
    if (name === "suspicion") return [this.#list(name, SUSPICIONS)];
    const people = [...this.names.keys()];
    const offered = name === "assignee" ? ["me", "none", ...people.filter((id) => id !== this.me)] : ["none", ...people];
    const list = this.#list(name, offered);
    return this.names.size > SHORT_LIST ? [finder(list, "Find somebody"), list] : [list];
  }

  #list(name, values) {
    const list = element("ul", { className: "options" });
    for (const value of values) {
      const isChosen = this.asked[name] === value;
      const words = this.#wordsFor(name, value);
      const button = element("button", { type: "button", className: "option" }, element("bdi", { textContent: words, title: words }), ...(isChosen ? [icon("check")] : []));
      button.ariaPressed = String(isChosen);
      button.addEventListener("click", () => {
        this.menu.hidePopover();
        this.onChoose({ [name]: isChosen ? "" : value });
      });
      list.append(element("li", {}, button));
    }
    return list;
  }

  #wordsFor(name, value) {
    if (name === "direction") return directionOf(value).name;
    return name === "suspicion" ? suspicionWords(value) : this.#personWords(name, value);
  }

  #days() {
    return [["from", "From"], ["to", "To"]].map(([name, words]) => {
      const field = element("input", { type: "date", value: this.asked[name], max: "9998-12-31" });
      // A year that is being typed is a day of the first century for a while.
      field.addEventListener("change", () => {
        if (!field.value || field.value >= "1900") this.onChoose({ [name]: field.value });
      });
      return element("label", { className: "filter-day" }, element("span", { textContent: words }), field);
    });
  }
}

function suspicionWords(share) {
  return `${Math.round(Number(share) * 100)} % or more`;
}

function daysWords(from, to) {
  const written = (text) => day.format(new Date(`${text}T12:00`));
  if (from && to) return from === to ? written(from) : `${written(from)} – ${written(to)}`;
  if (from) return `since ${written(from)}`;
  return to ? `until ${written(to)}` : "";
}
