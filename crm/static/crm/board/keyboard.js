// The keyboard on the board: arrows from card to card, M and arrows to move one.

const STEPS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0], k: [0, -1], j: [0, 1] };
const PAGE = 8;

export class Keyboard {
  /** The call that is being moved and the column that is chosen for it: {callId, key}; null while none is. */
  moving = null;

  /**
   * `columns()`: the column views in their order. `focus(callId)`: focus a card, wherever it is. `mayMove()`.
   * `onTarget(callId, key)`: a column is chosen, `null` for none any more. `onDrop(callId, key)`. `onUndo()`. `say(words)`.
   */
  constructor({ board, columns, focus, mayMove, onTarget, onDrop, onUndo, say }) {
    Object.assign(this, { board, columns, focus, mayMove, onTarget, onDrop, onUndo, say });
    addEventListener("keydown", (event) => this.#press(event));
    board.addEventListener("focusin", ({ target }) => {
      const card = target.closest(".call-card[data-call-id]");
      if (card) this.#viewOf(card)?.choose(card.dataset.callId);
    });
    board.addEventListener("focusout", ({ relatedTarget }) => {
      if (this.moving && relatedTarget && !board.contains(relatedTarget)) this.#stop();
    });
  }

  #press(event) {
    if (document.querySelector("dialog[open], [popover]:popover-open")) return;
    if (event.target.closest("input, select, textarea")) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && key === "z") {
      if (this.onUndo()) event.preventDefault();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const act = this.moving ? this.#whileMoving(key, event) : this.#amongCards(key, event);
    if (!act) return;
    event.preventDefault();
    act();
  }

  /** Nothing is moved any more: the card or the column is gone. */
  cancel(words) {
    if (this.moving) this.#stop(words);
  }

  // --- From card to card ---

  #amongCards(key, { target }) {
    const card = target.closest(".call-card[data-call-id]");
    // An arrow that means no card belongs to whatever has the focus.
    if (!card && target !== document.body && !this.board.contains(target)) return null;
    if (STEPS[key]) return () => this.#step(card, ...STEPS[key]);
    if (!card) return null;
    if (key === "m" && this.mayMove()) return () => this.#begin(card.dataset.callId);
    const far = { Home: -Infinity, End: Infinity, PageUp: -PAGE, PageDown: PAGE }[key];
    return far ? () => this.#step(card, 0, far) : null;
  }

  #step(card, across, along) {
    const views = this.columns();
    if (!card) {
      const first = views.find(({ current }) => current !== null);
      if (first) this.focus(first.current);
      return;
    }
    const view = this.#viewOf(card);
    if (along) {
      const { ids } = view.column;
      const at = view.indexOf(card.dataset.callId);
      this.focus(ids[Math.max(0, Math.min(ids.length - 1, at + along))]);
      return;
    }
    const { top, height } = card.getBoundingClientRect();
    for (let at = views.indexOf(view) + across; views[at]; at += across) {
      const nearest = views[at].nearest(top + height / 2);
      if (nearest === null) continue;
      this.focus(nearest);
      return;
    }
  }

  // --- Moving ---

  #begin(callId) {
    const from = this.columns().find((view) => view.indexOf(callId) !== -1);
    if (!from) return;
    this.moving = { callId, key: from.key };
    this.onTarget(callId, from.key);
    this.say("Moving. Left and right arrows choose a column, Enter moves the card there, Escape leaves it where it is.");
  }

  #whileMoving(key, { target }) {
    const { callId } = this.moving;
    if (key === "Enter" || key === " ") return () => this.#drop();
    if (key === "Escape" || key === "m") return () => this.#stop("Not moved.");
    if (key === "Tab") {
      this.#stop();
      return null;
    }
    const across = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[key];
    if (!across || !target.closest(".call-card")) return null;
    return () => {
      const views = this.columns();
      const at = views.findIndex((view) => view.key === this.moving.key);
      const next = views[Math.max(0, Math.min(views.length - 1, at + across))];
      this.moving.key = next.key;
      this.onTarget(callId, next.key);
      this.say(`${next.column.name}, ${next.count.title}`);
    };
  }

  #drop() {
    const { callId, key } = this.moving;
    this.#stop();
    this.onDrop(callId, key);
  }

  #stop(words) {
    const { callId } = this.moving;
    this.moving = null;
    this.onTarget(callId, null);
    if (words) this.say(words);
  }

  #viewOf(card) {
    return this.columns().find(({ list }) => list.contains(card));
  }
}
