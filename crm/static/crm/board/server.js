// What the board asks of the server. Every answer is {status, answer}: status 0 when there was none.

import { cookie } from "../../audio/cookie.js";
import { ask } from "../ask.js";
import { toServer } from "./asked.js";
import { keyOf } from "./state.js";

const AT_FIRST = 50;
const MOST_AT_ONCE = 200;
/** Whoever is further down than this finds the end of what was read; the rest comes as they go on. */
const DEEPEST = 10_000;
/** Filters may let nothing through of a page. */
const BARREN_PAGES = 3;

export class BoardServer {
  /** `board` and `calls` are addresses; `csrfToken` is the page's, should the cookie be missing. */
  constructor({ board, calls, csrfToken }) {
    Object.assign(this, { board, calls, csrfToken });
  }

  /** The whole board, a few cards of each column; of those in `depths` (key → number) as many as that. */
  async read(asked, { depths = new Map(), signal } = {}) {
    const limit = Math.min(MOST_AT_ONCE, Math.max(AT_FIRST, ...depths.values()));
    const found = await ask(`${this.board}?${toServer(asked, { limit })}`, { signal });
    if (found.status !== 200) return found;
    const faults = await Promise.all(found.answer.columns.map((column) => this.#readDown(column, depths.get(keyOf(column.id)) ?? 0, signal)));
    return faults.find(Boolean) ?? found;
  }

  /** More cards into an answer's column, until there are so many. The answer that was none; null when all were. */
  async #readDown(column, depth, signal) {
    const wanted = Math.min(depth, DEEPEST);
    for (let pages = Math.ceil(wanted / MOST_AT_ONCE) + BARREN_PAGES; pages && column.next && column.cards.length < wanted; pages -= 1) {
      const found = await this.readOn(column.next, MOST_AT_ONCE, signal);
      if (found.status !== 200) return found;
      const [page] = found.answer.columns;
      column.cards.push(...page.cards);
      column.next = page.next;
    }
    return null;
  }

  /** So many next cards of a column, from where its last answer ended. */
  readOn(next, limit, signal) {
    const { pathname, searchParams } = new URL(next, location.href);
    searchParams.set("limit", limit);
    return ask(`${pathname}?${searchParams}`, { signal });
  }

  /** A call as it is now. */
  readCall(callId) {
    return ask(this.#of(callId));
  }

  move(callId, statusId, version) {
    return ask(`${this.#of(callId)}/move`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRFToken": cookie("csrftoken") ?? this.csrfToken },
      body: JSON.stringify({ status_id: statusId, version }),
    });
  }

  #of(callId) {
    return `${this.calls}/${encodeURIComponent(callId)}`;
  }
}
