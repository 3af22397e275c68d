import assert from "node:assert/strict";
import { test } from "node:test";

import { excerpt, runs } from "../../calls/static/calls/spans.js";

const marked = (text, spans) => runs(text, spans).map((run) => (run.span ? `[${run.text}]` : run.text)).join("");
const long = `${"so it was said ".repeat(40)}the refund came ${"and so on and on ".repeat(40)}`.trim();

test("a text is cut at its spans, and joined it is the text", () => {
  assert.equal(marked("I want my money back now", [[10, 15], [16, 20]]), "I want my [money] [back] now");
  assert.equal(marked("refund", [[0, 6]]), "[refund]");
  assert.equal(marked("nothing", []), "nothing");
  assert.deepEqual(runs("", []), []);
});

test("places are counted in characters, not in halves of one", () => {
  assert.equal(marked("🙂🙂 refund 🙂", [[3, 9]]), "🙂🙂 [refund] 🙂");
});

test("spans that overlap, are empty or lie outside are never marked twice", () => {
  assert.equal(marked("money back", [[0, 7], [3, 10], [4, 4], [90, 99]]), "[money b][ack]");
});

test("a short text is shown whole", () => {
  assert.deepEqual(excerpt("a refund", [[2, 8]], 100), { text: "a refund", spans: [[2, 8]] });
});

test("a long text is cut between words around its first match, which stays where it is marked", () => {
  const at = long.indexOf("refund");
  const { text, spans } = excerpt(long, [[at, at + 6]], 120);
  assert.match(marked(text, spans), /^… \w.* the \[refund\] came .*\w …$/u);
  assert.ok(text.length <= 124);
  const words = new Set(long.split(" "));
  assert.ok(text.split(" ").every((word) => word === "…" || words.has(word)), text);
});

test("a long text without a match is shown from its beginning, and one that matches at its end to there", () => {
  assert.ok(excerpt(long, [], 60).text.startsWith("so it was said"));
  const { text, spans } = excerpt(`${long} refund`, [[long.length + 1, long.length + 7]], 60);
  assert.ok(marked(text, spans).endsWith("[refund]"));
});

test("a long text of one word is cut all the same", () => {
  const { text, spans } = excerpt("x".repeat(5000), [[4000, 4010]], 100);
  assert.ok(text.length <= 104);
  assert.equal(spans.length, 1);
});
