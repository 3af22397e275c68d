// Making elements; what they say is set as text, never as markup.

/** An element with properties and children; children are nodes or texts. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  Object.assign(made, properties);
  made.append(...children);
  return made;
}

/** A line icon of the page's sprite; it stands beside words. */
export function icon(name, className = "icon") {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", className);
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

/** So that nothing flashes, and nothing is read out again, that has not changed. */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
