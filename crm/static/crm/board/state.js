// What the board knows: columns, the cards in them, and the moves that the server has not answered yet. Pure.
//
// A column's key is its status as a card names it, or "none" for the calls without one that there is.

import { marksOf } from "./words.js";

export const NO_STATUS = "none";
const NO_STATUS_NAME = "No status";
/** What a card has in common with the call that its own address tells. */
const TOLD_BY_A_CALL = ["version", "subject", "direction", "status", "duration"];

/** The key of a column, or of a card's `status_id`. */
export function keyOf(id) {
  return id === null || id === undefined ? NO_STATUS : String(id);
}

/** What the server calls the status of a column. */
export function statusOf(key) {
  return key === NO_STATUS ? null : key;
}

export class BoardState {
  /** Keys of the columns that are not any more what was last shown. */
  #changed = new Set();
  #arrived = new Set();

  constructor() {
    this.columns = [];
    this.cards = new Map();
    /** call_id → {from, to, name, version, isGone}: keys, what the column is called, and the version that the move goes out from. */
    this.moves = new Map();
    this.mayMove = false;
    /** call_id → key of the column whose list it is in. */
    this.places = new Map();
  }

  // --- What is there ---

  column(key) {
    return this.columns.find((column) => column.key === key);
  }

  card(callId) {
    return this.cards.get(callId);
  }

  placeOf(callId) {
    return this.places.get(callId) ?? null;
  }

  /** How many calls a column holds, with what is being moved counted where it is shown: {total, isExact}. */
  totalOf(key) {
    const { total, isExact, next, ids } = this.column(key);
    // What was only counted in part is known at the end, and before that at least as much as there is to see.
    if (!isExact) return next === null ? { total: ids.length, isExact: true } : { total: Math.max(total, ids.length), isExact };
    let moved = 0;
    for (const { from, to } of this.moves.values()) moved += (to === key) - (from === key);
    return { total: Math.max(0, total + moved), isExact };
  }

  /** Calls in all, and whether that is exact. */
  total() {
    const totals = this.columns.map(({ key }) => this.totalOf(key));
    return { total: totals.reduce((sum, { total }) => sum + total, 0), isExact: totals.every(({ isExact }) => isExact) };
  }

  /** Whether there is no call at all, as far back as there are any. */
  get isEmpty() {
    return this.columns.every(({ ids, next }) => next === null && !ids.length);
  }

