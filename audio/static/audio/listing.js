// A list whose rows lead somewhere: a click anywhere in one, J and K from one to the next, and / to the search field.

export function useListing(list, search = null) {
  const links = [...(list?.querySelectorAll(".listing-link a") ?? [])];

  // The link fills its row, but for what has a hint or a use of its own; a click on a hint means the row too.
  list?.querySelector("tbody")?.addEventListener("click", (event) => {
    if (event.target.closest("a, button")) return;
    event.target.closest("tr").querySelector("a").dispatchEvent(new MouseEvent("click", event));
  });

  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target === search) return;
    if (event.key === "/" && search) {
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
}
