// A filter's chip: what it says, and the list of names that opens below it.

import { element, icon } from "../../audio/dom.js";
import { finder, openAt, stepThrough } from "../board/popovers.js";

/** A list longer than this has a field to find a name in. */
const SHORT_LIST = 8;

export class NamePicker {
  #options = [];

  /** `find`: what the field asks for; `onChoose(id)`: the empty text takes the filter away. */
  constructor(chip, menu, { find, onChoose }) {
    Object.assign(this, { chip, menu, find, onChoose, chosen: "" });
    this.open = chip.querySelector(".chip-open");
    this.open.addEventListener("click", () => this.#open());
    chip.querySelector(".chip-clear").addEventListener("click", () => {
      this.open.focus();
      onChoose("");
    });
    menu.addEventListener("keydown", (event) => stepThrough(menu, event));
    menu.addEventListener("toggle", ({ newState }) => {
      if (newState === "closed") this.open.ariaExpanded = "false";
    });
  }

  /** `options`: [{id, name}]; `chosen`: an id, or the empty text. */
  show(options, chosen) {
    this.#options = options;
    this.chosen = chosen;
    const words = chosen && (options.find(({ id }) => id === chosen)?.name ?? chosen);
    this.chip.toggleAttribute("data-set", chosen !== "");
    const said = this.chip.querySelector(".chip-value");
    const text = words && `: ${words}`;
    if (said.textContent !== text) said.textContent = text;
    this.open.title = words;
    this.chip.querySelector(".chip-clear").hidden = chosen === "";
  }

  #open() {
    const list = element("ul", { className: "options" }, ...this.#options.map(({ id, name }) => element("li", {}, this.#option(id, name))));
    const none = element("p", { className: "option-none muted", textContent: "None in this time" });
    const found = this.#options.length ? [list] : [none];
    this.menu.replaceChildren(...(this.#options.length > SHORT_LIST ? [finder(list, this.find)] : []), ...found);
    this.menu.ariaLabel = this.chip.querySelector(".chip-name").textContent;
    this.open.ariaExpanded = "true";
    openAt(this.menu, this.open);
    (this.menu.querySelector("input") ?? this.menu.querySelector("[aria-pressed=true]") ?? this.menu.querySelector("button"))?.focus();
  }

  #option(id, name) {
    const isChosen = id === this.chosen;
    const button = element("button", { type: "button", className: "option", ariaPressed: String(isChosen) }, element("bdi", { textContent: name || "Unnamed", title: name }), ...(isChosen ? [icon("check")] : []));
    button.addEventListener("click", () => {
      this.menu.hidePopover();
      this.onChoose(isChosen ? "" : id);
    });
    return button;
  }
}
