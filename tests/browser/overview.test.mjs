import assert from "node:assert/strict";
import { test } from "node:test";

import { bars, levelWords } from "../../audio/static/audio/overview/level.js";
import { age, apply, inOrder, matches, needWords, summary, verdictSoFar } from "../../audio/static/audio/overview/rows.js";

const row = (id, values = {}) => ({
  session_id: id,
  user: { id: 1, name: "Dana Agent" },
  subject: "Order 1042",
  state: "recording",
  paused: false,
  started_at: "2026-11-20T12:00:00Z",
  chunks: 1,
  verdict: { state: "recording", gaps: 0, owed: 0 },
  needs: [],
  ...values,
});
const needing = (...reasons) => ({ needs: reasons.map((reason) => ({ reason, words: reason })) });
const ids = (rows) => rows.map((one) => one.session_id);

test("a frame adds, changes and takes away; a reset begins anew", () => {
  const first = apply({ reset: true, sessions: [row("a"), row("b")], ended: [] }, new Map([["x", row("x")]]));
  assert.deepEqual([...first.keys()], ["a", "b"]);
  const next = apply({ reset: false, sessions: [row("b", { chunks: 2 }), row("c")], ended: ["a", "unknown"] }, first);
  assert.deepEqual([...next.keys()], ["b", "c"]);
  assert.equal(next.get("b").chunks, 2);
  assert.equal(first.get("b").chunks, 1);
});

test("what needs a look is at the top, the worst first, and newcomers are at the end", () => {
  const rows = [
    row("new", { started_at: "2026-11-20T12:05:00Z" }),
    row("old"),
    row("slow", needing("slow")),
    row("silent", { started_at: "2026-11-20T12:09:00Z", ...needing("silent", "slow") }),
    row("strange", needing("not known here")),
  ];
  assert.deepEqual(ids(inOrder(rows)), ["silent", "slow", "strange", "old", "new"]);
});

test("rows that began together keep one order", () => {
  assert.deepEqual(ids(inOrder([row("b"), row("a")])), ["a", "b"]);
});

test("a row is found by name and subject, whatever the accents", () => {
  const found = (words) => matches(row("a", { user: { id: 1, name: "Zoë Ćosić" } }), words);
  assert.ok(found(""));
  assert.ok(found("zoe"));
  assert.ok(found("ORDER cosic"));
  assert.ok(!found("zoe invoice"));
});

test("the summary counts what goes on and what needs a look", () => {
  assert.equal(summary([row("a")]), "1 recording");
  const rows = [row("a"), row("b", { paused: true }), row("c", { state: "processing", ...needing("owed") })];
  assert.equal(summary(rows), "1 recording, 1 paused, 1 still arriving");
  assert.deepEqual([needWords(1), needWords(2)], ["1 needs a look", "2 need a look"]);
});

test("an age is told in as few words as one needs", () => {
  assert.deepEqual([-3, 0, 59.9, 60, 3599, 7200].map(age), ["0 s", "0 s", "59 s", "1 min", "59 min", "2 h"]);
});

test("what is here so far is whole, or told with what it lacks", () => {
  const told = (values) => verdictSoFar(row("a", values)).text;
  assert.equal(told({ chunks: 0 }), "Nothing yet");
  assert.equal(told({ chunks: 1 }), "1 chunk");
  assert.equal(told({ chunks: 1400 }), "1,400 chunks");
  assert.equal(told({ verdict: { gaps: 1, owed: 2 } }), "2 chunks missing, 1 gap");
});

test("the level is a bar for each stretch, the last at the right edge, and never more than fit", () => {
  assert.equal(bars([]), "");
  assert.equal(bars([-100]), "M92 20v-1h3v1z");
  assert.equal(bars([-12, 0]), "M88 20v-20h3v20zM92 20v-20h3v20z");
  assert.equal(bars(Array(50).fill(-30)).match(/M/g).length, 24);
});

test("the level is told in words too", () => {
  assert.equal(levelWords([]), "Level not measured yet");
  assert.equal(levelWords([-90, -80]), "Silent lately");
  assert.equal(levelWords([-90, -20]), "Sound lately");
});
