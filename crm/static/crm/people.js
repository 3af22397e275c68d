// The list of people: times in the reader's own, and the keyboard.

import { showAll } from "../audio/times.js";

showAll();

// The link fills its row, but for what has a hint or a use of its own; a click on a hint means the row too.
document.querySelector(".people tbody")?.addEventListener("click", (event) => {
  if (event.target.closest("a, button")) return;
  event.target.closest("tr").querySelector("a").dispatchEvent(new MouseEvent("click", event));
});

const links = [...document.querySelectorAll(".people-who a")];
const search = document.getElementById("search");

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.target === search) return;
  if (event.key === "/") {
    event.preventDefault();
    search.select();
    return;
  }
  const step = { j: 1, k: -1 }[event.key.toLowerCase()];
  if (!step || !links.length) return;
  event.preventDefault();
  const at = links.indexOf(document.activeElement);
  const next = at === -1 ? 0 : Math.min(links.length - 1, Math.max(0, at + step));
  links[next].focus();
});
