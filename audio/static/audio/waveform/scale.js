// Seconds and pixels of a waveform: what is in view, where things lie in it, and how it is said. Pure.
//
// A view is {start, end}, in seconds on the recording's line.

export const SHORTEST_SECONDS = 10;

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const STEPS = [1, 2, 5, 10, 15, 30, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR];
// Of a point: what sums of seconds are off by.
const SLACK = 1e-6;

const clamp = (number, least, most) => Math.min(most, Math.max(least, number));
const length = ({ start, end }) => end - start;

/** A view from `start` to `end`, brought within the recording and to the shortest there is. */
export function viewOf(start, end, duration) {
  const long = clamp(end - start, Math.min(SHORTEST_SECONDS, duration), duration);
  const middle = (start + end) / 2;
  const from = clamp(middle - long / 2, 0, duration - long);
  return { start: from, end: from + long };
}

/** The view `factor` times as long, in which the second `at` stays where it is. */
export function zoomed(view, factor, at, duration) {
  const long = clamp(length(view) * factor, Math.min(SHORTEST_SECONDS, duration), duration);
  const share = length(view) ? (at - view.start) / length(view) : 0.5;
  const from = clamp(at - share * long, 0, duration - long);
  return { start: from, end: from + long };
}

/** The view moved by some seconds, up to either end of the recording. */
export function moved(view, seconds, duration) {
  const from = clamp(view.start + seconds, 0, Math.max(0, duration - length(view)));
  return { start: from, end: from + length(view) };
}

/** A view of the same length that shows the second `at` near its beginning, where there is room to play on. */
export function showing(at, view, duration) {
  return moved(view, at - view.start - length(view) / 10, duration);
}

export function isIn(at, view) {
  return at >= view.start && at <= view.end;
}

export function isWhole(view, duration) {
  return length(view) >= duration - SLACK;
}

export function toPixels(seconds, view, width) {
  return length(view) ? ((seconds - view.start) / length(view)) * width : 0;
}

/** Within the view, however far beside it the pixel is. */
export function toSeconds(pixels, view, width) {
  return width ? view.start + clamp(pixels / width, 0, 1) * length(view) : view.start;
}

/** Round times in view, at least `apart` pixels from each other. */
export function ticks(view, width, apart = 76) {
  if (!width || !length(view)) return [];
  const least = (length(view) / width) * apart;
  const step = STEPS.find((one) => one >= least) ?? STEPS.at(-1) * Math.ceil(least / STEPS.at(-1));
  const found = [];
  for (let number = Math.max(0, Math.ceil(view.start / step - SLACK)); number * step <= view.end + SLACK; number += 1) {
    found.push(number * step);
  }
  return found;
}

/** Seconds in words that are read out well: `1 hour 2 minutes 33 seconds`. */
export function spoken(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const parts = [
    [Math.floor(whole / HOUR), "hour"],
    [Math.floor(whole / MINUTE) % 60, "minute"],
    [whole % MINUTE, "second"],
  ].filter(([number]) => number);
  return parts.map(([number, noun]) => `${number} ${noun}${number === 1 ? "" : "s"}`).join(" ") || "0 seconds";
}

/** What of the ranges, [[start, end], …] in order, none of the others, {start, end}, covers. */
export function uncovered(ranges, others) {
  const taken = [...others].sort((one, other) => one.start - other.start);
  return ranges.flatMap(([start, end]) => {
    const left = [];
    let at = start;
    for (const one of taken) {
      if (one.end <= at || one.start >= end) continue;
      if (one.start > at) left.push([at, one.start]);
      at = Math.max(at, one.end);
    }
    return at < end ? [...left, [at, end]] : left;
  });
}

/** Pins in view, {x, flags}: those that would lie less than `apart` pixels from one another share one. */
export function pinned(flags, view, width, apart) {
  const pins = [];
  for (const flag of [...flags].sort((one, other) => one.start - other.start)) {
    if (!isIn(flag.start, view)) continue;
    const x = toPixels(flag.start, view, width);
    const last = pins.at(-1);
    if (last && x - last.x < apart) last.flags.push(flag);
    else pins.push({ x, flags: [flag] });
  }
  return pins;
}

/**
 * The peaks of one channel, 0 to 255, as the heights of bars that are `seconds` long each, the first of which is number
 * `first` from the recording's beginning. 0 beyond what was answered.
 */
export function heights({ start, seconds_per_point: each, peaks }, channel, { first, number, seconds }) {
  const points = peaks[channel] ?? [];
  const found = new Uint8Array(number);
  if (!each) return found;
  for (let bar = 0; bar < number; bar += 1) {
    const from = ((first + bar) * seconds - start) / each;
    const begin = Math.max(0, Math.floor(from + SLACK));
    const end = Math.min(points.length, Math.max(Math.ceil(from + seconds / each - SLACK), Math.floor(from + SLACK) + 1));
    let most = 0;
    for (let point = begin; point < end; point += 1) if (points[point] > most) most = points[point];
    found[bar] = most;
  }
  return found;
}

/** The range that the second lies in, of several; the last that begins before it where they overlap. */
export function rangeAt(at, ranges) {
  return ranges.findLast(({ start, end }) => start <= at && at < end) ?? null;
}
