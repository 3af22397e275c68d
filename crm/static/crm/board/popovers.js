// What opens below a button, and keeps inside the window.

import { element } from "../../audio/dom.js";

const GAP = 4;

/** Show a popover at its button; the focus goes back there when it closes. */
export function openAt(popover, button) {
  popover.showPopover({ source: button });
  const at = button.getBoundingClientRect();
  const { width, height } = popover.getBoundingClientRect();
  const { clientWidth, clientHeight } = document.documentElement;
  const below = at.bottom + GAP;
  const top = below + height > clientHeight - GAP ? Math.max(GAP, at.top - GAP - height) : below;
  popover.style.left = `${Math.max(GAP, Math.min(at.left, clientWidth - width - GAP))}px`;
  popover.style.top = `${top}px`;
}

/** Arrows through the buttons of a list; `Home` and `End` to its ends. */
export function stepThrough(list, event) {
  const step = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key];
  if (!step) return;
  const buttons = [...list.querySelectorAll("button:not([hidden])")];
  const at = buttons.indexOf(document.activeElement);
  if (at === -1 && step < 0) return;
  event.preventDefault();
  buttons[Math.max(0, Math.min(buttons.length - 1, at + step))]?.focus();
}

/** A field that leaves of a list what holds the words typed into it; `Enter` takes the first. */
export function finder(list, words) {
  const field = element("input", { type: "text", className: "option-find", placeholder: words, ariaLabel: words, autocomplete: "off" });
  field.addEventListener("input", () => {
    const typed = field.value.trim().toLocaleLowerCase();
    for (const row of list.children) {
      row.hidden = !row.textContent.toLocaleLowerCase().includes(typed);
      row.firstChild.hidden = row.hidden;
    }
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") list.querySelector("li:not([hidden]) button")?.click();
  });
  return field;
}
