// How a recording stands, in sentences: what was lost, what is safe, what to do. Pure.

import { count } from "../format.js";

const TROUBLES = {
  lost: "Microphone lost: plug it in, the recording goes on",
  encoder: "Some sound could not be encoded: the recording goes on and says where",
  muted: "The system has muted the microphone: nothing is heard until it is switched on again",
  zeros: "The microphone gives only silence: is it switched off?",
  stalled: "No sound arrives from the microphone",
  missing: "Some sound did not arrive from the microphone: the recording says where",
  shared_ended: "The shared sound has ended: only your own side is recorded now",
  storage: "This device is nearly full: do not close this page until all is sent",
  drift: "The microphone's clock runs unevenly: times may be off by a little",
};
const HELD = {
  offline: ["Offline:", "will be sent"],
  unreachable: ["The server cannot be reached:", "will be sent"],
  busy: ["The server is busy:", "will be sent"],
  signed_out: ["Signed out:", "will be sent once you sign in again"],
  consent: ["Consent is not on record:", "not taken without it"],
  gone: ["The server does not have this recording any more:", "cannot be sent"],
};

/**
 * Lines of {tone, text, act?}, what needs a look first, with the tones of status.js. `act` is what may help:
 * "sign_in" or "try_now".
 */
export function lines({ phase, troubles = [], chunks = [], trouble = null, isWaiting = false, stored = 0, isDone = false, chunkSeconds }) {
  const paused = phase === "paused" ? [{ tone: "quiet", text: "Paused: nothing is recorded" }] : [];
  const said = [
    ...[...troubles].map((name) => ({ tone: "failed", text: TROUBLES[name] ?? name })),
    ...chunks.filter((chunk) => chunk.trouble).map(notTaken),
    ...sending({ chunks: chunks.filter((chunk) => !chunk.trouble), trouble, isWaiting }),
  ];
  if (said.length) return [...paused, ...said];
  return phase === "paused" && !stored ? paused : [...paused, calm({ phase, stored, isDone, chunkSeconds })];
}

/** The verdict on a recording that is over, as one line. */
export function verdictLine({ verdict, status, metadata }, stored) {
  if (verdict.state === "complete") {
    const pauses = verdict.gaps.length;
    const but = pauses ? `, with ${count(pauses, "pause")}` : "";
    const safe = stored === 1 ? "the only chunk is" : `all ${stored} chunks are`;
    return { tone: "safe", text: `Complete: ${safe} safe${but}${atJoins(metadata)}` };
  }
  if (verdict.state === "recording") return { tone: "working", text: "The server has not closed this recording yet" };
  const lost = verdict.gaps.filter((gap) => gap.cause !== "pause").length;
  const parts = [
    ...(verdict.owed.length ? [`${count(verdict.owed.length, "chunk")} missing`] : []),
    ...(lost ? [`${count(lost, "place")} without sound`] : []),
  ];
  return { tone: "missing", text: `Incomplete: ${parts.join(" and ") || status}. The recording shows where` };
}

/** What is lost between files that a browser can only write one after the other; nothing where it counts. */
export function atJoins(metadata) {
  return metadata?.recorder?.exact_joins === false ? "; about a tenth of a second is lost between chunks" : "";
}

function notTaken(chunk) {
  return { tone: "failed", text: `Chunk ${chunk.index} was not taken and stays on this device: ${chunk.trouble}` };
}

function sending({ chunks, trouble, isWaiting }) {
  if (trouble) {
    const [why, outcome] = HELD[trouble];
    const kept = chunks.length ? `${count(chunks.length, "chunk")} kept on this device` : "what you record is kept on this device";
    const act = trouble === "signed_out" ? "sign_in" : isWaiting ? "try_now" : undefined;
    return [{ tone: "missing", text: `${why} ${kept}, ${outcome}`, ...(act ? { act } : {}) }];
  }
  return chunks.length ? [{ tone: "working", text: `Sending ${count(chunks.length, "chunk")}` }] : [];
}

function calm({ phase, stored, isDone, chunkSeconds }) {
  if (stored) return { tone: "safe", text: stored === 1 ? "The first chunk is safe" : `All ${stored} chunks safe` };
  if (phase === "recording") return { tone: "quiet", text: `Recording: the first chunk is sent after ${count(Number(chunkSeconds), "second")}` };
  if (isDone || phase === "stopped") return { tone: "quiet", text: "Nothing was recorded" };
  return { tone: "quiet", text: "Ready to record" };
}
