// How a recording stands, in sentences. Pure.

import { count, list } from "./format.js";
import { cellState, isEnded, missing } from "./timeline.js";

/**
 * Lines of {tone, text, index?}, what needs a look first. Tones: failed, missing, working, safe, quiet; a line with
 * an `index` speaks of that one chunk, which can be tried again.
 */
export function lines(state) {
  const failed = state.chunks.filter((chunk) => cellState(chunk) === "failed");
  const said = [
    ...failed.map((chunk) => ({ tone: "failed", text: failure(chunk), index: chunk.chunk_index })),
    ...absent(state),
    ...work(state.chunks),
  ];
  return said.length ? said : [calm(state)];
}

/** `12 of 12 heard`, for a heading. */
export function tally({ session, chunks }) {
  const heard = chunks.filter((chunk) => chunk.processing_status === "completed").length;
  const all = Math.max(session.total_chunks ?? 0, chunks.length);
  return all ? `${heard} of ${all} heard` : "none yet";
}

function failure({ chunk_index: index, error }) {
  return `Chunk ${index} failed: ${error ? error.replace(/\.$/, "") : "no reason was noted"}`;
}

function absent(state) {
  const indexes = missing(state);
  if (!indexes.length) return [];
  const counted = new Set(state.session.owed);
  const owed = indexes.filter((index) => counted.has(index));
  const holes = indexes.filter((index) => !counted.has(index));
  return [
    ...waiting(owed, "the recorder counted it, it has not arrived", "the recorder counted them, they have not arrived"),
    ...waiting(holes, "later ones have arrived, it has not", "later ones have arrived, they have not"),
  ];
}

function waiting(indexes, one, many) {
  if (!indexes.length) return [];
  const text =
    indexes.length === 1
      ? `Waiting for chunk ${indexes[0]}: ${one}`
      : `Waiting for ${indexes.length.toLocaleString("en")} chunks (${list(indexes)}): ${many}`;
  return [{ tone: "missing", text }];
}

function work(chunks) {
  const unfinished = chunks.filter((chunk) => ["pending", "processing"].includes(chunk.processing_status));
  const transcribing = unfinished.filter((chunk) => cellState(chunk) === "analysed").length;
  const analysing = unfinished.length - transcribing;
  return [
    ...(transcribing ? [{ tone: "working", text: `${are(transcribing)} being transcribed` }] : []),
    ...(analysing ? [{ tone: "working", text: `${are(analysing)} waiting to be analysed` }] : []),
  ];
}

function are(number) {
  return `${count(number, "chunk")} ${number === 1 ? "is" : "are"}`;
}

function calm({ session, chunks }) {
  if (chunks.length) {
    const all = chunks.length === 1 ? "The only chunk is" : `All ${chunks.length.toLocaleString("en")} chunks`;
    return { tone: "safe", text: `${all} safe and heard${isEnded(session) ? "" : " so far"}` };
  }
  if (isEnded(session)) return { tone: "quiet", text: "This recording ended without any sound" };
  return { tone: "quiet", text: "No chunk has arrived yet" };
}
