import assert from "node:assert/strict";
import { test } from "node:test";

import { isDraft, marks, runs, speakerName } from "../../audio/static/audio/transcript.js";
import { emotion, flag, segment, stateWith } from "./builders.mjs";

const word = (text, confidence) => ({ text, confidence, start_time: 0, end_time: 0 });

test("words that the engine was not sure of stand alone", () => {
  const segment = { text: "Good day, Mr. Smith.", words: [word("Good", 0.9), word("day", 0.3), word("Mr.", 0.8), word("Smith", 0.49)] };
  assert.deepEqual(runs(segment), [
    { text: "Good ", confidence: null },
    { text: "day", confidence: 0.3 },
    { text: ", Mr. ", confidence: null },
    { text: "Smith", confidence: 0.49 },
    { text: ".", confidence: null },
  ]);
});

test("a word is looked for after those before it", () => {
  const marked = runs({ text: "there the", words: [word("there", 0.9), word("the", 0.2)] });
  assert.deepEqual(marked.map((run) => run.text), ["there ", "the"]);
});

test("the runs joined are the text, whatever the words are", () => {
  for (const words of [undefined, [], [word("elsewhere", 0.1)], [word("", 0.1)], [word("a", 0.1), word("a", 0.1)]]) {
    assert.equal(runs({ text: "a b a", words }).map((run) => run.text).join(""), "a b a");
  }
  assert.deepEqual(runs({ text: "", words: [word("a", 0.1)] }), []);
});

test("an unknown speaker has no name", () => {
  assert.deepEqual(["agent", "speaker_1", "unknown", "", undefined].map(speakerName), ["Agent", "Speaker 1", "", "", ""]);
});

test("the built-in engine makes a draft", () => {
  assert.equal(isDraft([{ engine: "faster-whisper" }, { engine: "pocketsphinx" }]), true);
  assert.equal(isDraft([{ engine: "faster-whisper" }]), false);
  assert.equal(isDraft([]), false);
});

test("a flag stands at the segment in which it begins, an unknown emotion nowhere", () => {
  const state = stateWith({
    segments: [segment(0, 0), segment(0, 5)],
    emotions: [emotion(0, 0), emotion(0, 5, { emotion: "unknown" })],
    flags: [flag("whole", 0.5), flag("whole", 3), flag("0000", 5.5)],
  });
  const made = marks(state);
  assert.equal(made.get(segment(0, 0).segment_id).emotion.emotion, "negative");
  assert.equal(made.get(segment(0, 5).segment_id).emotion, null);
  assert.deepEqual(made.get(segment(0, 0).segment_id).flags, [flag("whole", 0.5)]);
  assert.deepEqual(made.get(segment(0, 5).segment_id).flags, [flag("0000", 5.5)]);
  assert.equal(marks(stateWith({ flags: [flag("whole", 4)] })).size, 0);
});
