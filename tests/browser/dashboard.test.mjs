import assert from "node:assert/strict";
import { test } from "node:test";

import { faultOf, fromAddress, isTooShort, stretchOf, toAddress, toServer, windowOf } from "../../crm/static/crm/dashboard/asked.js";
import { alone, ceiling, coveredSeconds, finished, plotsOf, sparkline, spread, timesOf } from "../../crm/static/crm/dashboard/plots.js";
import { sorted } from "../../crm/static/crm/dashboard/sorting.js";
import * as words from "../../crm/static/crm/dashboard/words.js";

const HOUR = 3600;
const NOON = Date.parse("2026-11-26T12:00:00Z") / 1000;

const figures = (values = {}) => ({
  segments: 0,
  errors: 0,
  retries: 0,
  error_share: null,
  average_ms: null,
  p50_ms: null,
  p95_ms: null,
  p99_ms: null,
  original_bytes: 0,
  dubbed_bytes: 0,
  stages: {},
  source_languages: {},
  target_languages: {},
  ...values,
});
const reading = (points, totals = {}) => ({
  step: "hour",
  step_seconds: HOUR,
  points: points.map((values, at) => ({ ...figures(values), start: new Date((NOON + at * HOUR) * 1000).toISOString() })),
  totals: figures(totals),
});

test("an address says what is asked, and nothing that is shown anyway", () => {
  const search = "?since=2026-11-26T10%3A00%3A00Z&until=2026-11-26T12%3A00%3A00Z&range=7d&channel=news&pipeline=dubbing";
  const asked = fromAddress(search);
  assert.deepEqual(asked, { range: "7d", since: NOON - 2 * HOUR, until: NOON, channel: "news", user: "", pipeline: "dubbing" });
  assert.equal(toAddress(asked), search);
  assert.equal(toAddress(fromAddress("")), "");
  assert.equal(toServer(asked).toString(), "since=2026-11-26T10%3A00%3A00Z&until=2026-11-26T12%3A00%3A00Z&channel_id=news&pipeline=dubbing");
});

test("what no address can ask is not asked", () => {
  const asked = fromAddress("?range=9d&since=yesterday&until=2026-11-26T12:00:00Z&pipeline=other");
  assert.deepEqual(asked, { range: "24h", since: null, until: null, channel: "", user: "", pipeline: "" });
  assert.equal(fromAddress("?since=2026-11-26T12:00:00Z&until=2026-11-26T11:00:00Z").since, null);
});

test("a link of which something cannot be shown says so, and one that can be says nothing", () => {
  const until = "until=2026-11-26T12:00:00Z";
  assert.match(faultOf("?range=2h"), /^The time in this link cannot be shown: this is the last 24 hours\.$/);
  assert.match(faultOf("?since=2026-11-26T10:00:00Z&range=7d"), /the last 7 days\.$/);
  assert.match(faultOf(`?since=yesterday&${until}&pipeline=other`), /24 hours\. The pipeline in this link is unknown/);
  for (const search of ["", "?range=7d&channel=news", `?since=2026-11-26T10:00:00Z&${until}&range=9d`]) assert.equal(faultOf(search), "", search);
});

test("of a person no less than an hour is asked", () => {
  const asked = fromAddress("?range=5m&user=dana");
  assert.equal(toServer(asked).get("range"), "1h");
  assert.deepEqual(windowOf(asked, NOON), [NOON - HOUR, NOON]);
  assert.deepEqual([isTooShort("5m", "dana"), isTooShort("1h", "dana"), isTooShort("5m", "")], [true, false, false]);
});

test("a window ends now, or is the stretch that was chosen", () => {
  assert.deepEqual(windowOf(fromAddress("?range=1h"), NOON), [NOON - HOUR, NOON]);
  const asked = fromAddress("?since=2026-11-26T10:00:00Z&until=2026-11-26T12:00:00Z");
  assert.deepEqual(windowOf(asked, NOON + HOUR), [NOON - 2 * HOUR, NOON]);
});

