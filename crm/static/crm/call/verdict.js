// Whether all of a call is here, in words. Pure.

import { count, duration, list } from "../../audio/format.js";

const CAUSES = {
  pause: "paused by the recorder",
  device: "the microphone was away",
  offline: "no connection",
  never_arrived: "never arrived",
};

/** {tone, text} of the badge: the verdict, with its first gap in words; null for a call that has no recording. */
export function badgeOf({ status }, verdict) {
  if (!verdict) return status === "in_progress" ? { tone: "working", text: "In progress" } : null;
  const { state, gaps, owed } = verdict;
  if (state === "recording") return { tone: "working", text: "Recording" };
  if (state === "complete") return { tone: "safe", text: "Complete" };
  const faults = gaps.filter(isFault);
  if (!faults.length) return { tone: "missing", text: owed.length ? `Incomplete: ${owedWords(owed)}` : "Incomplete" };
  const more = faults.length > 1 ? `, and ${count(faults.length - 1, "more gap")}` : "";
  return { tone: "missing", text: `Incomplete: ${rangeWords(faults[0])}, ${causeWords(faults[0])}${more}` };
}

/** One sentence for the whole verdict. */
export function verdictSentence({ state, gaps, owed }) {
  const faults = gaps.filter(isFault);
  if (state === "complete") return "All that was recorded is here.";
  if (state === "recording") return owed.length ? `Recording; ${owedWords(owed)} yet.` : "Recording; all of it is here so far.";
  const said = [
    ...(faults.length ? [`${count(faults.length, "gap")} without sound`] : []),
    ...(owed.length ? [owedWords(owed)] : []),
  ];
  return said.length ? `Not all of it is here: ${said.join(", ")}.` : "Nobody knows whether all of it is here.";
}

/** `0:30 to 0:42`; without an end, `from 0:30 on`. */
export function rangeWords({ start, end }) {
  return end === null ? `from ${duration(start)} on` : `${duration(start)} to ${duration(end)}`;
}

export function causeWords({ cause, reason }) {
  const words = CAUSES[cause] ?? String(cause).replaceAll("_", " ");
  return reason ? `${words} (${reason})` : words;
}

/** A pause was meant; everything else is missing. */
export function isFault({ cause }) {
  return cause !== "pause";
}

function owedWords(owed) {
  return owed.length === 1 ? `chunk ${owed[0]} has not arrived` : `chunks ${list(owed)} have not arrived`;
}
