// Whether all of a recording is here, in words. Pure.

import { count, duration, list } from "./format.js";
import { atJoins } from "./recorder/words.js";

const NAMED = 3;
const MINUTE = 60;
// As the server's: what encoders add and take away.
const TOLERANCE_SECONDS = 0.1;
const CAUSES = { device: "device", offline: "offline", never_arrived: "never arrived" };

/**
 * {tone, text, pauses}: the verdict in a line, and one on the pauses, empty without any. Tones: safe, working,
 * missing. Gaps and indexes that are owed are named where they are few. The session's `metadata` tells whether its
 * recorder could join chunks exactly.
 */
export function verdictWords({ state, gaps, owed }, metadata) {
  const faults = [...named(gaps.filter((gap) => isFault(gap, owed)), missed, "gap"), ...notArrived(owed)];
  const pauses = named(gaps.filter((gap) => gap.cause === "pause"), paused, "pause");
  const told = pauses.length ? `Paused ${pauses.join(", ")}` : "";
  if (state === "complete") return { tone: "safe", text: `Complete${atJoins(metadata)}`, pauses: told };
  // While it goes on, what has not arrived may be on its way.
  if (state === "recording") return { tone: "working", text: words("Recording", faults), pauses: told };
  return { tone: "missing", text: words("Incomplete", faults), pauses: told };
}

/** What the sound depends on: the same text as before says that the file is the same. */
export function soundOf({ session, chunks, segments = [] }) {
  const laid = chunks.map((chunk) => [
    chunk.chunk_index,
    chunk.start_time_seconds,
    chunk.declared_seconds,
    decodesShort(chunk) ? chunk.decoded_seconds : null,
    chunk.checksum,
  ]);
  const masked = segments
    .filter(({ redactions }) => redactions?.length)
    .map(({ speaker, start_time, end_time, redactions }) => [
      speaker,
      start_time,
      end_time,
      redactions.map((one) => [one.kind, one.start_time, one.end_time]),
    ]);
  return JSON.stringify([laid, session.verdict?.gaps, masked]);
}

function decodesShort({ declared_seconds: declared, decoded_seconds: decoded }) {
  return typeof decoded === "number" && Math.abs(decoded - declared) > TOLERANCE_SECONDS;
}

/** An end that is open only because of chunks that are owed is told by naming these. */
function isFault(gap, owed) {
  return gap.cause !== "pause" && !(gap.end === null && gap.cause === "never_arrived" && !gap.reason && owed.length);
}

function named(gaps, one, noun) {
  const said = gaps.slice(0, NAMED).map(one);
  return gaps.length > NAMED ? [...said, `${count(gaps.length - NAMED, `more ${noun}`)}`] : said;
}

function missed({ start, end, cause, reason }) {
  const why = reason ? `${CAUSES[cause]}: ${reason}` : CAUSES[cause];
  return end === null ? `the end is missing from ${duration(start)} (${why})` : `${length(end - start)} missing at ${duration(start)} (${why})`;
}

function paused({ start, end, reason }) {
  const when = end === null ? `since ${duration(start)}` : `${duration(start)} to ${duration(end)}`;
  return `${when} (${reason || "no reason given"})`;
}

function notArrived(owed) {
  if (!owed.length) return [];
  return [owed.length === 1 ? `chunk ${owed[0]} has not arrived` : `chunks ${list(owed)} have not arrived`];
}

function length(seconds) {
  return seconds < MINUTE ? `${seconds.toFixed(1)} s` : duration(seconds);
}

function words(state, faults) {
  return faults.length ? `${state}: ${faults.join(", ")}` : state;
}
