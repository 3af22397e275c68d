// Which recordings are shown, in which order and with which words. Pure; rows are as `/ws/live` tells them.

import { count } from "../format.js";

const MINUTE = 60;
const HOUR = 60 * MINUTE;
// What is worst first; what is not known here comes after them.
const REASONS = ["device", "silent", "owed", "failed", "suspicion", "slow"];

/** What a frame makes of the rows: Map of session id → row. */
export function apply(frame, rows) {
  const next = frame.reset ? new Map() : new Map(rows);
  for (const row of frame.sessions) next.set(row.session_id, row);
  for (const sessionId of frame.ended) next.delete(sessionId);
  return next;
}

/** Rows that need a look first, the worst of them at the top; then by when they began, so that newcomers come last. */
export function inOrder(rows) {
  return [...rows].sort(
    (one, other) =>
      rank(one) - rank(other) ||
      Date.parse(one.started_at) - Date.parse(other.started_at) ||
      (one.session_id < other.session_id ? -1 : 1),
  );
}

function rank({ needs }) {
  if (!needs.length) return REASONS.length + 1;
  const known = REASONS.indexOf(needs[0].reason);
  return known === -1 ? REASONS.length : known;
}

/** Whether the row is of whom, or of what, all the words are about. */
export function matches({ user, subject }, words) {
  const text = folded(`${user.name} ${subject}`);
  return folded(words)
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** Without accents, which one does not always type. */
function folded(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

/** `12 recording, 1 paused`. */
export function summary(rows) {
  const all = [...rows];
  const paused = all.filter((row) => row.paused).length;
  const ending = all.filter((row) => row.state !== "recording").length;
  const number = (value) => value.toLocaleString("en");
  return [
    `${number(all.length - paused - ending)} recording`,
    ...(paused ? [`${number(paused)} paused`] : []),
    ...(ending ? [`${number(ending)} still arriving`] : []),
  ].join(", ");
}

/** `2 need a look`. */
export function needWords(number) {
  return `${number.toLocaleString("en")} ${number === 1 ? "needs" : "need"} a look`;
}

/** Seconds ago in as few words as one needs: `8 s`, `3 min`, `2 h`. */
export function age(seconds) {
  if (seconds < MINUTE) return `${Math.max(0, Math.floor(seconds))} s`;
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min`;
  return `${Math.floor(seconds / HOUR)} h`;
}

export function delay(seconds) {
  if (seconds === null) return "";
  return seconds < 10 ? `${seconds.toFixed(1)} s` : age(seconds);
}

/** What is here of it so far: {tone, text}. */
export function verdictSoFar({ chunks, verdict }) {
  const lacking = [
    ...(verdict.owed ? [`${count(verdict.owed, "chunk")} missing`] : []),
    ...(verdict.gaps ? [count(verdict.gaps, "gap")] : []),
  ];
  if (lacking.length) return { tone: "missing", text: lacking.join(", ") };
  if (!chunks) return { tone: "quiet", text: "Nothing yet" };
  return { tone: "safe", text: count(chunks, "chunk") };
}

export function stateOf({ state, paused }) {
  if (state !== "recording") return { name: "ending", word: "Arriving", mark: "kept" };
  return paused ? { name: "paused", word: "Paused", mark: "pause" } : { name: "recording", word: "Recording", mark: "dot" };
}
