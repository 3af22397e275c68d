// The keyboard of a call's page. Whoever types, or is in a dialog or a list, has it for that.

const ACTS = {
  " ": ["space"],
  k: ["pause"],
  j: ["leap", -1],
  l: ["leap", 1],
  ArrowLeft: ["step", -1],
  ArrowRight: ["step", 1],
  "[": ["speed", -1],
  "]": ["speed", 1],
  n: ["line", 1],
  p: ["line", -1],
  ArrowDown: ["line", 1],
  ArrowUp: ["line", -1],
  e: ["edit"],
  f: ["follow"],
};

const TYPED_INTO = "input:not([type=range]), select, textarea";
const OWN_ARROWS = "input[type=range]";

/** `acts`: what each of ACTS' names does; the second word is handed to it. */
export function useKeys(acts) {
  addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]") || target.closest(TYPED_INTO)) return;
    if (key.startsWith("Arrow") && target.closest(OWN_ARROWS)) return;
    if (key === "Enter" && target.classList.contains("segment")) return acts.choose();
    const act = ACTS[key.length === 1 ? key.toLowerCase() : key];
    if (!act || (key === " " && target.closest("a, button, summary"))) return;
    event.preventDefault();
    acts[act[0]](act[1]);
  });
}
