import assert from "node:assert/strict";
import { test } from "node:test";

import { heights, isWhole, moved, pinned, rangeAt, showing, spoken, ticks, toPixels, toSeconds, uncovered, viewOf, zoomed } from "../../audio/static/audio/waveform/scale.js";

const HOUR = 3600;

test("seconds and pixels lead to one another, and never out of the view", () => {
  const view = { start: 100, end: 200 };
  assert.equal(toPixels(150, view, 600), 300);
  assert.equal(toSeconds(300, view, 600), 150);
  assert.deepEqual([toSeconds(-5, view, 600), toSeconds(900, view, 600)], [100, 200]);
  assert.deepEqual([toPixels(0, { start: 0, end: 0 }, 600), toSeconds(9, { start: 0, end: 0 }, 600)], [0, 0]);
});

test("a closer look leaves the second that is pointed at where it is", () => {
  const view = zoomed({ start: 0, end: 1000 }, 0.5, 250, 1000);
  assert.deepEqual(view, { start: 125, end: 625 });
  assert.equal(toPixels(250, view, 800), toPixels(250, { start: 0, end: 1000 }, 800));
});

test("no view is shorter than ten seconds, longer than the recording, or beyond its ends", () => {
  assert.deepEqual(zoomed({ start: 10, end: 30 }, 0.1, 20, 60), { start: 15, end: 25 });
  assert.deepEqual(zoomed({ start: 10, end: 50 }, 9, 13, 60), { start: 0, end: 60 });
  assert.deepEqual(zoomed({ start: 0, end: 3 }, 0.5, 1, 3), { start: 0, end: 3 });
  assert.deepEqual(moved({ start: 10, end: 30 }, -99, 60), { start: 0, end: 20 });
  assert.deepEqual(moved({ start: 10, end: 30 }, 99, 60), { start: 40, end: 60 });
  assert.deepEqual(viewOf(58, 59, 60), { start: 50, end: 60 });
  assert.deepEqual(viewOf(0, 0, 0), { start: 0, end: 0 });
  assert.deepEqual([isWhole(viewOf(-9, 99, 60), 60), isWhole({ start: 0, end: 59 }, 60)], [true, false]);
});

test("what plays on out of view is shown with room to play on", () => {
  assert.deepEqual(showing(130, { start: 0, end: 100 }, 1000), { start: 120, end: 220 });
});

test("ticks are at round times with room for their words", () => {
  assert.deepEqual(ticks({ start: 0, end: 60 }, 600), [0, 10, 20, 30, 40, 50, 60]);
  assert.deepEqual(ticks({ start: 7, end: 15 }, 800), [7, 8, 9, 10, 11, 12, 13, 14, 15]);
  assert.deepEqual(ticks({ start: 0, end: 10 * HOUR }, 1000), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((hour) => hour * HOUR));
  assert.ok(ticks({ start: 0, end: 90 * 24 * HOUR }, 320).length <= 5);
  assert.deepEqual(ticks({ start: 0, end: 0 }, 600), []);
});

test("a place is said in words", () => {
  assert.equal(spoken(3753), "1 hour 2 minutes 33 seconds");
  assert.equal(spoken(61.2), "1 minute 1 second");
  assert.equal(spoken(7200), "2 hours");
  assert.equal(spoken(0.2), "0 seconds");
});

test("what is missing and no gap explains is left", () => {
  const gaps = [{ start: 50, end: 60 }, { start: 10, end: 20 }, { start: 20, end: Infinity }];
  assert.deepEqual(uncovered([[0, 30], [90, 100]], gaps.slice(0, 2)), [[0, 10], [20, 30], [90, 100]]);
  assert.deepEqual(uncovered([[10, 20]], gaps), []);
  assert.deepEqual(uncovered([[0, 100]], []), [[0, 100]]);
});

test("flags that lie too close share a pin, and a closer look parts them", () => {
  const flags = [40, 10, 41, 90].map((start) => ({ flag_id: String(start), start }));
  const starts = (view) => pinned(flags, view, 500, 20).map((pin) => pin.flags.map((flag) => flag.start));
  assert.deepEqual(starts({ start: 0, end: 100 }), [[10], [40, 41], [90]]);
  assert.deepEqual(starts({ start: 35, end: 45 }), [[40], [41]]);
});

test("a bar is as high as the loudest point that reaches into it", () => {
  const answer = { start: 10, seconds_per_point: 0.5, peaks: [[1, 9, 3, 4]] };
  assert.deepEqual([...heights(answer, 0, { first: 9, number: 4, seconds: 1 })], [0, 9, 4, 0]);
  assert.deepEqual([...heights(answer, 0, { first: 41, number: 4, seconds: 0.25 })], [1, 9, 9, 3]);
  assert.deepEqual([...heights(answer, 1, { first: 10, number: 2, seconds: 1 })], [0, 0]);
  assert.deepEqual([...heights({ start: 0, seconds_per_point: 0, peaks: [[]] }, 0, { first: 0, number: 1, seconds: 1 })], [0]);
});

test("what a place lies in is found", () => {
  const ranges = [{ start: 0, end: 10 }, { start: 10, end: 12 }];
  assert.deepEqual([rangeAt(10, ranges), rangeAt(12, ranges)], [ranges[1], null]);
});
