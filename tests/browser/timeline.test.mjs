import assert from "node:assert/strict";
import { test } from "node:test";

import { EMPTY, apply, cellState, cells, misses, missing, storedSeconds, withChunk } from "../../audio/static/audio/timeline.js";
import { ANALYSED, FAILED, STORED, TRANSCRIBED, chunk, emotion, flag, part, segment, session, snapshot, stateWith } from "./builders.mjs";

const event = (type, number, values = {}) => ({ type, seq: `ab12cd34-${number}`, session_id: "s", ...values });
const indexes = (chunks) => chunks.map((one) => one.chunk_index);
const texts = (state) => state.segments.map((one) => one.text);

test("nothing is shown before the snapshot", () => {
  assert.equal(apply(event("chunk_stored", 1, { chunk: chunk(0) }), EMPTY), EMPTY);
});

test("a snapshot is put in order", () => {
  const state = apply(snapshot({ chunks: [chunk(1), chunk(0)], segments: [segment(1, 0, "b"), segment(0, 0, "a")] }), EMPTY);
  assert.deepEqual(indexes(state.chunks), [0, 1]);
  assert.deepEqual(texts(state), ["a", "b"]);
  assert.equal(state.seq, "ab12cd34-5");
});

test("a snapshot takes the place of everything, also when it goes back in time", () => {
  const state = apply(snapshot({ chunks: [chunk(0)], segments: [segment(0, 0)] }), EMPTY);
  const again = apply(snapshot({ seq: "ffffffff-1", status: "processing" }), state);
  assert.deepEqual([again.chunks, again.segments, again.session.status], [[], [], "processing"]);
});

test("a chunk that comes late takes its place in the row", () => {
  const state = apply(event("chunk_stored", 6, { chunk: chunk(1) }), stateWith({ chunks: [chunk(0), chunk(2)] }));
  assert.deepEqual(indexes(state.chunks), [0, 1, 2]);
  assert.equal(storedSeconds(state), 90);
  assert.equal(state.session.total_duration_seconds, 90);
});

test("a chunk is replaced by what is newer, the others stay the same objects", () => {
  const before = stateWith({ chunks: [chunk(0), chunk(1)] });
  const after = apply(event("chunk_analysed", 6, { chunk: chunk(1, ANALYSED) }), before);
  assert.equal(after.chunks[0], before.chunks[0]);
  assert.equal(cellState(after.chunks[1]), "analysed");
  assert.equal(cellState(before.chunks[1]), "stored");
});

test("a part brings its words, in place of those it had and of what was made of them", () => {
  const before = stateWith({ chunks: [chunk(0)], segments: [segment(0, 0, "draft"), segment(0, 1, "gone"), segment(1, 0, "next")] });
  const frame = event("chunk_transcribed", 6, {
    chunk_index: 0,
    chunk: chunk(0, TRANSCRIBED),
    parts: [part(0)],
    segments: [segment(0, 0, "final")],
  });
  assert.deepEqual(texts(apply(frame, before)), ["final", "next"]);
  const made = { ...before, emotions: [emotion(0, 0), emotion(1, 0)], flags: [flag(part(0), 3), flag("whole", 4)] };
  const after = apply(frame, made);
  assert.deepEqual(after.emotions, [emotion(1, 0)]);
  assert.deepEqual(after.flags, [flag("whole", 4)]);
});

test("what is made of a part takes the place of what was; what could not be made leaves it", () => {
  const before = stateWith({ chunks: [chunk(0)], emotions: [emotion(0, 0)], flags: [flag(part(0), 3), flag(part(1), 31)] });
  const told = { chunk: chunk(0, TRANSCRIBED), parts: [part(0)] };
  const after = apply(event("chunk_processed", 6, { ...told, emotions: null, flags: [flag(part(0), 5)] }), before);
  assert.deepEqual(after.emotions, before.emotions);
  assert.deepEqual(after.flags, [flag(part(0), 5), flag(part(1), 31)]);
});

test("corrected speakers change whose words they are and nothing else", () => {
  const before = stateWith({ segments: [{ ...segment(0, 0), speaker: "speaker_1" }, { ...segment(0, 1), speaker: "speaker_2" }] });
  const corrections = { speaker_1: [segment(0, 1).segment_id] };
  const after = apply(event("speakers_corrected", 6, { corrections }), before);
  assert.deepEqual(after.segments.map((one) => one.speaker), ["speaker_1", "speaker_1"]);
  assert.equal(after.segments[0], before.segments[0]);
});

test("nothing is provisional once the recording has ended", () => {
  const before = stateWith({ segments: [{ ...segment(0, 0), provisional: true }] });
  const after = apply(event("session_completed", 6, { status: "completed", at: "2026-01-01T10:05:00Z" }), before);
  assert.deepEqual(after.segments, [segment(0, 0)]);
});

