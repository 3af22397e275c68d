// On a phone, where one column is seen at a time: which one, and the way to the others.

import { element } from "../../audio/dom.js";

export class ColumnPicker {
  constructor({ box, board }) {
    Object.assign(this, { box, board });
    this.views = [];
    board.addEventListener("scroll", () => this.#mark(), { passive: true });
  }

  arrange(views) {
    this.views = views;
    this.box.replaceChildren(...views.map((view) => this.#pick(view)));
    this.#mark();
  }

  show() {
    for (const [index, { column, count }] of this.views.entries()) {
      const [dot, name, total] = this.box.children[index].children;
      dot.firstChild.setAttribute("fill", column.color ?? "currentColor");
      name.textContent = column.name;
      total.textContent = count.textContent;
    }
  }

  #pick({ dot, node }) {
    const button = element("button", { type: "button", className: "pick" }, dot.cloneNode(true), element("bdi"), element("span", { className: "column-count" }));
    button.addEventListener("click", () => node.scrollIntoView({ inline: "center", block: "nearest" }));
    return button;
  }

  #mark() {
    const at = Math.round((this.board.scrollLeft * this.views.length) / this.board.scrollWidth);
    for (const [index, button] of [...this.box.children].entries()) {
      if ((button.ariaCurrent === "true") === (index === at)) continue;
      button.ariaCurrent = index === at ? "true" : null;
      if (index === at) this.box.scrollTo({ left: button.offsetLeft - (this.box.clientWidth - button.offsetWidth) / 2 });
    }
  }
}
