import assert from "node:assert/strict";
import { test } from "node:test";

import { lines, tally } from "../../audio/static/audio/status.js";
import { ANALYSED, FAILED, STORED, TRANSCRIBED, chunk, stateWith } from "./builders.mjs";

const said = (values) => lines(stateWith(values)).map((line) => line.text);
const heard = (number) => Array.from({ length: number }, (_, index) => chunk(index, TRANSCRIBED));

test("all is well", () => {
  assert.deepEqual(said({ status: "completed", total_chunks: 3, chunks: heard(3) }), ["All 3 chunks safe and heard"]);
  assert.deepEqual(said({ status: "completed", total_chunks: 1, chunks: heard(1) }), ["The only chunk is safe and heard"]);
});

test("while it goes on, only so far", () => {
  assert.deepEqual(said({ chunks: heard(3) }), ["All 3 chunks safe and heard so far"]);
});

test("a failed chunk says why and can be told from the others", () => {
  const [line] = lines(stateWith({ chunks: [...heard(2), chunk(2, FAILED)] }));
  assert.deepEqual(line, { tone: "failed", text: "Chunk 2 failed: The sound does not decode", index: 2 });
  assert.deepEqual(said({ chunks: [chunk(0, { ...FAILED, error: "" })] }), ["Chunk 0 failed: no reason was noted"]);
});

test("work that goes on is counted", () => {
  assert.deepEqual(said({ chunks: [chunk(0, ANALYSED), chunk(1, ANALYSED), chunk(2, STORED)] }), [
    "2 chunks are being transcribed",
    "1 chunk is waiting to be analysed",
  ]);
});

test("a chunk that the recorder counted is waited for", () => {
  assert.deepEqual(said({ total_chunks: 5, owed: [4], chunks: heard(4) }), [
    "Waiting for chunk 4: the recorder counted it, it has not arrived",
  ]);
});

test("a hole that later chunks leave is waited for", () => {
  assert.deepEqual(said({ chunks: [chunk(0, TRANSCRIBED), chunk(3, TRANSCRIBED)] }), [
    "Waiting for 2 chunks (1 and 2): later ones have arrived, they have not",
  ]);
});

test("what needs a look comes first", () => {
  const tones = lines(stateWith({ chunks: [chunk(0, STORED), chunk(2, FAILED)] })).map((line) => line.tone);
  assert.deepEqual(tones, ["failed", "missing", "working"]);
});

test("nothing is there", () => {
  assert.deepEqual(said({}), ["No chunk has arrived yet"]);
  assert.deepEqual(said({ status: "completed", total_chunks: 0 }), ["This recording ended without any sound"]);
});

test("the tally counts against what the recorder counted", () => {
  assert.equal(tally(stateWith({ chunks: heard(3) })), "3 of 3 heard");
  assert.equal(tally(stateWith({ chunks: heard(3), total_chunks: 5 })), "3 of 5 heard");
  assert.equal(tally(stateWith()), "none yet");
});
