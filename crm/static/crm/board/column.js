// One column: its head, and of its cards those that are to be seen. The others are as high as they would be.

import { element, icon } from "../../audio/dom.js";
import { CardView } from "./card.js";
import { offsetsOf, rangeOf, rowAt, scrollTo } from "./windowing.js";
import { callWords, totalWords } from "./words.js";

/** Cards are made this far beyond what is seen, in pixels, and asked for so far before the end. */
const AHEAD = 400;
const ASKED_AHEAD = 1600;
/** What one has scrolled less than this stays at the top when something comes in there. */
const AT_TOP = 8;
const MARGIN = 8;

export class ColumnView {
  #views = new Map();
  #offsets = offsetsOf(0);
  #frame = null;
  #gapNode = element("li", { className: "column-gap", ariaHidden: "true" });

  /**
   * `state` is the board's, `measures` say how high cards are.
   * `onNearEnd(key)`: the end is near, and more is there. `onFurther(key)`: it is wanted though the
   * column has halted.
   */
  constructor({ key, state, measures, address, onNearEnd, onFurther }) {
    Object.assign(this, { key, state, measures, address, onNearEnd });
    /** The card that Tab leads to, and those that stay in the page wherever one scrolls. */
    this.current = null;
    this.held = new Set();
    this.gap = null;
    this.halt = null;
    this.isLoading = false;
    const id = `column-${key}`;
    this.dot = dot();
    this.name = element("h2", { id, dir: "auto" });
    this.count = element("span", { className: "column-count" });
    this.list = element("ol", { className: "column-cards" });
    this.list.setAttribute("role", "list");
    this.list.setAttribute("aria-labelledby", id);
    this.foot = element("div", { className: "column-foot" });
    this.scroller = element("div", { className: "column-scroller" }, this.list, this.foot);
    this.node = element("section", { className: "column" }, element("header", { className: "column-head" }, this.dot, this.name, this.count), this.scroller);
    this.node.dataset.key = key;
    this.node.setAttribute("aria-labelledby", id);
    this.scroller.addEventListener("scroll", () => this.#soon(), { passive: true });
    this.foot.addEventListener("click", async ({ target }) => {
      if (!target.closest("button")) return;
      const behind = this.column.ids.length;
      await onFurther(key);
      // The button has gone; one reads on where it was.
      if (this.column && document.activeElement === document.body) this.reveal(this.column.ids[behind])?.link.focus({ preventScroll: true });
    });
    this.resizing = new ResizeObserver(() => {
      if (this.list.clientWidth !== this.width) this.measure();
      this.#soon();
    });
    this.resizing.observe(this.scroller);
  }

  dispose() {
    this.resizing.disconnect();
    cancelAnimationFrame(this.#frame);
    this.node.remove();
  }

  get column() {
    return this.state.column(this.key);
  }

  /** `arrived`: the calls whose cards slide in where they are made now; null for none. */
  show({ arrived = null } = {}) {
    const { name, description, color, ids } = this.column;
    const total = this.state.totalOf(this.key);
    if (this.name.textContent !== name) this.name.textContent = name;
    this.name.title = description ? `${name}: ${description}` : name;
    this.dot.firstChild.setAttribute("fill", color ?? "currentColor");
    const words = totalWords(total);
    if (this.count.textContent !== words) {
      this.count.textContent = words;
      this.count.title = total.isExact || !total.total ? callWords(total) : `${callWords(total)}: more than are counted`;
    }
    const anchor = this.#anchor();
    this.shown = [...ids];
    if (this.current === null || this.state.placeOf(this.current) !== this.key) this.current = ids[Math.min(this.currentAt ?? 0, ids.length - 1)] ?? null;
    this.measure();
    this.#keepStill(anchor);
    this.render(arrived);
    this.#showFoot();
  }

  /** Heights anew, as after a change of the type's size. */
  measure() {
    if (!this.column) return;
    const { ids } = this.column;
    this.width = this.list.clientWidth;
    this.#offsets = offsetsOf(ids.length, (index) => this.measures.heightOf(this.#linesOf(ids[index])));
    this.#fit();
  }

  /** Show where a card would land; null for nowhere. */
  showGap(callId) {
    const isThere = callId !== null && this.state.placeOf(callId) !== null;
    const gap = !isThere ? null : { index: this.state.indexIn(this.key, callId), height: this.measures.heightOf(this.#linesOf(callId)) };
    if (gap && this.state.placeOf(callId) === this.key) gap.height = 0;
    this.gap = gap;
    this.#fit();
    this.render();
  }

  /** A card's own element while it is one of those made; null else. */
  viewOf(callId) {
    return this.#views.get(callId) ?? null;
  }

  /** -1 for what is not in it. */
  indexOf(callId) {
    return this.state.placeOf(callId) === this.key ? this.state.indexIn(this.key, callId) : -1;
  }

  /** How many cards reach from the top to where one is: the last one in sight, or the one with the focus. */
  get depth() {
    const { scrollTop, clientHeight } = this.scroller;
    const seen = scrollTop > AT_TOP && this.#offsets.length > 1 ? rowAt(this.#offsets, scrollTop + clientHeight) + 1 : 0;
    const focused = this.#focused();
    return Math.max(seen, focused === null ? 0 : this.indexOf(focused) + 1);
  }

  /** Make it the one that Tab leads to. */
  choose(callId) {
    const before = this.#views.get(this.current);
    this.current = callId;
    this.currentAt = this.indexOf(callId);
    before?.letIn(false);
    this.#views.get(callId)?.letIn(true);
  }

  /** Scroll a card into sight, and make it. */
  reveal(callId) {
    const index = this.indexOf(callId);
    if (index === -1) return null;
    this.#scrollTo(this.#offsets[index], this.#offsets[index + 1]);
    this.held.add(callId);
    this.render();
    this.held.delete(callId);
    return this.viewOf(callId);
  }

  revealGap() {
    if (this.gap) this.#scrollTo(this.#offsets[this.gap.index], this.#offsets[this.gap.index] + this.gap.height);
  }

  /** The card at a height of the screen; null in an empty column. */
  nearest(y) {
    const { ids } = this.column;
    if (!ids.length) return null;
    const at = y - this.list.getBoundingClientRect().top;
    return ids[Math.max(0, rowAt(this.#offsets, at))];
  }

  showTimes(now) {
    for (const view of this.#views.values()) view.showTime(now);
  }

  // --- Inside ---

  #linesOf(callId) {
    return this.measures.linesOf(this.state.card(callId), this.width);
  }

  #fit() {
    const height = `${this.#offsets.at(-1) + (this.gap?.height ?? 0)}px`;
    if (this.list.style.height !== height) this.list.style.height = height;
  }

  #soon() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      if (this.column) this.render();
    });
  }

  #scrollTo(top, bottom) {
    const { scrollTop, clientHeight } = this.scroller;
    const to = scrollTo(scrollTop, clientHeight, top, bottom, MARGIN);
    if (to !== scrollTop) this.scroller.scrollTop = to;
  }

  /** The first card in sight and where it lies, unless one is at the top, where what comes in is wanted. */
  #anchor() {
    const { scrollTop } = this.scroller;
    if (scrollTop <= AT_TOP || !this.shown?.length) return null;
    const index = rowAt(this.#offsets, scrollTop);
    return { ids: this.shown, index, scrollTop, offsets: this.#offsets };
  }

  /** What one reads stays where it is, whatever came in or went above. */
  #keepStill(anchor) {
    if (!anchor) return;
    const below = anchor.ids.slice(anchor.index, anchor.index + 20);
    const at = below.findIndex((id) => this.state.placeOf(id) === this.key);
    if (at === -1) return;
    const moved = this.#offsets[this.indexOf(below[at])] - anchor.offsets[anchor.index + at];
    if (!moved) return;
    this.list.classList.add("still");
    this.scroller.scrollTop = anchor.scrollTop + moved;
    requestAnimationFrame(() => requestAnimationFrame(() => this.list.classList.remove("still")));
  }

  render(arrived = null) {
    const { ids, next } = this.column;
    const { scrollTop, clientHeight } = this.scroller;
    const [first, end] = ids.length ? rangeOf(this.#offsets, scrollTop - AHEAD, scrollTop + clientHeight + AHEAD) : [0, 0];
    const wanted = new Set(ids.slice(first, end));
    const places = ids.slice(first, end).map((id, place) => [id, first + place]);
    for (const id of [...this.held, this.current, this.#focused()]) {
      if (!id || wanted.has(id) || this.state.placeOf(id) !== this.key) continue;
      wanted.add(id);
      places.push([id, this.state.indexIn(this.key, id)]);
    }
    places.sort(([, one], [, other]) => one - other);
    for (const [id, view] of this.#views) {
      // Under a finger it is not taken away, wherever it belongs by now.
      if (wanted.has(id) || this.held.has(id)) continue;
      view.node.remove();
      this.#views.delete(id);
    }
    const { total, isExact } = this.state.totalOf(this.key);
    const size = isExact ? total : -1;
    let at = this.list.firstElementChild;
    for (const [id, index] of places) {
      const view = this.#viewFor(id, arrived);
      const y = this.#offsets[index] + (this.gap && index >= this.gap.index ? this.gap.height : 0);
      if (view.y !== y) {
        view.y = y;
        view.node.style.transform = `translateY(${y}px)`;
      }
      view.fit(this.#linesOf(id));
      view.stand(index + 1, size);
      if (view.node === at) at = at.nextElementSibling;
      else this.list.insertBefore(view.node, at);
    }
    this.#showGapNode();
    if (next !== null && !this.isLoading && !this.halt && this.#offsets.at(-1) - scrollTop - clientHeight < ASKED_AHEAD) this.onNearEnd(this.key);
  }

  #focused() {
    const card = document.activeElement?.closest?.(".call-card");
    return card && this.list.contains(card) ? card.dataset.callId : null;
  }

  #viewFor(id, arrived) {
    const card = this.state.card(id);
    let view = this.#views.get(id);
    if (view) view.show(card);
    else {
      view = new CardView(card, { address: this.address, mayMove: this.state.mayMove });
      view.letIn(id === this.current);
      this.#views.set(id, view);
      if (arrived?.has(id)) view.node.classList.add("arriving");
    }
    return view;
  }

  #showGapNode() {
    const { gap } = this;
    if (!gap?.height) {
      this.#gapNode.remove();
      return;
    }
    this.#gapNode.style.transform = `translateY(${this.#offsets[gap.index]}px)`;
    this.#gapNode.style.height = `${gap.height}px`;
    if (!this.#gapNode.isConnected) this.list.append(this.#gapNode);
  }

  #showFoot() {
    const { ids, next } = this.column;
    let state = "end";
    if (this.halt) state = "halted";
    else if (next !== null) state = "more";
    else if (!ids.length) state = "empty";
    const said = `${state} ${this.halt?.words ?? ""}`;
    if (this.foot.dataset.said === said) return;
    Object.assign(this.foot.dataset, { said, state });
    this.foot.replaceChildren(...footOf(state, this.halt));
  }

  /** Whether the next cards are on their way; `halt`: why they do not come by themselves, and what a button says. */
  await({ isLoading, halt = null }) {
    Object.assign(this, { isLoading, halt });
    if (this.column) this.#showFoot();
  }
}

function footOf(state, halt) {
  if (state === "more") return [blank(), blank()];
  if (state === "empty") return [element("p", { className: "muted", textContent: "No calls" })];
  if (state === "end") return [];
  const button = element("button", { type: "button", className: "button button-small", textContent: halt.label });
  return [element("p", {}, halt.words), button];
}

function blank() {
  return element("div", { className: "call-card blank", ariaHidden: "true" }, element("span"), element("span"), element("span"));
}

function dot() {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const circle = document.createElementNS("http://www.w3.org/2000/svg", "circle");
  svg.setAttribute("class", "column-dot");
  svg.setAttribute("viewBox", "0 0 10 10");
  svg.setAttribute("aria-hidden", "true");
  for (const [name, value] of [["cx", 5], ["cy", 5], ["r", 5]]) circle.setAttribute(name, value);
  svg.append(circle);
  return svg;
}
