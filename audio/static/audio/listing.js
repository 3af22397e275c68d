// A list whose rows lead somewhere: a click anywhere in one, and J and K from one to the next.

const STEPS = { j: 1, k: -1 };
// Elsewhere the arrows scroll the page.
const STEPS_FROM_A_ROW = { arrowdown: 1, arrowup: -1 };

/** Rows may come and go meanwhile. */
export function useListing(list) {
  // The link fills its row, but for what has a hint or a use of its own; a click on a hint means the row too.
  list?.querySelector("tbody")?.addEventListener("click", (event) => {
    if (event.target.closest("a, button")) return;
    event.target.closest("tr").querySelector("a").dispatchEvent(new MouseEvent("click", event));
  });

  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target.closest("input, select, textarea")) return;
    const links = [...(list?.querySelectorAll(".listing-link a") ?? [])];
    const at = links.indexOf(document.activeElement);
    const key = event.key.toLowerCase();
    const step = STEPS[key] ?? (at === -1 ? undefined : STEPS_FROM_A_ROW[key]);
    if (!step || !links.length) return;
    event.preventDefault();
    const next = at === -1 ? 0 : Math.min(links.length - 1, Math.max(0, at + step));
    links[next].focus();
  });
}
