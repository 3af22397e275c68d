import assert from "node:assert/strict";
import { test } from "node:test";

import { runsOf, wordAt, wordsOf } from "../../crm/static/crm/call/words.js";

const line = { start: 10, end: 12, speaker: "agent", text: "I want  it", times: "0 1e 23" };

test("each word has its place and its time", () => {
  assert.deepEqual(wordsOf(line), [
    { from: 0, to: 1, start: 10 },
    { from: 2, to: 6, start: 10.5 },
    { from: 8, to: 10, start: 11.25 },
  ]);
  assert.deepEqual(wordsOf({ ...line, times: undefined }), []);
});

test("the word that is said is the last that has begun, within the line", () => {
  const words = wordsOf(line);
  assert.equal(wordAt(words, line, 9.9), null);
  assert.equal(wordAt(words, line, 10.6).from, 2);
  assert.equal(wordAt(words, line, 11.9).from, 8);
  assert.equal(wordAt(words, line, 12.5), null);
});

test("what is masked is counted in characters, whatever stands before it", () => {
  const runs = runsOf({ text: "🦊 is [card number].", masks: [[5, 18, "card"]] });
  assert.deepEqual(runs, [
    { text: "🦊 is ", mask: null, unsure: null },
    { text: "[card number]", mask: "card", unsure: null },
    { text: ".", mask: null, unsure: null },
  ]);
});

test("a word that the engine was not sure of stands alone, unless it is masked", () => {
  const runs = runsOf({ text: "my [number] is old", masks: [[3, 11, "phone"]], unsure: [[1, 20], [3, 41]] });
  assert.deepEqual(
    runs.map(({ text, mask, unsure }) => [text, mask, unsure]),
    [["my ", null, null], ["[number]", "phone", null], [" is ", null, null], ["old", null, 41]],
  );
});

test("the runs joined are the text, whatever the marks are", () => {
  const text = "one two three";
  const odd = { text, masks: [[0, 99, "card"], [4, 4, "card"]], unsure: [[9, 1], [0, 5]] };
  assert.equal(runsOf(odd).map((run) => run.text).join(""), text);
});
