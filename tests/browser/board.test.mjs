import assert from "node:assert/strict";
import { test } from "node:test";

import { fromAddress, isFiltered, leftOut, toAddress, toServer } from "../../crm/static/crm/board/asked.js";
import { BoardState, NO_STATUS } from "../../crm/static/crm/board/state.js";
import { offsetsOf, rangeOf, scrollTo } from "../../crm/static/crm/board/windowing.js";
import { callWords, initialsOf, leftOutWords, marksOf, refusalWords, standingOf, suspicionWords, titleOf } from "../../crm/static/crm/board/words.js";

function card(id, statusId, values = {}) {
  const start = new Date(Date.UTC(2026, 0, 1, 0, id)).toISOString();
  return { id, call_id: `c${id}`, status_id: statusId, version: 1, start_time: start, flags: [], suspicion_score: null, ...values };
}

function column(id, cards, values = {}) {
  return { id, name: `Column ${id}`, description: "", color: "#123456", total: cards.length, total_is_exact: true, cards, next: null, ...values };
}

function board(...columns) {
  const state = new BoardState();
  state.replace({ columns, may_move: true });
  state.takeChanges();
  return state;
}

const ids = (state, key) => state.column(key).ids;

test("cards stand newest first, wherever they come from", () => {
  const state = board(column(1, [card(5, "1"), card(2, "1")]), column(2, []));
  state.apply({ cards: [card(3, "1"), card(9, "2")], totals: [{ id: 1, total: 3, total_is_exact: true }] });
  assert.deepEqual(ids(state, "1"), ["c5", "c3", "c2"]);
  assert.deepEqual(ids(state, "2"), ["c9"]);
  assert.equal(state.totalOf("1").total, 3);
  assert.deepEqual([...state.takeChanges()].sort(), ["1", "2"]);
});

test("of what lies beyond what is loaded only the count is told", () => {
  const state = board(column(1, [card(9, "1"), card(8, "1")], { total: 50, next: "/on" }), column(2, []));
  state.apply({ cards: [card(3, "1")], totals: [{ id: 1, total: 51, total_is_exact: true }] });
  assert.deepEqual(ids(state, "1"), ["c9", "c8"]);
  state.addPage("1", { cards: [card(7, "1"), card(3, "1")], next: null });
  assert.deepEqual(ids(state, "1"), ["c9", "c8", "c7", "c3"]);
});

test("under a filter a page may bring nothing, and the end says how many there are", () => {
  const state = board(column(1, [], { next: "/on", total_is_exact: false }));
  assert.equal(state.isEmpty, false);
  state.addPage("1", { cards: [], next: "/further" });
  assert.deepEqual([state.totalOf("1").total, state.totalOf("1").isExact, state.isEmpty], [0, false, false]);
  state.addPage("1", { cards: [card(3, "1")], next: null });
  assert.deepEqual([state.totalOf("1").total, state.totalOf("1").isExact], [1, true]);
  state.apply({ totals: [{ id: 1, total: 0, total_is_exact: false }] });
  assert.deepEqual(state.totalOf("1"), { total: 1, isExact: true });
  assert.equal(board(column(1, []), column(2, [])).isEmpty, true);
});

test("no fewer calls are told than are shown, and what is shown is not nothing", () => {
  const state = board(column(1, [card(9, "1"), card(8, "1")], { total: 0, total_is_exact: false, next: "/on" }));
  assert.deepEqual([state.totalOf("1"), state.isEmpty], [{ total: 2, isExact: false }, false]);
});

test("a card of ours is shown where it was dropped, also beyond what is loaded, and no page brings it twice", () => {
  const state = board(column(1, [card(1, "1")]), column(2, [card(9, "2"), card(8, "2")], { total: 50, next: "/on" }));
  state.startMove("c1", "2");
  assert.deepEqual(ids(state, "2"), ["c9", "c8", "c1"]);
  assert.deepEqual([state.totalOf("1").total, state.totalOf("2").total], [0, 51]);
  state.finishMove("c1", card(1, "2", { version: 2 }));
  assert.deepEqual([state.totalOf("1").total, state.totalOf("2").total], [0, 51]);
  state.addPage("2", { cards: [card(5, "2"), card(1, "2", { version: 2 })], next: null });
  assert.deepEqual(ids(state, "2"), ["c9", "c8", "c5", "c1"]);
});

