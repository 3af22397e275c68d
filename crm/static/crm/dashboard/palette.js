// The colours of the tokens as a canvas takes them, and when they are others.

const root = document.documentElement;
const probe = document.createElement("span");
probe.hidden = true;
root.append(probe);
const known = new Map();

/** What `--accent` and the like come to in the theme that is shown. */
export function colour(name) {
  if (!known.has(name)) {
    probe.style.color = `var(${name})`;
    known.set(name, getComputedStyle(probe).color);
  }
  return known.get(name);
}

/** The same, so much see-through. */
export function faint(name, opacity) {
  return colour(name).replace(/^rgb\((.*)\)$/, `rgb($1, ${opacity})`);
}

/** Calls `draw` whenever the theme has changed, by the page's switch or by the system. */
export function onTheme(draw) {
  const change = () => {
    known.clear();
    draw();
  };
  new MutationObserver(change).observe(root, { attributes: true, attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", change);
}
