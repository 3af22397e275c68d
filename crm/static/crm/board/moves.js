// Moving a card: shown at once, told to the server, taken back where it is refused or one thinks better of it.

import { Flight } from "./flight.js";
import { statusOf } from "./state.js";
import { refusalWords, titleOf } from "./words.js";

export const CALL_GONE = "That call is not on the board any more.";
const MOST_UNDONE = 50;

export class Moves {
  #seen = new Map();
  #undoable = [];

  /** `show()`: the state on the page. `viewOf(key)`, `focus(callId)`. `onColumnGone()`: the columns are not these any more. */
  constructor({ state, server, toast, say, show, viewOf, focus, onColumnGone }) {
    Object.assign(this, { state, server, toast, say, show, viewOf, focus, onColumnGone });
  }

  /** Somebody has taken hold of a card as it is now; whatever happens to it until it is dropped is a conflict. */
  look(callId) {
    this.#seen.set(callId, this.state.card(callId).version);
  }

  forget(callId) {
    this.#seen.delete(callId);
  }

  /** `flight`: what is carried there. `isFollowed`: the focus goes along. */
  make(callId, to, { flight = null, isFollowed = false, isUndo = false } = {}) {
    const { state } = this;
    const seen = this.#seen.get(callId);
    this.forget(callId);
    const from = state.placeOf(callId);
    if (from === null) {
      flight?.land(null);
      this.#tell(CALL_GONE, { tone: "failed" });
      return;
    }
    if (from === to) {
      flight?.land(this.#nodeOf(callId));
      return;
    }
    const title = titleOf(state.card(callId));
    if (!state.column(to)) {
      flight?.land(this.#nodeOf(callId));
      const why = { status: 422, error: { code: "unknown_status" }, title, wanted: "That column", now: state.column(from).name };
      this.#tell(refusalWords(why), { tone: "failed" });
      return;
    }
    const isUnderWay = state.moves.has(callId);
    const move = state.startMove(callId, to, seen);
    this.show();
    const view = this.viewOf(to).reveal(callId);
    flight?.land(view?.node);
    if (isFollowed) this.focus(callId);
    if (isUndo) this.#tell(`Moved back to ${move.name}`);
    else {
      this.#undoable = [...this.#undoable, { callId, from, to, title, version: null }].slice(-MOST_UNDONE);
      this.#tell(`Moved to ${move.name}`, { act: { label: "Undo", does: () => this.undo() } });
    }
    // Else what is under way goes on to here.
    if (!isUnderWay) this.#send(callId, move, title);
  }

  /** Take the last move back. Whether there was one. */
  undo() {
    const last = this.#undoable.pop();
    if (!last) return false;
    const { callId, from, to, version } = last;
    const place = this.state.placeOf(callId);
    if (!this.state.column(from)) this.#tell("Not undone: the column it came from was deleted.", { tone: "failed" });
    else if (place === to) this.make(callId, from, { isUndo: true });
    else if (place === null && version !== null) this.#undoUnseen(last);
    else this.#tell("Not undone: somebody has moved that call since.", { tone: "failed" });
    return true;
  }

  /** Back with a card that is not on the page: further down than what is loaded, or left out by the filters. */
  async #undoUnseen({ callId, from, title, version }) {
    const wanted = this.state.column(from).name;
    const { status, answer } = await this.server.move(callId, statusOf(from), version);
    if (status !== 200) {
      this.#tell(refusalWords({ status, error: answer.error, title, wanted, now: null }), { tone: "failed" });
      return;
    }
    this.state.refresh(answer);
    this.show();
    this.#tell(`Moved back to ${wanted}`);
  }

  async #send(callId, move, title) {
    let [to, found] = [null, null];
    do {
      to = move.to;
      found = await this.server.move(callId, statusOf(to), move.version);
      if (found.status !== 200) break;
      move.version = found.answer.version;
      const made = this.#undoable.findLast((one) => one.callId === callId);
      if (made) made.version = move.version;
    } while (move.to !== to);
    // By what the socket told it may be over already, and the next one begun; or its column is gone.
    const underWay = this.state.moves.get(callId);
    const isOurs = underWay === move;
    if (found.status !== 200) {
      const isLost = !underWay && this.state.placeOf(callId) !== move.to;
      if (isOurs || isLost) await this.#takeBack(callId, move, title, found);
      return;
    }
    if (isOurs) this.state.finishMove(callId, found.answer);
    else this.state.refresh(found.answer);
    this.show();
  }

  async #takeBack(callId, move, title, { status, answer: { error } }) {
    const { state } = this;
    if (status === 409) {
      const newer = await this.server.readCall(callId);
      if (newer.status === 200) state.refresh(newer.answer);
    }
    const node = this.#nodeOf(callId);
    const flight = node && new Flight(node);
    state.cancelMove(callId);
    if (status === 404) state.remove(callId);
    this.show();
    flight?.land(this.#nodeOf(callId));
    this.#undoable = this.#undoable.filter((one) => one.callId !== callId);
    const key = state.placeOf(callId);
    const now = key === null ? null : state.column(key).name;
    const mayWorkLater = status === 0 || status >= 500;
    const act = mayWorkLater ? { label: "Retry", does: () => this.make(callId, move.to) } : null;
    this.#tell(refusalWords({ status, error, title, wanted: move.name, now }), { tone: "failed", act });
    if (status === 422 && error?.code === "unknown_status") this.onColumnGone();
  }

  #nodeOf(callId) {
    return this.viewOf(this.state.placeOf(callId))?.viewOf(callId)?.node ?? null;
  }

  #tell(words, options) {
    this.toast.show(words, options);
    this.say(words);
  }
}
