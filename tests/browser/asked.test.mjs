import assert from "node:assert/strict";
import { test } from "node:test";

import { filtersOf, foundWords, fromAddress, matchedWords, toAddress, toServer, whyNotMeaning } from "../../calls/static/calls/asked.js";

test("what is asked survives the address", () => {
  const address = "?q=%22money+back%22+-bank&from=2026-11-01&status=4&speaker=client&suspicion=0.5";
  assert.equal(toAddress(fromAddress(address)), address);
  assert.deepEqual(filtersOf(fromAddress(address)), ["from", "status", "speaker", "suspicion"]);
  assert.equal(toAddress(fromAddress("")), "");
});

test("what an address says that is no day or no share is left out", () => {
  const asked = fromAddress("?q=x&from=2026-02-31&to=soon&suspicion=7");
  assert.deepEqual(filtersOf(asked), []);
  assert.deepEqual(filtersOf(fromAddress("?suspicion=NaN&from=2026-13-01&to=%00")), []);
});

test("days are the reader's own, the last one to its end", () => {
  const sent = toServer(fromAddress("?q=x&from=2026-11-01&to=2026-11-30"));
  assert.equal(sent.get("from"), new Date(2026, 10, 1).toISOString());
  assert.equal(sent.get("to"), new Date(2026, 11, 1).toISOString());
});

test("only what is asked is sent, with what the page adds", () => {
  const sent = toServer({ ...fromAddress("?speaker=client"), q: "  refund " }, { limit: 20, cursor: null });
  assert.equal(String(sent), "q=refund&speaker=client&limit=20");
});

test("how much was found is said as it is", () => {
  assert.equal(foundWords({ segments: 1, calls: 1, is_all: true }), "1 line in 1 call");
  assert.equal(foundWords({ segments: 1234, calls: 20, is_all: false }), "The best 1,234 lines in 20 calls");
});

test("every reason not to search meaning has words, and none has them when it was searched", () => {
  assert.equal(whyNotMeaning({ searched: true, reason: null }), "");
  const said = ["off", "embedder_away", "too_slow", "no_words", "another"].map((reason) => whyNotMeaning({ searched: false, reason }));
  assert.equal(new Set(said).size, 5);
  assert.ok(said.every((words) => words.endsWith(".")));
});

test("how a line was found is said", () => {
  assert.deepEqual([["words"], ["meaning"], ["words", "meaning"]].map(matchedWords), ["words", "meaning", "words and meaning"]);
});