test("the same event twice is the same as once", () => {
  const frame = event("chunk_stored", 6, { chunk: chunk(0) });
  const once = apply(frame, stateWith());
  assert.equal(apply(frame, once), once);
});

test("an event of another epoch is not old", () => {
  const state = apply({ ...event("chunk_stored", 1, { chunk: chunk(0) }), seq: "00000000-1" }, stateWith());
  assert.equal(state.chunks.length, 1);
});

test("a gap between events is noticed", () => {
  const state = stateWith();
  assert.equal(misses(event("chunk_stored", 6), state), false);
  assert.equal(misses(event("chunk_stored", 8), state), true);
  assert.equal(misses({ type: "chunk_stored", seq: "00000000-8" }, state), false);
  assert.equal(misses({ type: "pong", seq: null }, state), false);
});

test("the verdict is the last that was told, and owes no chunk that has come", () => {
  const told = { state: "incomplete", gaps: [{ start: 30, end: 60, cause: "never_arrived", reason: "" }], owed: [1, 2] };
  const changed = apply(event("session_changed", 6, { status: "processing", total_chunks: 3, owed: [1, 2], verdict: told }), stateWith());
  assert.equal(changed.session.verdict, told);
  const arrived = apply(event("chunk_stored", 7, { chunk: chunk(1) }), changed);
  assert.deepEqual(arrived.session.verdict, { ...told, owed: [2] });
  const whole = { state: "complete", gaps: [], owed: [] };
  const ended = apply(event("session_completed", 8, { status: "completed", at: "2026-01-01T10:05:00Z", verdict: whole }), arrived);
  assert.equal(ended.session.verdict, whole);
});

test("a completed session owes nothing and knows its total", () => {
  const before = stateWith({ chunks: [chunk(0, TRANSCRIBED), chunk(1, TRANSCRIBED)] });
  const after = apply(event("session_completed", 6, { status: "completed", at: "2026-01-01T10:05:00Z" }), before);
  assert.deepEqual([after.session.status, after.session.total_chunks, after.session.owed], ["completed", 2, []]);
  assert.equal(after.session.end_time, "2026-01-01T10:05:00Z");
});

test("a late chunk takes an ended session back into processing", () => {
  const before = stateWith({ status: "completed", total_chunks: 1, chunks: [chunk(0, TRANSCRIBED)] });
  assert.equal(apply(event("chunk_stored", 6, { chunk: chunk(1) }), before).session.status, "processing");
  assert.equal(apply(event("chunk_processed", 6, { chunk: chunk(0, TRANSCRIBED), parts: [], emotions: null, flags: null }), before).session.status, "completed");
});

test("a chunk that arrives is owed no longer", () => {
  const after = withChunk(stateWith({ total_chunks: 2, owed: [0, 1] }), chunk(0));
  assert.deepEqual(after.session.owed, [1]);
});

test("what the recorder counted and what later chunks leave open is missing", () => {
  assert.deepEqual(missing(stateWith({ chunks: [chunk(0), chunk(3)] })), [1, 2]);
  assert.deepEqual(missing(stateWith({ chunks: [chunk(0)], total_chunks: 3, owed: [1, 2] })), [1, 2]);
  assert.deepEqual(missing(stateWith()), []);
});

test("the strip has a cell for each index, and of very many only the last", () => {
  const state = stateWith({ chunks: [chunk(0), chunk(2)], total_chunks: 4 });
  assert.deepEqual(cells(state).shown.map((cell) => cell.chunk && cell.index), [0, null, 2, null]);
  const { first, shown } = cells(state, 2);
  assert.deepEqual([first, shown.map((cell) => cell.index)], [2, [2, 3]]);
});

test("a cell's state follows the chunk", () => {
  assert.deepEqual([null, chunk(0, STORED), chunk(0, ANALYSED), chunk(0, TRANSCRIBED), chunk(0, FAILED)].map(cellState), [
    "missing",
    "stored",
    "analysed",
    "transcribed",
    "failed",
  ]);
});

test("a chunk that is to be heard again is stored, whatever the last hearing found", () => {
  assert.equal(cellState(chunk(0, { ...ANALYSED, processing_status: "pending" })), "stored");
});

test("an event of a kind that is not known changes nothing but the place in the line", () => {
  const before = stateWith({ chunks: [chunk(0)] });
  const after = apply(event("something_new", 6), before);
  assert.deepEqual({ ...after, seq: null }, { ...before, seq: null });
  assert.equal(after.seq, "ab12cd34-6");
});

test("a total that the recorder tells shows what is owed", () => {
  const told = { status: "processing", total_chunks: 3, owed: [1, 2] };
  const after = apply(event("session_changed", 6, told), stateWith({ chunks: [chunk(0)] }));
  assert.deepEqual(missing(after), [1, 2]);
  assert.equal(after.session.status, "processing");
});
