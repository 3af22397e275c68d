// Figures, times and lists in the words of the pages. Pure.

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const LISTED = 5;

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const clockWithSeconds = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const dayWithYear = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });

/** Seconds as `1:02:33`, `2:33` below an hour. */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds + 0.0005));
  const pad = (number) => String(number).padStart(2, "0");
  const [hours, minutes, rest] = [Math.floor(whole / HOUR), Math.floor(whole / MINUTE) % 60, whole % MINUTE];
  return hours ? `${hours}:${pad(minutes)}:${pad(rest)}` : `${minutes}:${pad(rest)}`;
}

/** Bytes in MB. */
export function size(bytes) {
  const megabytes = bytes / 1e6;
  if (bytes > 0 && megabytes < 0.01) return "under 0.01 MB";
  return `${megabytes.toFixed(megabytes < 10 ? 2 : 1)} MB`;
}

/** Milliseconds as `31 ms` or `5.9 s`. */
export function milliseconds(ms) {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** A share from 0 to 1 as `64 %`. */
export function percent(share) {
  return `${Math.round(share * 100)} %`;
}

/** A kind of flag as words: `Long silence`. */
export function flagWords(kind) {
  const words = kind.replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
}

/** How long ago, in words; the empty text for what is longer ago than a week, where the date says it. */
export function relative(date, now = new Date()) {
  const seconds = (now - date) / 1000;
  if (seconds < 45) return "just now";
  if (seconds < 45 * MINUTE) return `${Math.max(1, Math.round(seconds / MINUTE))} min ago`;
  if (seconds < 22 * HOUR) return `${Math.max(1, Math.round(seconds / HOUR))} h ago`;
  const days = Math.max(1, Math.round(seconds / DAY));
  if (days > 7) return "";
  return days === 1 ? "1 day ago" : `${days} days ago`;
}

/** The reader's own time: `14:05` today, `20 Nov, 14:05` this year, `20 Nov 2025, 14:05` before. */
export function local(date, now = new Date()) {
  if (date.toDateString() === now.toDateString()) return clock.format(date);
  const written = date.getFullYear() === now.getFullYear() ? day : dayWithYear;
  return `${written.format(date)}, ${clock.format(date)}`;
}

/** `14:05:11` in the reader's own time. */
export function localClock(date) {
  return clockWithSeconds.format(date);
}

export function utc(date) {
  return `${date.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

export function shortId(id) {
  return String(id).slice(0, 8);
}

/** `1 chunk`, `3 chunks`. */
export function count(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

/** `2, 5 and 9`; of a long list the first few and how many more there are. */
export function list(items) {
  if (items.length <= 1) return items.join("");
  if (items.length > LISTED + 1) return `${items.slice(0, LISTED).join(", ")} and ${items.length - LISTED} more`;
  return `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`;
}