  /** Where in a column's list a card is, or would be: newest first. */
  indexIn(key, callId) {
    const { ids } = this.column(key);
    const card = this.cards.get(callId);
    let [low, high] = [0, ids.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (before(this.cards.get(ids[middle]), card)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The keys of the columns that changed since this was last asked. */
  takeChanges() {
    const changed = this.#changed;
    this.#changed = new Set();
    return changed;
  }

  /** The calls that were put into a column since this was last asked. */
  takeArrivals() {
    const arrived = this.#arrived;
    this.#arrived = new Set();
    return arrived;
  }

  // --- What the server answers ---

  /** All anew; what is being moved stays where it is shown. */
  replace({ columns, may_move: mayMove }) {
    this.columns = columns.map(columnOf);
    this.mayMove = mayMove;
    this.places = new Map();
    const known = this.cards;
    this.cards = new Map();
    for (const [callId, { to }] of this.moves) {
      if (this.column(to)) this.cards.set(callId, known.get(callId));
      else this.moves.delete(callId);
    }
    for (const card of columns.flatMap(({ cards }) => cards)) {
      this.#endMoveOf(card);
      this.#put(card, { isFresh: true });
    }
    for (const [callId, { to }] of this.moves) {
      if (!this.places.has(callId)) this.#insert(callId, to);
    }
    for (const { key } of this.columns) this.#changed.add(key);
  }

  /** The next cards of a column; under some filters none, though there are older ones. */
  addPage(key, { cards, next }) {
    const column = this.column(key);
    if (!column) return;
    for (const card of cards) this.#put(card, { isFresh: true });
    column.next = next;
    this.#changed.add(key);
  }

  /** A frame of what changed: {cards, gone, totals}. */
  apply({ cards = [], gone = [], totals = [] }) {
    for (const card of cards) {
      this.#endMoveOf(card);
      this.#put(card);
    }
    for (const callId of gone) {
      const move = this.moves.get(callId);
      if (move) move.isGone = true;
      else this.remove(callId);
    }
    for (const { id, total, total_is_exact: isExact } of totals) {
      const column = this.column(keyOf(id)) ?? (id === null && total ? this.#addNoStatus() : null);
      if (!column) continue;
      Object.assign(column, { total, isExact });
      this.#changed.add(column.key);
    }
  }

  /** A call as its own address tells it, by which its card is brought up to date; older than the card, it changes nothing. */
  refresh(call) {
    const card = this.cards.get(call.call_id);
    if (!card) return;
    this.#put({ ...card, ...Object.fromEntries(TOLD_BY_A_CALL.map((name) => [name, call[name] ?? card[name]])), status_id: call.status_id });
  }

  remove(callId) {
    this.#takeOut(callId);
    this.cards.delete(callId);
    this.moves.delete(callId);
  }

  // --- Moves ---

  /** Show a card in another column before the server has said so. `version`: of the card that was looked at. */
  startMove(callId, to, version = this.cards.get(callId).version) {
    const move = this.moves.get(callId) ?? { from: this.placeOf(callId), version, isGone: false };
    Object.assign(move, { to, name: this.column(to).name });
    this.moves.set(callId, move);
    this.#takeOut(callId);
    this.#insert(callId, to);
    return move;
  }

  /** The server has moved it: `call` has its status and version now. */
  finishMove(callId, call) {
    const move = this.moves.get(callId);
    if (move?.isGone) {
      this.#count(move.from, -1);
      this.remove(callId);
      return;
    }
    if (move) {
      this.moves.delete(callId);
      this.#count(move.from, -1);
      this.#count(move.to, 1);
    }
    this.refresh(call);
  }

  /** The server has not: back to where the card is as far as is known. */
  cancelMove(callId) {
    const move = this.moves.get(callId);
    this.moves.delete(callId);
    if (move) this.#changed.add(move.to).add(move.from);
    if (move?.isGone) this.remove(callId);
    else if (this.cards.has(callId)) this.#settle(callId, { isWanted: true });
  }

  // --- Inside ---

  /** A move that has happened by what came with this card is counted in the totals that came with it. */
  #endMoveOf(card) {
    const move = this.moves.get(card.call_id);
    if (move && card.version > move.version && this.#keyOfCard(card) === move.to) this.moves.delete(card.call_id);
  }

  #keyOfCard(card) {
    const key = keyOf(card.status_id);
    return this.column(key) ? key : NO_STATUS;
  }

  #put(card, { isFresh = false } = {}) {
    const known = this.cards.get(card.call_id);
    if (known && (card.version < known.version || (isFresh && card.version === known.version && this.places.has(card.call_id)))) return;
    this.cards.set(card.call_id, { ...card, at: Date.parse(card.start_time), marks: marksOf(card) });
    this.#settle(card.call_id, { isWanted: isFresh || this.places.has(card.call_id) });
  }

  /** Into the column where it belongs. Beyond what is loaded of that, only what is wanted: the rest comes with its page. */
  #settle(callId, { isWanted }) {
    const card = this.cards.get(callId);
    const key = this.moves.get(callId)?.to ?? this.#keyOfCard(card);
    this.#takeOut(callId);
    const column = this.column(key) ?? this.#addNoStatus();
    const isLoaded = column.next === null || this.indexIn(key, callId) < column.ids.length;
    if (isLoaded || isWanted) this.#insert(callId, key);
    else if (!this.moves.has(callId)) this.cards.delete(callId);
  }

  #insert(callId, key) {
    const column = this.column(key);
    column.ids.splice(this.indexIn(key, callId), 0, callId);
    this.places.set(callId, key);
    this.#arrived.add(callId);
    this.#changed.add(key);
  }

  #takeOut(callId) {
    const key = this.placeOf(callId);
    if (key === null) return;
    const { ids } = this.column(key);
    ids.splice(ids.indexOf(callId), 1);
    this.places.delete(callId);
    this.#changed.add(key);
  }

  #count(key, change) {
    const column = this.column(key);
    if (column?.isExact) column.total = Math.max(0, column.total + change);
    if (column) this.#changed.add(key);
  }

  #addNoStatus() {
    const column = columnOf({ id: null, name: NO_STATUS_NAME, description: "", color: null, total: 0, total_is_exact: true, next: null });
    this.columns.push(column);
    return column;
  }
}

function columnOf({ id, name, description, color, total, total_is_exact: isExact, next }) {
  return { key: keyOf(id), name, description, color, total, isExact, next, ids: [] };
}

/** Whether one card stands above another. */
function before(one, other) {
  return one.at === other.at ? one.id > other.id : one.at > other.at;
}
