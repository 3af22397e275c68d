// From the figures of a reading to what each chart draws and each of their tables lists. Pure.

import { bytes, count, language, milliseconds, perStep, plain, share, shortCount } from "./words.js";

/** Colours of lines that have no meaning of their own, in the order in which they are given out. */
const LINES = ["--line-1", "--line-2", "--line-3", "--line-4", "--line-5", "--line-6", "--line-7", "--line-8"];
/** Of which the stages are, where the others are left out. */
const PIPELINE_WORDS = { dubbing: "dubbing", audio: "recorded calls" };
const QUANTILES = [
  ["p99", "p99_ms", "--line-4"],
  ["p95", "p95_ms", "--line-1"],
  ["p50", "p50_ms", "--line-2"],
];

/**
 * Chart → {title, lines, columns, format, axis, isBars, isWhole}: `isWhole` where a line's values are whole numbers.
 *
 * `lines`: {name, values, colour}, each value a number, or null where there is none. `columns` are the table's:
 * {name, values, format}. `format` writes a value, `axis` writes it short.
 */
export function plotsOf(segments) {
  return {
    segments: segmentsOf(segments),
    errors: errorsOf(segments),
    latency: latencyOf(segments),
    stages: stagesOf(segments),
    languages: languagesOf(segments),
    bytes: bytesOf(segments),
  };
}

/** Where the steps are, in seconds since 1970: {starts, middles}. A value stands in the middle of its step. */
export function timesOf({ points, step_seconds: seconds }) {
  const starts = points.map(({ start }) => Date.parse(start) / 1000);
  return { starts, middles: starts.map((start) => start + seconds / 2) };
}

/** How long the steps are together of which the totals are, as far as they have come. */
export function coveredSeconds({ points, step_seconds: seconds }, now) {
  if (!points.length) return seconds;
  const [first, last] = [points[0], points.at(-1)].map(({ start }) => Date.parse(start) / 1000);
  return Math.max(60, Math.min(now, last + seconds) - first);
}

/** Of each step what `value` says, and nothing of one that is missing. */
function of(points, value) {
  return points.map((point) => (point.is_missing ? null : value(point)));
}

function segmentsOf({ points, step }) {
  const values = of(points, (point) => point.segments);
  return {
    title: `Segments ${perStep(step)}`,
    isBars: true,
    isWhole: true,
    lines: [{ name: "Segments", values, colour: "--line-1" }],
    columns: [
      { name: "Segments", values, format: count },
      { name: "Tried again", values: of(points, (point) => point.retries), format: count },
    ],
    format: count,
    axis: shortCount,
  };
}

function errorsOf({ points, step }) {
  const values = of(points, (point) => point.errors);
  const shares = of(points, (point) => point.error_share);
  return {
    title: `Errors ${perStep(step)}`,
    isBars: true,
    isWhole: true,
    lines: [{ name: "Errors", values, colour: "--amber" }],
    columns: [
      { name: "Errors", values, format: count },
      { name: "Share", values: shares, format: share },
    ],
    format: count,
    axis: shortCount,
    beside: (at) => (shares[at] === null ? "" : share(shares[at])),
  };
}

function latencyOf({ points }) {
  const average = { name: "Average", values: of(points, (point) => point.average_ms), colour: "--line-1" };
  const quantiles = QUANTILES.map(([name, key, colour]) => ({ name, values: of(points, (point) => point[key]), colour }));
  // Of one person's segments no percentiles are kept.
  const isByAverage = quantiles.every(({ values }) => values.every((value) => value === null));
  return {
    title: "Latency",
    lines: isByAverage ? [average] : quantiles,
    columns: (isByAverage ? [average] : [average, ...quantiles.toReversed()]).map((line) => ({ ...line, format: milliseconds })),
    format: milliseconds,
    axis: milliseconds,
  };
}

function stagesOf({ points, totals, stages_of: pipeline }) {
  const lines = Object.keys(totals.stages).map((stage, place) => ({
    name: plain(stage),
    values: of(points, (point) => point.stages[stage] ?? null),
    colour: LINES[place % LINES.length],
  }));
  return {
    title: pipeline ? `Average time per stage, ${PIPELINE_WORDS[pipeline]}` : "Average time per stage",
    lines,
    columns: lines.map((line) => ({ ...line, format: milliseconds })),
    format: milliseconds,
    axis: milliseconds,
  };
}

