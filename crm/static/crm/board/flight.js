// A card on its way over the page: under the pointer, settling where it was dropped, sliding back.

const TAKES_MS = 140;

export function isStill() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

/** A likeness of a card that floats above the page, as large and where the card is. */
export class Flight {
  constructor(card) {
    this.from = card.getBoundingClientRect();
    this.node = card.cloneNode(true);
    this.node.classList.add("flying");
    this.node.classList.remove("lifted", "arriving", "moving");
    this.node.removeAttribute("data-call-id");
    this.node.inert = true;
    this.node.style.width = `${this.from.width}px`;
    this.node.style.height = `${this.from.height}px`;
    this.moveTo(this.from.left, this.from.top);
    document.body.append(this.node);
  }

  moveTo(left, top) {
    Object.assign(this, { left, top });
    this.node.style.transform = `translate(${left}px, ${top}px)`;
  }

  /** Come down where the card is by now; at once where it cannot be seen, or nothing is to move. */
  async land(card) {
    const to = card?.getBoundingClientRect();
    if (to?.width && !isStill()) {
      card.classList.add("lifted");
      const path = [{ transform: `translate(${this.left}px, ${this.top}px)` }, { transform: `translate(${to.left}px, ${to.top}px)` }];
      // Given up with the page, it rejects; there is nothing to land then.
      await this.node.animate(path, { duration: TAKES_MS, easing: "ease-out", fill: "forwards" }).finished.catch(() => {});
    }
    this.node.remove();
    card?.classList.remove("lifted");
  }
}
