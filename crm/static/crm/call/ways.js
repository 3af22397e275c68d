// The ways out of a call's page and about in it: back to where one came from, the export menu, the parts on a phone.

// Pages that lead to calls, by how their addresses begin.
const FROM = [
  ["/board/", "Calls"],
  ["/search/", "Search"],
  ["/live/", "Live"],
  ["/contacts/", "Contact"],
  ["/sessions/", "Recordings"],
];

/** Who came from the board, a search or a contact goes back to what they had before them. */
export function leadBack(link) {
  if (!document.referrer) return;
  const from = new URL(document.referrer);
  if (from.origin !== location.origin) return;
  const known = FROM.find(([path]) => from.pathname.startsWith(path));
  if (!known) return;
  link.href = from.href;
  link.querySelector("span").textContent = known[1];
}

export function useExportMenu(menu) {
  if (!menu) return;
  addEventListener("click", ({ target }) => {
    if (menu.open && !target.closest("#export summary")) menu.open = false;
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}

/** Where there is no room for both, the transcript or what is made of it. */
export class Tabs {
  constructor(box) {
    this.box = box;
    this.tabs = [...box.querySelectorAll("[data-tab]")];
    for (const tab of this.tabs) tab.addEventListener("click", () => this.show(tab.dataset.tab));
  }

  show(name) {
    this.box.dataset.shows = name;
    for (const tab of this.tabs) tab.setAttribute("aria-pressed", String(tab.dataset.tab === name));
  }
}
