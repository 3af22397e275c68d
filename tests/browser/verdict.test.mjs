import assert from "node:assert/strict";
import { test } from "node:test";

import { soundOf, verdictWords } from "../../audio/static/audio/verdict.js";
import { withChunk } from "../../audio/static/audio/timeline.js";
import { STORED, TRANSCRIBED, chunk, stateWith } from "./builders.mjs";

const gap = (start, end, cause, reason = "") => ({ start, end, cause, reason });
const words = (state, gaps = [], owed = []) => verdictWords({ state, gaps, owed });

test("all is here", () => {
  assert.deepEqual(words("complete"), { tone: "safe", text: "Complete", pauses: "" });
  assert.deepEqual(words("recording"), { tone: "working", text: "Recording", pauses: "" });
});

test("a recorder that could not join its chunks exactly is not called whole without a word", () => {
  const told = verdictWords({ state: "complete", gaps: [], owed: [] }, { recorder: { exact_joins: false } });
  assert.equal(told.text, "Complete; about a tenth of a second is lost between chunks");
});

test("what is missing is told with its place, its length and its cause", () => {
  assert.equal(
    words("incomplete", [gap(41, 53.4, "device")], [3, 4]).text,
    "Incomplete: 12.4 s missing at 0:41 (device), chunks 3 and 4 have not arrived",
  );
  assert.equal(words("incomplete", [gap(3700, 3825, "offline")]).text, "Incomplete: 2:05 missing at 1:01:40 (offline)");
  assert.equal(
    words("recording", [gap(60, 61, "device", "Microphone unplugged")]).text,
    "Recording: 1.0 s missing at 1:00 (device: Microphone unplugged)",
  );
  assert.equal(words("incomplete", [], [7]).text, "Incomplete: chunk 7 has not arrived");
});

test("an open end is told once", () => {
  const open = gap(90, null, "never_arrived");
  assert.equal(words("incomplete", [open], [3]).text, "Incomplete: chunk 3 has not arrived");
  assert.equal(
    words("incomplete", [{ ...open, reason: "The recorder went away" }]).text,
    "Incomplete: the end is missing from 1:30 (never arrived: The recorder went away)",
  );
});

test("pauses are told as pauses", () => {
  assert.deepEqual(words("complete", [gap(30, 45, "pause", "card data")]), {
    tone: "safe",
    text: "Complete",
    pauses: "Paused 0:30 to 0:45 (card data)",
  });
  assert.equal(words("recording", [gap(30, null, "pause", "card data")]).pauses, "Paused since 0:30 (card data)");
  const without = words("incomplete", [gap(30, 45, "pause")]);
  assert.deepEqual([without.text, without.pauses], ["Incomplete", "Paused 0:30 to 0:45 (no reason given)"]);
});

test("of many only some are named", () => {
  const many = Array.from({ length: 9 }, (_, number) => gap(number * 60, number * 60 + 1, "device"));
  assert.match(words("incomplete", many, [1, 2, 3, 4, 5, 6, 7, 8]).text, /\(device\), 6 more gaps, chunks 1, 2, 3, 4, 5 and 3 more have/);
});

test("another sound is another text, another state of the same chunks is not", () => {
  const state = stateWith({ chunks: [chunk(0, { ...STORED, checksum: "a" })] });
  const heard = withChunk(state, chunk(0, { ...TRANSCRIBED, checksum: "a", decoded_seconds: 30.007 }));
  assert.equal(soundOf(heard), soundOf(state));
  assert.notEqual(soundOf(withChunk(state, chunk(1))), soundOf(state));
  assert.notEqual(soundOf(withChunk(state, chunk(0, { ...STORED, checksum: "a", decoded_seconds: 12 }))), soundOf(state));
});

test("what becomes masked is another sound, and what is said otherwise is not", () => {
  const state = stateWith({ chunks: [chunk(0, { ...STORED, checksum: "a" })] });
  const said = { segment_id: "s:0000:0", speaker: "client", start_time: 1, end_time: 5, text: "It is [card number]" };
  const masked = { ...said, redactions: [{ kind: "card", start: 6, end: 19, start_time: 2, end_time: 4 }] };
  assert.equal(soundOf({ ...state, segments: [said] }), soundOf(state));
  assert.notEqual(soundOf({ ...state, segments: [masked] }), soundOf(state));
  const corrected = { ...masked, text: "That is [card number]" };
  assert.equal(soundOf({ ...state, segments: [corrected] }), soundOf({ ...state, segments: [masked] }));
});
