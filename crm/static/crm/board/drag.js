// Dragging a card: with the mouse at once, with a finger after it has rested on the card.

import { Flight } from "./flight.js";

/** Pixels that a mouse may tremble in a click, and a finger while it rests. */
const MOUSE_SLACK = 5;
const FINGER_SLACK = 10;
const RESTS_MS = 350;
/** So near to an edge it scrolls, and so fast at the edge itself, in pixels a frame. */
const EDGE = 56;
const FASTEST = 18;

export class Drag {
  #start = null;
  #carried = null;
  #rest = null;
  #frame = null;

  /**
   * `board` scrolls sideways and holds the columns. `mayMove()`. `columns()`: the column views.
   * `onLift(callId)`, `onOver(key or null)`, `onDrop(callId, key, flight)`, `onCancel(callId, flight)`.
   */
  constructor({ board, mayMove, columns, onLift, onOver, onDrop, onCancel }) {
    Object.assign(this, { board, mayMove, columns, onLift, onOver, onDrop, onCancel });
    board.addEventListener("pointerdown", (event) => this.#press(event));
    // A finger that carries a card does not scroll.
    board.addEventListener("touchmove", (event) => this.#carried && event.preventDefault(), { passive: false });
    board.addEventListener("contextmenu", (event) => this.#start?.isFinger && event.preventDefault());
    addEventListener("pointermove", (event) => this.#move(event));
    addEventListener("pointerup", (event) => this.#release(event));
    addEventListener("pointercancel", (event) => this.#isMine(event) && this.cancel());
    addEventListener("blur", () => this.cancel());
    addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.#carried) return;
      event.preventDefault();
      event.stopPropagation();
      this.cancel();
    }, { capture: true });
  }

  /** The call that is being carried; null for none. */
  get callId() {
    return this.#carried?.callId ?? null;
  }

  cancel() {
    const carried = this.#carried;
    this.#end();
    if (carried) this.onCancel(carried.callId, carried.flight);
  }

  #isMine(event) {
    return this.#start?.pointerId === event.pointerId;
  }

  #press(event) {
    const card = event.target.closest(".call-card[data-call-id]");
    if (this.#start || !card || event.button !== 0 || event.target.closest("button") || !this.mayMove()) return;
    const { pointerId, clientX: x, clientY: y, pointerType } = event;
    this.#start = { pointerId, x, y, card, isFinger: pointerType === "touch" };
    if (this.#start.isFinger) this.#rest = setTimeout(() => this.#lift(), RESTS_MS);
  }

  #move(event) {
    if (!this.#isMine(event)) return;
    const { x, y, isFinger } = this.#start;
    const distance = Math.hypot(event.clientX - x, event.clientY - y);
    if (!this.#carried) {
      if (isFinger && distance > FINGER_SLACK) this.#end();
      else if (!isFinger && distance > MOUSE_SLACK) this.#lift();
    }
    if (this.#carried) this.#carry(event.clientX, event.clientY);
  }

  #lift() {
    const { card, x, y } = this.#start;
    if (!card.isConnected) {
      this.#end();
      return;
    }
    const { callId } = card.dataset;
    const flight = new Flight(card);
    this.#carried = { callId, flight, over: undefined, x, y };
    card.classList.add("lifted");
    document.documentElement.classList.add("carrying");
    if (this.#start.isFinger) navigator.vibrate?.(10);
    this.onLift(callId);
    this.#carry(x, y);
    this.#scrollOn();
  }

  #carry(x, y) {
    const { flight } = this.#carried;
    Object.assign(this.#carried, { x, y });
    flight.moveTo(flight.from.left + x - this.#start.x, flight.from.top + y - this.#start.y);
    this.#look();
  }

  /** Over which column it is now. */
  #look() {
    const { x } = this.#carried;
    const view = this.columns().find(({ node }) => {
      const { left, right } = node.getBoundingClientRect();
      return x >= left && x < right;
    });
    const over = view?.key ?? null;
    if (over === this.#carried.over) return;
    this.#carried.over = over;
    this.onOver(over);
  }

  /** Near an edge, the board and the column under the card scroll. */
  #scrollOn() {
    this.#frame = requestAnimationFrame(() => {
      if (!this.#carried) return;
      const { x, y, over } = this.#carried;
      const sideways = pull(x, this.board.getBoundingClientRect(), "left", "right");
      if (sideways) this.board.scrollLeft += sideways;
      const scroller = this.columns().find(({ key }) => key === over)?.scroller;
      const along = scroller ? pull(y, scroller.getBoundingClientRect(), "top", "bottom") : 0;
      if (along) scroller.scrollTop += along;
      if (sideways) this.#look();
      this.#scrollOn();
    });
  }

  #release(event) {
    if (!this.#isMine(event)) return;
    const carried = this.#carried;
    this.#end();
    if (!carried) return;
    swallowClick();
    if (carried.over === null) this.onCancel(carried.callId, carried.flight);
    else this.onDrop(carried.callId, carried.over, carried.flight);
  }

  #end() {
    clearTimeout(this.#rest);
    cancelAnimationFrame(this.#frame);
    this.#start?.card.classList.remove("lifted");
    document.documentElement.classList.remove("carrying");
    this.#start = this.#carried = null;
  }
}

/** How far to scroll in this frame: the nearer to an edge, the faster; nothing in between. */
function pull(at, box, start, end) {
  const [before, after] = [at - box[start], box[end] - at];
  if (before < EDGE) return -Math.ceil(FASTEST * Math.min(1, (EDGE - before) / EDGE));
  if (after < EDGE) return Math.ceil(FASTEST * Math.min(1, (EDGE - after) / EDGE));
  return 0;
}

/** What was dropped was not clicked. */
function swallowClick() {
  const swallow = (event) => {
    event.preventDefault();
    event.stopPropagation();
  };
  addEventListener("click", swallow, { capture: true, once: true });
  setTimeout(() => removeEventListener("click", swallow, { capture: true }));
}
