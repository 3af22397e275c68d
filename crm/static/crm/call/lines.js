// The lines of a call that is read, and where in it one is. Pure.
//
// A line is {id, start, end, speaker, text, times?, unsure?, masks?, corrected?, provisional?}, as the server's
// `call_lines.py` says; lines are in order of time.

// Addresses name a second to its tenth.
const ROUNDED_SECONDS = 0.06;

/** The place of the line that begins at this second, or in which it lies; -1 for one before all of them. */
export function atSecond(lines, seconds) {
  const last = lastBegun(lines, seconds + ROUNDED_SECONDS);
  let nearest = -1;
  for (let place = last; place >= 0 && lines[place].start >= seconds - ROUNDED_SECONDS; place -= 1) {
    const away = Math.abs(lines[place].start - seconds);
    if (nearest === -1 || away < Math.abs(lines[nearest].start - seconds)) nearest = place;
  }
  return nearest === -1 ? lastBegun(lines, seconds) : nearest;
}

/** The place of the line that is being said at this second, or was last; -1 before all of them. */
export function saidAt(lines, seconds) {
  const last = lastBegun(lines, seconds);
  // Both sides may speak at once: who began later may have ended, while the other goes on.
  for (let place = last; place >= 0 && place > last - 4; place -= 1) {
    if (seconds < lines[place].end) return place;
  }
  return last;
}

/** The place of the last line that has begun by this second; -1 when none has. */
function lastBegun(lines, seconds) {
  let [low, high] = [0, lines.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (lines[middle].start <= seconds) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** A second as addresses name it. */
export function toSecond(seconds) {
  return String(Math.round(Math.max(0, seconds) * 10) / 10);
}

/** A line's second as addresses name it. */
export function secondOf({ start }) {
  return toSecond(start);
}

/** What an address says as a second, `longest` at most; null for what is none. */
export function secondIn(search, longest = Infinity) {
  const said = new URLSearchParams(search).get("t") ?? "";
  return /^\d{1,9}(\.\d{1,9})?$/.test(said) ? Math.min(Number(said), longest) : null;
}

/** Whether there is no sound of this second; a gap without an end goes on. */
export function isMissing(gaps, seconds) {
  return gaps.some(({ start, end }) => start <= seconds && (end === null || seconds < end));
}

/** Whether a line begins a turn: somebody else spoke before. */
export function isTurn(lines, place) {
  return lines[place].speaker !== lines[place - 1]?.speaker;
}

/** About how high some lines are, in pixels, where a row has room for so many characters. */
export function heightOf(lines, { characters, row, between, turn }) {
  let height = 0;
  let speaker = null;
  for (const line of lines) {
    height += Math.max(1, Math.ceil(line.text.length / characters)) * row + between + (line.speaker === speaker ? 0 : turn);
    speaker = line.speaker;
  }
  return height;
}

/** What the sound depends on: the same text as before says that the file is the same. */
export function soundOf({ recording, verdict, lines }) {
  const masked = lines.filter(({ masks }) => masks).map(({ speaker, start, end, times, masks }) => [speaker, start, end, times, masks]);
  return JSON.stringify([recording, verdict?.gaps, masked]);
}
