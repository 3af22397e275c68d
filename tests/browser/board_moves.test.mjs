import assert from "node:assert/strict";
import { test } from "node:test";

import { Moves } from "../../crm/static/crm/board/moves.js";
import { BoardServer } from "../../crm/static/crm/board/server.js";
import { BoardState } from "../../crm/static/crm/board/state.js";

const UNKNOWN_STATUS = { status: 422, answer: { error: { code: "unknown_status" } } };

function card(id, statusId, version = 1) {
  return { id, call_id: `c${id}`, subject: `Call ${id}`, status_id: statusId, version, start_time: new Date(id).toISOString(), flags: [], suspicion_score: null };
}

function columns(...all) {
  const made = all.map(([id, ...cards]) => ({ id, name: `Column ${id}`, total: cards.length, total_is_exact: true, cards, next: null }));
  return { columns: made, may_move: true };
}

/** Moves on a page without cards; what the server is asked waits for `answer(answer)`. */
function desk(...all) {
  const state = new BoardState();
  state.replace(columns(...all));
  const [asked, told, waiting] = [[], [], []];
  const server = {
    move: (...what) => {
      asked.push(what);
      return new Promise((answer) => waiting.push(answer));
    },
  };
  const nowhere = { reveal: () => null, viewOf: () => null };
  const moves = new Moves({
    state,
    server,
    toast: { show: (words) => told.push(words) },
    say: () => {},
    show: () => {},
    viewOf: (key) => state.column(key) && nowhere,
    focus: () => {},
    onColumnGone: () => {},
  });
  const answer = async (given) => {
    waiting.shift()(given);
    await new Promise(setImmediate);
  };
  return { state, moves, asked, told, answer };
}

const moved = (...about) => ({ status: 200, answer: card(...about) });

test("a card stays where it is when the column it is to go to has just gone", () => {
  const { state, moves, asked, told } = desk([1, card(1, "1")], [2]);
  state.replace(columns([1, card(1, "1")]));
  moves.make("c1", "2");
  assert.deepEqual([state.placeOf("c1"), asked.length], ["1", 0]);
  assert.deepEqual(told, ["That column was just deleted, so “Call 1” was not moved. It is in Column 1."]);
});

test("a refusal is told even when its column has gone before it came", async () => {
  const { state, moves, told, answer } = desk([1, card(1, "1")], [2]);
  moves.make("c1", "2");
  state.replace(columns([1, card(1, "1")]));
  await answer(UNKNOWN_STATUS);
  assert.equal(told.at(-1), "Column 2 was just deleted, so “Call 1” was not moved. It is in Column 1.");
});

test("an answer that was lost is no refusal when the socket has told that the card is there", async () => {
  const { state, moves, told, answer } = desk([1, card(1, "1")], [2]);
  moves.make("c1", "2");
  state.apply({ cards: [card(1, "2", 2)] });
  await answer({ status: 0, answer: {} });
  assert.deepEqual(told, ["Moved to Column 2"]);
});

test("a move is undone also when its card is not on the page any more", async () => {
  const { state, moves, asked, told, answer } = desk([1, card(1, "1")], [2]);
  moves.make("c1", "2");
  await answer(moved(1, "2", 2));
  state.apply({ gone: ["c1"] });
  moves.undo();
  assert.deepEqual(asked.at(-1), ["c1", "1", 2]);
  await answer(moved(1, "1", 3));
  assert.equal(told.at(-1), "Moved back to Column 1");
});

test("undoing says whether the card has gone on or its column has gone", async () => {
  for (const [now, said] of [
    [columns([1], [2], [3, card(1, "3", 3)]), "Not undone: somebody has moved that call since."],
    [columns([2, card(1, "2", 2)]), "Not undone: the column it came from was deleted."],
  ]) {
    const { state, moves, told, answer } = desk([1, card(1, "1")], [2]);
    moves.make("c1", "2");
    await answer(moved(1, "2", 2));
    state.replace(now);
    moves.undo();
    assert.equal(told.at(-1), said);
  }
});

test("a column is read down to where one is", async (context) => {
  const pageOf = (from, count) => Array.from({ length: count }, (_, place) => card(10_000 - from - place, "1"));
  const asked = [];
  globalThis.location = { href: "http://board.test/" };
  context.mock.method(globalThis, "fetch", async (address) => {
    const { searchParams: query } = new URL(address, location.href);
    const [from, limit] = [Number(query.get("cursor") ?? 0), Number(query.get("limit"))];
    asked.push(from);
    const found = columns([1, ...pageOf(from, limit)], ...(from ? [] : [[2]]));
    found.columns[0].next = `/crm/board?column=1&cursor=${from + limit}`;
    return Response.json(found);
  });
  const server = new BoardServer({ board: "/crm/board", calls: "/api/calls" });
  const { answer } = await server.read({ text: "" }, { depths: new Map([["1", 500], ["2", 0]]) });
  assert.deepEqual(asked, [0, 200, 400]);
  const [{ cards, next }] = answer.columns;
  assert.deepEqual([cards.length, cards.at(-1).id, next], [600, 9401, "/crm/board?column=1&cursor=600"]);
});
