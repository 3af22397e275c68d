import assert from "node:assert/strict";
import { test } from "node:test";

import { bandOf } from "../../crm/static/crm/call/band.js";
import { whyNobody } from "../../crm/static/crm/call/contact_picker.js";
import { conflictWords } from "../../crm/static/crm/call/line_conflict.js";
import { Reading, othersWords } from "../../crm/static/crm/call/reading.js";
import { sideOf } from "../../crm/static/crm/call/row.js";
import { badgeOf, verdictSentence } from "../../crm/static/crm/call/verdict.js";

const gap = (start, end, cause, reason = "") => ({ start, end, cause, reason });

test("a cell of the band is the emotion that lasts longest in it", () => {
  const stretches = [
    { start: 0, end: 4, emotion: "neutral" },
    { start: 4, end: 12, emotion: "tense" },
    { start: 39, end: 40, emotion: "positive" },
  ];
  assert.deepEqual(bandOf(stretches, 40, 4), ["tense", "tense", null, "positive"]);
  assert.deepEqual(bandOf(stretches, 0, 2), [null, null]);
});

test("a badge names the first gap with its cause, and how many more there are", () => {
  const verdict = { state: "incomplete", gaps: [gap(3, 8, "pause"), gap(30, 42, "offline"), gap(60, null, "never_arrived")], owed: [] };
  assert.deepEqual(badgeOf({ status: "completed" }, verdict), {
    tone: "missing",
    text: "Incomplete: 0:30 to 0:42, no connection, and 1 more gap",
  });
  assert.equal(verdictSentence(verdict), "Not all of it is here: 2 gaps without sound.");
});

test("a call without a recording has no verdict, one that is all here says so", () => {
  assert.equal(badgeOf({ status: "completed" }, null), null);
  assert.equal(badgeOf({ status: "in_progress" }, null).text, "In progress");
  assert.equal(badgeOf({ status: "completed" }, { state: "complete", gaps: [], owed: [] }).tone, "safe");
});

test("who did what since is told by the newest, and how much more there was", () => {
  const entry = (by, did, at) => ({ by, did, at });
  const before = [entry("Dana", "opened the call", "2026-11-26T10:00:00Z")];
  const now = [entry("Sam", "wrote a note", "2026-11-26T10:02:00Z"), entry("Sam", "changed the status", "2026-11-26T10:01:00Z"), ...before];
  assert.equal(othersWords(now, before), "Sam wrote a note, and 1 more.");
  assert.equal(othersWords(before, before), "Somebody changed this call.");
});

function readingOf(answers) {
  const shown = [];
  const others = [];
  const server = { read: async () => answers.shift() };
  const reading = new Reading({ server, onShow: (now) => shown.push(now.call.version), onOthers: (words) => others.push(words) });
  return { reading, shown, others };
}

const version = (number) => ({ call: { version: number }, history: [], lines: [] });

test("what a recording adds is shown at once, what somebody else did when one asks for it", async () => {
  const { reading, shown, others } = readingOf([version(1), version(1), version(2)]);
  await reading.begin();
  await reading.news();
  assert.deepEqual(shown, [1, 1]);
  await reading.news();
  assert.deepEqual(shown, [1, 1]);
  assert.equal(others.at(-1), "Somebody changed this call.");
  reading.showOthers();
  assert.deepEqual(shown, [1, 1, 2]);
  assert.equal(others.at(-1), null);
});

test("who was too late sees how it is, and is told", async () => {
  const { reading, shown } = readingOf([version(1), version(3)]);
  await reading.begin();
  const late = Object.assign(new Error("late"), { isStale: true });
  await assert.rejects(reading.act(() => Promise.reject(late)), late);
  assert.deepEqual(shown, [1, 3]);
});

test("a change of something else does not keep anybody from writing, but never goes on for ever", async () => {
  const late = Object.assign(new Error("late"), { isStale: true });
  const written = [];
  const { reading } = readingOf([version(1), version(3), version(3)]);
  await reading.begin();
  const write = async (number) => {
    if (number === 1) throw late;
    written.push(number);
  };
  await reading.act(write, { stands: () => true });
  assert.deepEqual(written, [3]);
  await assert.rejects(reading.act(() => Promise.reject(late), { stands: () => true }), late);
});

test("what somebody else has made of a line is said with their name, or that it was heard again", () => {
  const was = { id: "7", text: "Good morning", speaker: "agent" };
  const history = [
    { by: "Dana", line: "8" },
    { by: "Sam", line: "7" },
  ];
  assert.equal(conflictWords({ ...was, text: "Good evening", corrected: true }, was, history), "Sam wrote: “Good evening”");
  assert.equal(
    conflictWords({ ...was, text: "Good night", speaker: "client", corrected: true }, was, []),
    "Somebody else wrote, as said by Client: “Good night”",
  );
  assert.equal(conflictWords({ ...was, text: "Good mourning" }, was, history), "It was heard again: “Good mourning”");
  assert.equal(conflictWords({ ...was, speaker: "client" }, was, history), "This line is Client’s now.");
});

test("who is called otherwise keeps the colour of their side", () => {
  const sides = { Maria: "client" };
  assert.deepEqual(["Maria", "agent", "constructor"].map((name) => sideOf(name, sides)), ["client", "agent", "constructor"]);
});

test("why a call has no contact is said where something is known of its caller", () => {
  const call = { phone: "+15550100", external_user_id: null, contact_match: "several" };
  assert.equal(whyNobody(call, null), "Several contacts have this phone");
  assert.equal(whyNobody({ ...call, contact_match: null }, null), "Unknown caller");
  assert.equal(whyNobody(call, { id: 1, name: "Ada" }), "");
  assert.equal(whyNobody({ ...call, phone: null, contact_match: null }, null), "");
});
