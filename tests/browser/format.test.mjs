import assert from "node:assert/strict";
import { test } from "node:test";

import { count, duration, flagWords, list, local, milliseconds, percent, relative, size, utc } from "../../audio/static/audio/format.js";

test("a duration has hours only when there are some", () => {
  assert.deepEqual([0, 5, 59.9996, 153, 3753, 36_000].map(duration), ["0:00", "0:05", "1:00", "2:33", "1:02:33", "10:00:00"]);
});

test("a duration is never rounded up to a second that has not been recorded", () => {
  assert.equal(duration(29.9), "0:29");
});

test("a kind of flag is told in words", () => {
  assert.equal(flagWords("long_silence"), "Long silence");
});

test("sizes are in MB", () => {
  assert.deepEqual([0, 400, 181_234, 12_345_678].map(size), ["0.00 MB", "under 0.01 MB", "0.18 MB", "12.3 MB"]);
});

test("stage times turn to seconds when they are long", () => {
  assert.deepEqual([31.2, 999, 5930].map(milliseconds), ["31 ms", "999 ms", "5.9 s"]);
  assert.equal(percent(0.637), "64 %");
});

test("relative times are said in words and stop after a week", () => {
  const now = new Date("2026-03-10T12:00:00Z");
  const ago = (seconds) => relative(new Date(now - seconds * 1000), now);
  assert.deepEqual([-5, 10, 60, 600, 3600, 90_000, 3 * 86_400].map(ago), [
    "just now",
    "just now",
    "1 min ago",
    "10 min ago",
    "1 h ago",
    "1 day ago",
    "3 days ago",
  ]);
  assert.equal(ago(30 * 86_400), "");
});

test("a local time names the day when it is not today and the year when it is not this one", () => {
  const now = new Date(2026, 2, 10, 18, 0);
  assert.equal(local(new Date(2026, 2, 10, 9, 5), now), "09:05");
  assert.equal(local(new Date(2026, 1, 3, 9, 5), now), "3 Feb, 09:05");
  assert.equal(local(new Date(2025, 1, 3, 9, 5), now), "3 Feb 2025, 09:05");
});

test("UTC is written out", () => {
  assert.equal(utc(new Date("2026-03-10T12:00:05.250Z")), "2026-03-10 12:00:05 UTC");
});

test("counts and lists read as people say them", () => {
  assert.deepEqual([count(1, "chunk"), count(1200, "chunk")], ["1 chunk", "1,200 chunks"]);
  assert.deepEqual([list([4]), list([4, 7]), list([2, 5, 9])], ["4", "4 and 7", "2, 5 and 9"]);
  assert.equal(list([1, 2, 3, 4, 5, 6, 7, 8]), "1, 2, 3, 4, 5 and 3 more");
});