test("a move counts once, whether the socket or the answer tells of it first", () => {
  const told = { cards: [card(1, "2", { version: 2 })], totals: [{ id: 1, total: 0, total_is_exact: true }, { id: 2, total: 1, total_is_exact: true }] };
  const answered = card(1, "2", { version: 2 });
  for (const order of [["told", "answered"], ["answered", "told"]]) {
    const state = board(column(1, [card(1, "1")]), column(2, []));
    state.startMove("c1", "2");
    for (const what of order) {
      if (what === "told") state.apply(told);
      else state.finishMove("c1", answered);
      assert.deepEqual([state.totalOf("1").total, state.totalOf("2").total], [0, 1]);
    }
    assert.deepEqual(ids(state, "2"), ["c1"]);
  }
});

test("a move counts once when all is read anew while it is under way", () => {
  const state = board(column(1, [card(1, "1")]), column(2, []));
  state.startMove("c1", "2");
  state.replace({ columns: [column(1, []), column(2, [card(1, "2", { version: 2 })])], may_move: true });
  assert.deepEqual([state.totalOf("1").total, state.totalOf("2").total, ids(state, "2")], [0, 1, ["c1"]]);
  state.finishMove("c1", card(1, "2", { version: 2 }));
  assert.deepEqual([state.totalOf("1").total, state.totalOf("2").total], [0, 1]);
});

test("a refused move goes back to where the card is by now", () => {
  const state = board(column(1, [card(1, "1")]), column(2, []), column(3, []));
  state.startMove("c1", "2");
  state.apply({ cards: [card(1, "3", { version: 2, subject: "Newer" })] });
  assert.equal(state.placeOf("c1"), "2");
  state.cancelMove("c1");
  assert.equal(state.placeOf("c1"), "3");
  assert.equal(state.card("c1").subject, "Newer");
  assert.deepEqual([state.totalOf("1").total, state.totalOf("2").total], [1, 0]);
});

test("what is older than what is known changes nothing", () => {
  const state = board(column(1, [card(1, "1", { version: 4 })]), column(2, []));
  state.apply({ cards: [card(1, "2", { version: 3 })] });
  assert.equal(state.placeOf("c1"), "1");
});

test("a card that went while it was being moved is gone once the move has been answered", () => {
  const state = board(column(1, [card(1, "1")]), column(2, []));
  state.startMove("c1", "2");
  state.apply({ gone: ["c1"] });
  assert.equal(state.placeOf("c1"), "2");
  state.cancelMove("c1");
  assert.equal(state.placeOf("c1"), null);
  assert.deepEqual(ids(state, "2"), []);
});

test("reading all anew keeps what is being moved where it is shown", () => {
  const state = board(column(1, [card(1, "1"), card(2, "1")]), column(2, []));
  state.startMove("c1", "2");
  state.replace({ columns: [column(1, [card(2, "1"), card(1, "1")]), column(2, [])], may_move: true });
  assert.deepEqual([ids(state, "1"), ids(state, "2")], [["c2"], ["c1"]]);
  state.replace({ columns: [column(1, [card(2, "1"), card(1, "1")])], may_move: true });
  assert.deepEqual(ids(state, "1"), ["c2", "c1"]);
});

test("calls of a status that nobody knows stand in a column of their own", () => {
  const state = board(column(1, []));
  state.apply({ cards: [card(1, null), card(2, "99")], totals: [{ id: null, total: 2, total_is_exact: true }] });
  assert.deepEqual(ids(state, NO_STATUS), ["c2", "c1"]);
  assert.equal(state.column(NO_STATUS).name, "No status");
});