test("a stretch takes in the steps that it touches, is never too short, and ends by now", () => {
  assert.deepEqual(stretchOf(NOON + 100, NOON - 100, HOUR, NOON + 5 * HOUR), [NOON - HOUR, NOON + HOUR]);
  assert.deepEqual(stretchOf(NOON - 100, NOON + 100, HOUR, NOON + 300), [NOON - HOUR, NOON + 300]);
  assert.deepEqual(stretchOf(NOON + 5, NOON + 10, 60, NOON + HOUR), [NOON - 60, NOON + 60]);
});

test("a value stands in the middle of its step", () => {
  assert.deepEqual(timesOf(reading([{}, {}])), { starts: [NOON, NOON + HOUR], middles: [NOON + 1800, NOON + 5400] });
});

test("what is not known is a gap, and none is zero", () => {
  const { segments, latency, errors } = plotsOf(reading([{ segments: 3, p50_ms: 1, p95_ms: 2, p99_ms: 3, error_share: 0 }, {}]));
  assert.deepEqual(segments.lines[0].values, [3, 0]);
  assert.deepEqual(latency.lines.map(({ name, values }) => [name, values]), [["p99", [3, null]], ["p95", [2, null]], ["p50", [1, null]]]);
  assert.deepEqual(errors.columns[1].values.map(errors.columns[1].format), ["0 %", "–"]);
});

test("where no percentiles are kept the average is drawn", () => {
  const { latency } = plotsOf(reading([{ segments: 1, average_ms: 40 }]));
  assert.deepEqual(latency.lines.map(({ name, values }) => [name, values]), [["Average", [40]]]);
});

test("languages stand by their number, with the others last, and no line is drawn for what is never dubbed", () => {
  const totals = { source_languages: { other: 50, en: 2, he: 9 }, target_languages: { de: 1 } };
  const { languages, bytes } = plotsOf(reading([{ source_languages: { he: 9 } }], totals));
  assert.deepEqual(languages.lines.map(({ name, values }) => [name, values]), [["Hebrew", [9]], ["English", [0]], ["Others", [0]]]);
  assert.equal(languages.columns.at(-1).name, "Into German");
  assert.deepEqual(bytes.lines.map(({ name }) => name), ["Original"]);
});

test("a value without a neighbour is found", () => {
  assert.deepEqual(alone([1, null, 2, 3, null, 4]), [0, 5]);
  assert.deepEqual(alone([null, 0, null]), [1]);
});

test("an axis ends at a round number that holds everything", () => {
  assert.deepEqual([0, 1, 7, 11, 149, 151, 0.03, 9001].map(ceiling), [1, 1, 8, 15, 150, 200, 0.03, 10_000]);
});

test("labels keep apart, in their order, and inside", () => {
  assert.deepEqual(spread([50, 52, 10], 14, 0, 100), [50, 64, 10]);
  assert.deepEqual(spread([95, 98], 14, 0, 100), [86, 100]);
  assert.deepEqual(spread([], 14, 0, 100), []);
});

test("a small line leaves out what is not known", () => {
  const { line, area, dots } = sparkline([0, null, 10, 5], 10, 30, 20);
  assert.equal(line, "M20 0L30 10");
  assert.equal(area, "M20 20L20 0L30 10L30 20Z");
  assert.equal(dots, "M0 20h0", "what stands alone is a dot");
});

test("a rate is over the steps that its figures are of, as far as they have come", () => {
  assert.equal(coveredSeconds(reading([{}, {}]), NOON + HOUR + 300), HOUR + 300);
  assert.equal(coveredSeconds(reading([{}, {}]), NOON + 9 * HOUR), 2 * HOUR);
});

