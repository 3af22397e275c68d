// One sentence at the foot of the page about what was just done, and what can be done about it.

const SHOWN_MS = 8000;

export class Toast {
  #timer = null;
  #act = null;

  /** `onLeft()`: it went while it had the focus. */
  constructor({ box, onLeft }) {
    Object.assign(this, { box, onLeft });
    this.words = box.querySelector("p");
    this.button = box.querySelector(".toast-act");
    this.button.addEventListener("click", () => {
      const act = this.#act;
      this.hide();
      act?.();
      onLeft();
    });
    box.querySelector(".toast-close").addEventListener("click", () => {
      this.hide();
      onLeft();
    });
    // While one reads or reaches for it, it stays.
    box.addEventListener("pointerenter", () => clearTimeout(this.#timer));
    box.addEventListener("focusin", () => clearTimeout(this.#timer));
    for (const leaving of ["pointerleave", "focusout"]) {
      box.addEventListener(leaving, () => {
        if (box.dataset.tone === "done") this.#hideLater();
      });
    }
  }

  /** `act`: {label, does}. What went wrong stays until it is read. */
  show(words, { tone = "done", act = null } = {}) {
    clearTimeout(this.#timer);
    const losesFocus = !act && document.activeElement === this.button;
    this.words.textContent = words;
    this.box.dataset.tone = tone;
    this.#act = act?.does ?? null;
    this.button.hidden = !act;
    this.button.textContent = act?.label ?? "";
    this.box.hidden = false;
    if (losesFocus) this.onLeft();
    if (tone === "done") this.#hideLater();
  }

  hide() {
    clearTimeout(this.#timer);
    this.box.hidden = true;
  }

  #hideLater() {
    clearTimeout(this.#timer);
    if (this.box.contains(document.activeElement)) return;
    this.#timer = setTimeout(() => this.hide(), SHOWN_MS);
  }
}
