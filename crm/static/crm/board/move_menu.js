// "Move to …" of a card: the same as dragging, for who does not drag.

import { element, icon } from "../../audio/dom.js";
import { openAt, stepThrough } from "./popovers.js";
import { totalWords } from "./words.js";

export class MoveMenu {
  /** `menu` is the popover. `onMove(callId, key)`: a column was chosen. */
  constructor({ menu, state, onMove }) {
    Object.assign(this, { menu, state });
    menu.addEventListener("keydown", (event) => stepThrough(menu, event));
    menu.addEventListener("click", ({ target }) => {
      const choice = target.closest("button");
      if (!choice) return;
      menu.hidePopover();
      onMove(this.callId, choice.dataset.key);
    });
  }

  open(callId, button) {
    this.callId = callId;
    const here = this.state.placeOf(callId);
    this.menu.replaceChildren(...this.state.columns.map((column) => this.#choice(column, column.key === here)));
    openAt(this.menu, button);
    this.menu.querySelector("button:not([aria-checked=true])")?.focus();
  }

  close() {
    this.menu.hidePopover();
  }

  #choice({ key, name, color }, isHere) {
    const total = element("span", { className: "option-count", textContent: totalWords(this.state.totalOf(key)) });
    const button = element("button", { type: "button", className: "option" }, icon(isHere ? "check" : "dot"), element("bdi", { textContent: name, title: name }), total);
    button.setAttribute("role", "menuitemradio");
    button.ariaChecked = String(isHere);
    button.tabIndex = -1;
    button.dataset.key = key;
    if (!isHere && color) button.querySelector("svg").setAttribute("color", color);
    return button;
  }
}
