// A recording as the page knows it, and how each frame of the socket changes it. Pure: frames in, states out.
//
// A state is {session, chunks, segments, emotions, flags, seq}. Nothing in it is changed in place: what is the same
// object in two states has not changed, so that the page touches only what has.

export const EMPTY = { session: null, chunks: [], segments: [], emotions: [], flags: [], seq: null };

const ENDED = new Set(["completed", "failed"]);

/** The state after a frame. Frames that were applied already, and kinds that are not known, change nothing. */
export function apply(frame, state) {
  if (frame.type === "session") return fromSnapshot(frame);
  if (state.session === null || isOld(frame.seq, state.seq)) return state;
  const next = { ...state, seq: frame.seq ?? state.seq };
  switch (frame.type) {
    case "chunk_stored":
    case "chunk_analysed":
      return withChunk(next, frame.chunk);
    case "chunk_transcribed":
      return withSegments(withChunk(next, frame.chunk), frame);
    case "chunk_processed":
      return withEstimates(withChunk(next, frame.chunk), frame);
    case "speakers_corrected":
      return withSpeakers(next, frame.corrections);
    case "session_changed":
      return changed(next, frame);
    case "session_completed":
      return completed(next, frame);
    default:
      return next;
  }
}

/** The state with a chunk as the REST API told it. */
export function withChunk(state, chunk) {
  const chunks = replaceSorted(state.chunks, chunk);
  return { ...state, chunks, session: sessionWith(state.session, chunks, chunk) };
}

/** The state with the chunks that are on this device only, as `local` tells them; what the server has goes before. */
export function withLocal(state, local) {
  const known = new Set(state.chunks.map((chunk) => chunk.chunk_index));
  const more = local.filter((chunk) => !known.has(chunk.chunk_index));
  return more.length ? { ...state, chunks: [...state.chunks, ...more].sort(byIndex) } : state;
}

/** Whether events are missing between what was applied and this frame: then ask for those after `state.seq`. */
export function misses(frame, state) {
  if (!frame.seq || !state.seq || frame.type === "session") return false;
  const [epoch, number] = parts(frame.seq);
  const [knownEpoch, known] = parts(state.seq);
  return epoch === knownEpoch && number > known + 1;
}

export function isEnded(session) {
  return ENDED.has(session.status);
}

/** Indexes that the recorder counted, or that later chunks leave a hole for, and that are not here. Ascending. */
export function missing({ session, chunks }) {
  const known = new Set(chunks.map((chunk) => chunk.chunk_index));
  const absent = [];
  for (let index = 0; index < expected(session, chunks); index += 1) {
    if (!known.has(index)) absent.push(index);
  }
  return absent;
}

/** What the strip shows, in order: the chunk of each index, or null where one is missing. At most the last `most`. */
export function cells({ session, chunks }, most = 2400) {
  const all = expected(session, chunks);
  const first = Math.max(0, all - most);
  const known = new Map(chunks.map((chunk) => [chunk.chunk_index, chunk]));
  const shown = [];
  for (let index = first; index < all; index += 1) shown.push({ index, chunk: known.get(index) ?? null });
  return { first, shown };
}

/** stored, analysed, transcribed, failed; missing for null; what the recorder says of one that it has yet to send. */
export function cellState(chunk) {
  if (chunk === null) return "missing";
  if (chunk.local) return chunk.local;
  if (chunk.processing_status === "failed") return "failed";
  if (chunk.processing_status === "completed") return "transcribed";
  // A chunk that is heard again keeps the times of the first hearing; only a status tells that they are past.
  if (chunk.processing_status === "pending") return "stored";
  return chunk.analysed_at ? "analysed" : "stored";
}

/** Seconds of sound that are stored. */
export function storedSeconds({ chunks }) {
  return chunks.reduce((sum, chunk) => sum + chunk.duration_seconds, 0);
}

function fromSnapshot(frame) {
  return {
    session: frame.session,
    chunks: [...frame.chunks].sort(byIndex),
    segments: [...frame.segments].sort(byTime),
    emotions: frame.emotions,
    flags: [...frame.flags].sort(byTime),
    seq: frame.seq,
  };
}

