import assert from "node:assert/strict";
import { test } from "node:test";

import { atSecond, heightOf, isMissing, saidAt, secondIn, secondOf, soundOf } from "../../crm/static/crm/call/lines.js";

const lines = [0.4, 5.39, 11.49, 83.24, 83.9].map((start) => ({ start, speaker: "agent", text: "x" }));

test("an address names a second to its tenth, and every line is found by its own", () => {
  assert.deepEqual(lines.map(secondOf), ["0.4", "5.4", "11.5", "83.2", "83.9"]);
  lines.forEach((line, place) => assert.equal(atSecond(lines, Number(secondOf(line))), place));
});

test("a second within a line is that line's, and one behind all the last one's", () => {
  assert.equal(atSecond(lines, 7), 1);
  assert.equal(atSecond(lines, 83.7), 3);
  assert.equal(atSecond(lines, 5000), 4);
});

test("before the first line there is none", () => {
  assert.equal(atSecond(lines, 0), -1);
  assert.equal(atSecond([], 3), -1);
});

test("only a number of seconds is one", () => {
  assert.deepEqual(["?t=83.2", "?t=0", "?t=", "?t=x", "?t=-1", "?t=1e3", "?t=Infinity", ""].map((said) => secondIn(said)), [83.2, 0, null, null, null, null, null, null]);
  assert.equal(secondIn("?t=9999", 26), 26);
});

test("what lies in a gap has no sound, to the end where it has none", () => {
  const gaps = [{ start: 3, end: 8 }, { start: 60, end: null }];
  assert.deepEqual([2, 3, 8, 61].map((second) => isMissing(gaps, second)), [false, true, false, true]);
});

test("a guess of the height grows with the text and the turns", () => {
  const measures = { characters: 10, row: 20, between: 5, turn: 30 };
  const said = (speaker, length) => ({ speaker, text: "x".repeat(length) });
  assert.equal(heightOf([said("agent", 5)], measures), 55);
  assert.equal(heightOf([said("agent", 25), said("agent", 1), said("client", 1)], measures), 60 + 20 + 20 + 15 + 60);
});

test("of two who speak at once, who goes on is heard", () => {
  const said = [[0, 20], [5, 7], [21, 30]].map(([start, end]) => ({ start, end }));
  assert.deepEqual([3, 6, 8, 20.5, 25].map((second) => saidAt(said, second)), [0, 1, 0, 1, 2]);
  assert.equal(saidAt([], 3), -1);
});

test("a mask that is added makes another sound of the same recording", () => {
  const recording = { session_id: "a", duration: 26.7 };
  const line = { id: "1", start: 1, end: 5, speaker: "client", text: "It is [card number]" };
  const masked = { ...line, masks: [[6, 19, "card"]] };
  const of = (...lines) => soundOf({ recording, verdict: { gaps: [] }, lines });
  assert.equal(of(line), of());
  assert.notEqual(of(masked), of());
  assert.notEqual(of({ ...masked, start: 2 }), of(masked));
});
