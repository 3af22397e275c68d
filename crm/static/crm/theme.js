// Runs before the first paint, so that a page never shows in the wrong theme. The admin reads the same key.
(() => {
  "use strict";
  let chosen = null;
  try {
    chosen = localStorage.getItem("theme");
  } catch {
    // Storage is switched off: the system's theme it is.
  }
  const root = document.documentElement;
  root.dataset.theme = chosen === "light" || chosen === "dark" ? chosen : "auto";
  root.classList.add("scripted");
})();