test("of a long column what is seen is found", () => {
  const offsets = offsetsOf(100_000, (index) => (index % 2 ? 100 : 50));
  assert.equal(offsets.at(-1), 7_500_000);
  assert.deepEqual(rangeOf(offsets, 7_499_000, 7_500_800), [99_987, 100_000]);
  assert.deepEqual(rangeOf(offsets, -400, 60), [0, 2]);
  assert.deepEqual(rangeOf(offsetsOf(1, () => 50), 400, 900), [0, 1]);
  assert.deepEqual([scrollTo(100, 300, 50, 90, 8), scrollTo(100, 300, 390, 440, 8), scrollTo(100, 300, 200, 240, 8)], [42, 148, 100]);
});

test("filters survive the address, and what none can be is left out", () => {
  const address = "?text=order+1042&assignee=me&owner=none&user=7&direction=inbound&suspicion=0.5&from=2026-11-01&to=2026-11-30";
  assert.equal(toAddress(fromAddress(address)), address);
  assert.equal(toAddress(fromAddress("?assignee=you&owner=me&user=-1&direction=up&suspicion=7&from=2026-02-31")), "");
  assert.equal(toAddress(fromAddress("?suspicion=0x1&assignee=0&to=9999-12-31")), "");
  assert.equal(toAddress(fromAddress("?suspicion=.5&to=9998-12-31")), "?suspicion=.5&to=9998-12-31");
  assert.equal(isFiltered(fromAddress("?text=+")), false);
  assert.deepEqual(leftOut("?text=refund&direction=up&min_suspicion=9&min_suspicion=8&owner="), ["direction", "min_suspicion"]);
  assert.equal(leftOutWords(["direction", "min_suspicion"]), "This address has filters that are not known: “direction”, “min_suspicion”. They are left out.");
});

test("days are the reader's own, the last one to its end", () => {
  const sent = toServer(fromAddress("?from=2026-11-01&to=2026-11-30&suspicion=0.5&text=+refund+"), { limit: 50 });
  assert.equal(sent.get("since"), new Date(2026, 10, 1).toISOString());
  assert.equal(sent.get("until"), new Date(2026, 11, 1).toISOString());
  assert.deepEqual([sent.get("text"), sent.get("min_suspicion"), sent.get("limit"), sent.has("from")], ["refund", "0.5", "50", false]);
});

test("what is special about a call has a word", () => {
  const usual = { status: "completed", verdict_state: "complete" };
  assert.equal(standingOf(usual), null);
  assert.equal(standingOf({ ...usual, verdict_state: "recording" }).text, "Recording");
  assert.equal(standingOf({ status: "in_progress", verdict_state: "arriving" }).text, "Arriving");
  assert.equal(standingOf({ ...usual, verdict_state: "incomplete" }).text, "Incomplete");
  assert.equal(standingOf({ status: "in_progress", verdict_state: null }).text, "In progress");
  assert.deepEqual([suspicionWords(0.72), suspicionWords(0.1), suspicionWords(null)], ["Suspicion 72 %", "", ""]);
  assert.equal(marksOf(card(1, null)), "");
  assert.equal(marksOf(card(1, null, { suspicion_score: 0.9, flags: ["long_silence", "crosstalk"] })), "Suspicion 90 % · Long silence · Crosstalk");
  assert.equal(titleOf({ subject: "", id: 123 }), "Call 123");
  assert.deepEqual([initialsOf("Sam van Supervisor"), initialsOf("דנה"), initialsOf("")], ["SS", "ד", ""]);
  assert.deepEqual([[1, true], [1234, true], [1000, false], [0, false]].map(([total, isExact]) => callWords({ total, isExact })), ["1 call", "1,234 calls", "1,000+ calls", "No calls among newer ones"]);
});

test("every refusal says what happened and where the card is", () => {
  const about = { title: "Order 1042", wanted: "Done", now: "New" };
  const stale = refusalWords({ ...about, status: 409, error: { code: "stale_version" } });
  assert.equal(stale, "Somebody else changed “Order 1042” first. It is in New.");
  const deleted = refusalWords({ ...about, status: 422, error: { code: "unknown_status" } });
  assert.equal(deleted, "Done was just deleted, so “Order 1042” was not moved. It is in New.");
  const said = [0, 401, 403, 404, 503, 418].map((status) => refusalWords({ ...about, status }));
  assert.equal(new Set(said).size, 6);
});