function languagesOf({ points, totals, step }) {
  const lines = byCount(totals.source_languages).map((code, place) => ({
    name: language(code),
    values: of(points, (point) => point.source_languages[code] ?? 0),
    colour: LINES[place % LINES.length],
  }));
  const into = byCount(totals.target_languages).map((code) => ({
    name: `Into ${language(code)}`,
    values: of(points, (point) => point.target_languages[code] ?? 0),
    format: count,
  }));
  return {
    title: `Languages, segments ${perStep(step)}`,
    isWhole: true,
    lines,
    columns: [...lines.map((line) => ({ ...line, format: count })), ...into],
    format: count,
    axis: shortCount,
  };
}

function bytesOf({ points, totals, step }) {
  const lines = [{ name: "Original", values: of(points, (point) => point.original_bytes), colour: "--line-1" }];
  if (totals.dubbed_bytes) {
    lines.push({ name: "Dubbed", values: of(points, (point) => point.dubbed_bytes), colour: "--line-2" });
  }
  return {
    title: `Bytes ${perStep(step)}`,
    lines,
    columns: lines.map((line) => ({ ...line, format: bytes })),
    format: bytes,
    axis: bytes,
  };
}

function byCount(counts) {
  const rank = ([code, number]) => (code === "other" ? -1 : number);
  return Object.entries(counts).sort((one, other) => rank(other) - rank(one)).map(([code]) => code);
}

/** A line's values without that of the step that goes on, to which it would seem to fall or rise: that one is a dot. */
export function finished(values, running) {
  return values.map((value, at) => (at === running ? null : value));
}

/** Indexes of values that have no neighbour, where a line alone would show nothing. */
export function alone(values) {
  const isNone = (at) => values[at] === null || values[at] === undefined;
  return values.flatMap((_, at) => (!isNone(at) && isNone(at - 1) && isNone(at + 1) ? [at] : []));
}

/** A round number at or a little above the largest value, for the top of an axis; something to see even when all is 0. */
export function ceiling(largest) {
  if (!(largest > 0)) return 1;
  const unit = 10 ** Math.floor(Math.log10(largest));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((step) => step * unit >= largest) * unit;
}

/** The same places, moved as little as need be to stand `gap` apart between `from` and `to`; as many as fit. */
export function spread(places, gap, from, to) {
  const order = places.map((place, index) => ({ place, index })).sort((one, other) => one.place - other.place);
  let least = from;
  for (const one of order) {
    one.place = Math.max(one.place, least);
    least = one.place + gap;
  }
  let most = to;
  for (const one of order.toReversed()) {
    one.place = Math.min(one.place, most);
    most = one.place - gap;
  }
  const moved = [];
  for (const { place, index } of order) moved[index] = place;
  return moved;
}

/** The paths of a small line, {line, area, dots}, in a box; values from 0 to `top`. One that is null leaves a gap, one between gaps is a dot. */
export function sparkline(values, top, width, height) {
  const step = values.length > 1 ? width / (values.length - 1) : 0;
  const at = (value, place) => `${round(place * step)} ${round(height - (Math.min(value, top) / top) * height)}`;
  const stretches = [];
  values.forEach((value, place) => {
    if (value === null) return;
    if (place === 0 || values[place - 1] === null) stretches.push([]);
    stretches.at(-1).push([value, place]);
  });
  const drawn = stretches.filter((points) => points.length > 1);
  const dots = stretches.filter((points) => points.length === 1);
  return {
    dots: dots.map(([[value, place]]) => `M${at(value, place)}h0`).join(""),
    line: drawn.map((points) => `M${points.map(([value, place]) => at(value, place)).join("L")}`).join(""),
    area: drawn
      .map((points) => {
        const [first, last] = [points[0][1], points.at(-1)[1]];
        return `M${round(first * step)} ${height}L${points.map(([value, place]) => at(value, place)).join("L")}L${round(last * step)} ${height}Z`;
      })
      .join(""),
  };
}

function round(number) {
  return Math.round(number * 10) / 10;
}