test("names say of which time they are where it is not that of the charts", () => {
  const since = "2026-11-26T11:50:00Z";
  const hour = "2026-11-26T11:00:00Z";
  const inside = { step: "minute", since, until: "2026-11-26T11:58:00Z" };
  assert.match(words.namesTime(inside, hour, NOON - 60), /^since \d\d:00$/);
  assert.match(words.namesTime(inside, hour, NOON + 60), /^\d\d:00 – \d\d:00$/);
  assert.equal(words.namesTime({ ...inside, step: "hour" }, hour, NOON), "");
  const long = { step: "day", since: "2026-10-26T12:00:00Z", until: "2026-11-26T12:00:00Z" };
  assert.equal(words.namesTime(long, "2026-11-18T12:00:00Z", NOON), "of the last 8 days");
});

test("figures are as long as they are exact", () => {
  assert.deepEqual([0, 950, 12_300, 1_500_000].map(words.shortCount), ["0", "950", "12.3k", "1.5M"]);
  assert.deepEqual([null, 0.42, 31.4, 1534, 12_400, 150_000].map(words.milliseconds), ["–", "0.4 ms", "31 ms", "1.53 s", "12.4 s", "2.5 min"]);
  assert.deepEqual([null, 0, 0.00001, 0.0037, 0.042, 0.12, 1].map(words.share), ["–", "0 %", "under 0.01 %", "0.37 %", "4.2 %", "12 %", "100 %"]);
  assert.deepEqual([null, 0, 812, 3_440_000, 48_300_000, 1_200_000_000].map(words.bytes), ["–", "0 B", "812 B", "3.4 MB", "48 MB", "1.2 GB"]);
  assert.deepEqual([0.42, 12.34, 1284.4].map(words.rate), ["0.42", "12.3", "1,284"]);
  assert.deepEqual([5, 600, 7300, 400_000].map(words.ago), ["5 s ago", "10 min ago", "2 h ago", "5 days ago"]);
  assert.deepEqual([0, -60, 210].map(words.zone), ["UTC", "UTC+1", "UTC−3:30"]);
  assert.deepEqual(["he", "other", "not-a-language-code"].map(words.language).slice(0, 2), ["Hebrew", "Others"]);
});

test("days are those of UTC, whatever the clock of the reader", () => {
  // Whether there is a comma, engines do not agree on.
  assert.match(words.stepTime(Date.parse("2026-11-26T00:00:00Z") / 1000, "day", NOON), /^Thu,? 26 Nov UTC$/);
  assert.equal(words.utcTime(NOON, "hour"), "2026-11-26 12:00 UTC");
  assert.equal(words.tick(Date.parse("2026-11-26T00:00:00Z") / 1000, { isDaily: true }), "26 Nov");
});

test("operations are sorted by a figure, and by name where it is the same", () => {
  const operation = (name, p95) => ({ operation: name, p95_ms: p95 });
  const names = (by, isRising) => sorted([operation("b", 1), operation("a", 1), operation("c", 9)], by, isRising).map((one) => one.operation);
  assert.deepEqual(names("p95_ms", false), ["c", "a", "b"]);
  assert.deepEqual(names("operation", false), ["c", "b", "a"]);
});

test("no line leads to the step that goes on", () => {
  assert.deepEqual(finished([3, 4, 1], 2), [3, 4, null]);
  assert.deepEqual(finished([3, 4, 1], null), [3, 4, 1]);
});

test("a step with nothing is nothing in numbers, and a gap only where there is no figure of it", () => {
  const some = { segments: 2, average_ms: 5, p95_ms: 6, original_bytes: 7, stages: { dubbing: 4 }, source_languages: { he: 2 } };
  const plots = plotsOf(reading([some, {}, { is_missing: true }], some));
  const drawn = Object.fromEntries(Object.entries(plots).map(([name, { lines }]) => [name, lines.map(({ values }) => values)]));
  assert.deepEqual(drawn.segments, [[2, 0, null]]);
  assert.deepEqual(drawn.errors, [[0, 0, null]]);
  assert.deepEqual(drawn.languages, [[2, 0, null]]);
  assert.deepEqual(drawn.bytes, [[7, 0, null]]);
  assert.deepEqual(drawn.stages, [[4, null, null]]);
  assert.deepEqual(drawn.latency[1], [6, null, null]);
});
