// Figures and moments in the dashboard's words. Pure.

const STEP_WORDS = { minute: "minute", hour: "hour", day: "day" };
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const weekday = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short" });
const utcDay = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const utcWeekday = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" });
const languages = new Intl.DisplayNames("en", { type: "language", fallback: "code" });
const BYTES = [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]];
/** What is not known. */
export const NONE = "–";

/** `1,284`. */
export function count(number) {
  return number === null ? NONE : Math.round(number).toLocaleString("en");
}

/** Short enough for an axis: `950`, `12k`, `1.5M`. */
export function shortCount(number) {
  for (const [sign, size] of [["M", 1e6], ["k", 1e3]]) {
    if (Math.abs(number) >= size) return `${trimmed(number / size, 1)}${sign}`;
  }
  return trimmed(number, 1);
}

/** `an hour`. */
export function aStep(step) {
  return step === "hour" ? "an hour" : `a ${STEP_WORDS[step]}`;
}

/** So many in a minute, an hour or a day: `0.4`, `12.5`, `1,284`. */
export function rate(number) {
  return number >= 100 ? count(number) : trimmed(number, number >= 10 ? 1 : 2);
}

/** `0.4 ms`, `31 ms`, `1.53 s`, `12.4 s`. */
export function milliseconds(ms) {
  if (ms === null || ms === undefined) return NONE;
  if (ms < 1000) return `${trimmed(ms, ms < 10 ? 1 : 0)} ms`;
  const seconds = ms / 1000;
  return seconds < 120 ? `${trimmed(seconds, seconds < 10 ? 2 : 1)} s` : `${trimmed(seconds / 60, 1)} min`;
}

/** A share from 0 to 1: `0 %`, `0.37 %`, `4.2 %`, `12 %`. */
export function share(part) {
  if (part === null || part === undefined) return NONE;
  const percent = part * 100;
  if (percent > 0 && percent < 0.01) return "under 0.01 %";
  return `${trimmed(percent, percent >= 10 ? 0 : percent >= 1 ? 1 : 2)} %`;
}

/** `0 B`, `812 B`, `3.4 MB`, `1.2 GB`. */
export function bytes(number) {
  if (number === null || number === undefined) return NONE;
  for (const [unit, size] of BYTES) {
    if (number >= size) return `${trimmed(number / size, number / size < 10 ? 1 : 0)} ${unit}`;
  }
  return `${Math.round(number)} B`;
}

/** `hebrew` as its code says: `he` → `Hebrew`. */
export function language(code) {
  if (code === "other") return "Others";
  try {
    return languages.of(code) ?? code;
  } catch {
    return code;
  }
}

/** `voice_activity` → `Voice activity`. */
export function plain(name) {
  const words = name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** `per hour`. */
export function perStep(step) {
  return `per ${STEP_WORDS[step]}`;
}

/** When a step was, in the reader's own time: `14:05`, `14:00 – 15:00`, `Thu, 26 Nov`; days are those of UTC. */
export function stepTime(start, step, now) {
  const date = new Date(start * 1000);
  if (step === "day") return `${utcWeekday.format(date)} UTC`;
  const isToday = date.toDateString() === new Date(now * 1000).toDateString();
  const from = isToday ? clock.format(date) : `${weekday.format(date)}, ${clock.format(date)}`;
  return step === "minute" ? from : `${from} – ${clock.format(new Date((start + 3600) * 1000))}`;
}

/** The same by the clock of UTC, where that is another one. */
export function utcTime(start, step) {
  const text = new Date(start * 1000).toISOString();
  return step === "day" ? `${text.slice(0, 10)} UTC` : `${text.slice(0, 10)} ${text.slice(11, 16)} UTC`;
}

/** What stands below an axis. Days are those of UTC, times the reader's. */
export function tick(seconds, { isDaily, spacing }) {
  const date = new Date(seconds * 1000);
  if (isDaily) return utcDay.format(date);
  const isMidnight = date.getHours() === 0 && date.getMinutes() === 0;
  return isMidnight || spacing >= 86_400 ? day.format(date) : clock.format(date);
}

/** From when to when, of a stretch that was chosen. */
export function stretch(since, until) {
  const [from, to] = [new Date(since * 1000), new Date(until * 1000)];
  const written = (date) => `${day.format(date)}, ${clock.format(date)}`;
  return from.toDateString() === to.toDateString() ? `${written(from)} – ${clock.format(to)}` : `${written(from)} – ${written(to)}`;
}

/** Of which time names are, where it is not that of the charts: `since 13:00`, `12:00 – 14:00`, `of the last 8 days`. */
export function namesTime({ step, since, until }, namesSince, now) {
  const [asked, from, to] = [since, namesSince, until].map((moment) => Date.parse(moment) / 1000);
  if (from - asked > 1) return `of the last ${Math.round((to - from) / 86_400)} days`;
  if (step !== "minute") return "";
  const end = Math.ceil(to / 3600) * 3600;
  const at = (seconds) => clock.format(new Date(seconds * 1000));
  return end > now ? `since ${at(from)}` : `${at(from)} – ${at(end)}`;
}

/** The reader's own time against UTC: `UTC`, `UTC+1`, `UTC−3:30`. */
export function zone(minutesBehind) {
  const ahead = -minutesBehind;
  if (ahead === 0) return "UTC";
  const [hours, minutes] = [Math.floor(Math.abs(ahead) / 60), Math.abs(ahead) % 60];
  return `UTC${ahead > 0 ? "+" : "−"}${hours}${minutes ? `:${String(minutes).padStart(2, "0")}` : ""}`;
}

/** How long, in a word or two: `3 s`, `5 min`, `2 h`, `4 days`. */
export function span(seconds) {
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  return seconds < 36 * 3600 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
}

/** `3 s ago`. */
export function ago(seconds) {
  return `${span(seconds)} ago`;
}

function trimmed(number, digits) {
  return number.toLocaleString("en", { maximumFractionDigits: digits });
}