/** What parts of the recording say, in place of what they said before; what was made of that goes with it. */
function withSegments(state, { parts, segments }) {
  const next = {
    ...state,
    segments: [...notOf(parts, state.segments, "segment_id"), ...segments].sort(byTime),
  };
  return withEstimates(next, { parts, emotions: [], flags: [] });
}

/** What is estimated and flagged of parts, in place of what was before; null leaves it as it is. */
function withEstimates(state, { parts, emotions, flags }) {
  const next = { ...state };
  if (emotions) next.emotions = [...notOf(parts, state.emotions, "segment_id"), ...emotions];
  if (flags) next.flags = [...notOf(parts, state.flags, "flag_id"), ...flags].sort(byTime);
  return next;
}

/** `corrections`: speaker → ids of the segments that are theirs. */
function withSpeakers(state, corrections) {
  const speakers = new Map(Object.entries(corrections).flatMap(([speaker, ids]) => ids.map((id) => [id, speaker])));
  const corrected = (segment) => {
    const speaker = speakers.get(segment.segment_id) ?? segment.speaker;
    return speaker === segment.speaker ? segment : { ...segment, speaker };
  };
  return { ...state, segments: state.segments.map(corrected) };
}

/** Those whose id names none of the parts: its second word tells which part of the recording it is of. */
function notOf(parts, things, identity) {
  return things.filter((thing) => !parts.includes(thing[identity].split(":")[1]));
}

function changed(state, { status, total_chunks, owed, verdict }) {
  return { ...state, session: { ...state.session, status, total_chunks, owed, verdict } };
}

function completed(state, { status, at, verdict }) {
  const session = {
    ...state.session,
    status,
    verdict,
    owed: [],
    end_time: state.session.end_time ?? at,
    // It ends only once all that the recorder counted is here.
    total_chunks: state.session.total_chunks ?? state.chunks.length,
  };
  // Nothing comes any more that could change what was said.
  const segments = state.segments.some((segment) => segment.provisional)
    ? state.segments.map(({ provisional, ...segment }) => segment)
    : state.segments;
  return { ...state, session, segments };
}

function sessionWith(session, chunks, chunk) {
  const { verdict } = session;
  const owed = without(session.owed, chunk.chunk_index);
  const owedByVerdict = without(verdict.owed, chunk.chunk_index);
  const reopened = isEnded(session) && ["pending", "processing"].includes(chunk.processing_status);
  return {
    ...session,
    owed,
    verdict: owedByVerdict === verdict.owed ? verdict : { ...verdict, owed: owedByVerdict },
    status: reopened ? "processing" : session.status,
    total_duration_seconds: storedSeconds({ chunks }),
  };
}

function without(indexes, index) {
  return indexes.includes(index) ? indexes.filter((one) => one !== index) : indexes;
}

function replaceSorted(chunks, chunk) {
  const at = chunks.findIndex((one) => one.chunk_index >= chunk.chunk_index);
  if (at === -1) return [...chunks, chunk];
  return chunks[at].chunk_index === chunk.chunk_index ? chunks.with(at, chunk) : chunks.toSpliced(at, 0, chunk);
}

function expected(session, chunks) {
  return Math.max(session.total_chunks ?? 0, (chunks.at(-1)?.chunk_index ?? -1) + 1);
}

function isOld(seq, known) {
  if (!seq || !known) return false;
  const [epoch, number] = parts(seq);
  const [knownEpoch, knownNumber] = parts(known);
  return epoch === knownEpoch && number <= knownNumber;
}

function parts(seq) {
  const [epoch, number] = seq.split("-");
  return [epoch, Number(number)];
}

function byIndex(one, other) {
  return one.chunk_index - other.chunk_index;
}

function byTime(one, other) {
  const [id, otherId] = [one.segment_id ?? one.flag_id, other.segment_id ?? other.flag_id];
  return one.start_time - other.start_time || (id < otherId ? -1 : 1);
}
