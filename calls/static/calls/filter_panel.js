// The filters beside the results: days, suspicion, and what the lines that were found differ in, with how many there are.

import { element, icon } from "../audio/dom.js";
import { speakerName } from "../audio/transcript.js";
import { filtersOf } from "./asked.js";

/** Of one filter so many values are offered, the most frequent ones. */
const OFFERED = 12;

export class FilterPanel {
  /** `statuses`: [{value, name}] in the company's order. `onChoose(changes)`: values of filters, empty for none. */
  constructor({ box, button, clear, statuses, onChoose }) {
    Object.assign(this, { box, button, clear, statuses, onChoose });
    this.days = ["from", "to"].map((name) => box.querySelector(`#${name}`));
    this.suspicion = box.querySelector("#suspicion");
    this.suspicionWords = box.querySelector("#suspicion-words");
    this.lists = [...box.querySelectorAll("[data-filter]")];
    for (const day of this.days) {
      // A year that is being typed is a day of the first century for a while.
      day.addEventListener("change", () => {
        if (!day.value || day.value >= "1900") onChoose({ [day.id]: day.value });
      });
    }
    this.suspicion.addEventListener("input", () => this.#showSuspicion());
    this.suspicion.addEventListener("change", () => {
      const percent = Number(this.suspicion.value);
      onChoose({ suspicion: percent ? String(percent / 100) : "" });
    });
    box.addEventListener("click", ({ target }) => {
      const choice = target.closest("button[data-value]");
      if (!choice) return;
      const isChosen = choice.getAttribute("aria-pressed") === "true";
      this.chosenAt = choice.dataset.value;
      onChoose({ [choice.closest("[data-filter]").dataset.filter]: isChosen ? "" : choice.dataset.value });
    });
    button.addEventListener("click", () => this.#open(button.getAttribute("aria-expanded") !== "true"));
  }

  /** `counts` of an answer, or null before there is one. */
  show(asked, counts) {
    for (const day of this.days) {
      if (document.activeElement !== day || asked[day.id]) day.value = asked[day.id];
    }
    this.suspicion.value = String(Math.round(Number(asked.suspicion) * 100));
    this.#showSuspicion();
    for (const list of this.lists) this.#showChoices(list, asked[list.dataset.filter], counts);
    const set = filtersOf(asked).length;
    this.clear.hidden = set === 0;
    this.button.querySelector("span").textContent = set ? `Filters (${set})` : "Filters";
  }

  #open(isOpen) {
    this.button.setAttribute("aria-expanded", String(isOpen));
    this.box.toggleAttribute("data-open", isOpen);
  }

  #showSuspicion() {
    const percent = Number(this.suspicion.value);
    this.suspicionWords.textContent = percent ? `${percent} % or more` : "any";
    this.suspicion.setAttribute("aria-valuetext", this.suspicionWords.textContent);
  }

  #showChoices(list, chosen, counts) {
    const name = list.dataset.filter;
    const offered = this.#offered(name, chosen, counts?.[name] ?? {});
    list.hidden = offered.length === 0;
    const focused = list.contains(document.activeElement) ? document.activeElement.dataset.value : null;
    list.querySelector("ul").replaceChildren(
      ...offered.map(({ value, label, count }) => element("li", {}, choice(value, label, count, value === chosen))),
    );
    // The button that was pressed is another element now.
    if (focused !== null) list.querySelector(`[data-value="${CSS.escape(focused)}"]`)?.focus();
  }

  /** Values with their names and counts, most frequent first; statuses in the company's order. */
  #offered(name, chosen, counts) {
    const known = name === "status" ? this.statuses.map(({ value }) => value) : [];
    const byCount = Object.keys(counts).sort((one, other) => counts[other] - counts[one]);
    const values = new Set([...(name === "status" ? known.filter((value) => counts[value]) : byCount.slice(0, OFFERED))]);
    if (name === "status") for (const value of byCount) values.add(value);
    if (chosen) values.add(chosen);
    return [...values].map((value) => ({ value, label: this.#label(name, value), count: counts[value] ?? 0 }));
  }

  #label(name, value) {
    if (name === "status") return this.statuses.find((status) => status.value === value)?.name ?? "A removed status";
    if (name === "speaker") return speakerName(value) || "Unknown";
    return value[0].toUpperCase() + value.slice(1);
  }
}

function choice(value, label, count, isChosen) {
  const button = element(
    "button",
    { type: "button", className: "choice", title: isChosen ? "Take this filter away" : label },
    element("bdi", { className: "choice-name", textContent: label }),
    isChosen ? icon("cross") : element("span", { className: "choice-count", textContent: count.toLocaleString("en") }),
  );
  button.dataset.value = value;
  button.setAttribute("aria-pressed", String(isChosen));
  return button;
}
