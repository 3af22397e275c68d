// Plain chunks, segments, sessions and frames for the tests of the pure modules.

export const STORED = { processing_status: "pending" };
export const ANALYSED = { processing_status: "processing", analysed_at: "2026-01-01T10:00:31Z" };
export const TRANSCRIBED = { processing_status: "completed", analysed_at: "2026-01-01T10:00:31Z" };
export const FAILED = { processing_status: "failed", analysed_at: null, error: "The sound does not decode." };

export function chunk(index, values = STORED) {
  return {
    chunk_index: index,
    start_time_seconds: index * 30,
    end_time_seconds: index * 30 + 30,
    duration_seconds: 30,
    declared_seconds: 30,
    decoded_seconds: null,
    analysed_at: null,
    error: "",
    ...values,
  };
}

export function segment(index, position, text = "hello") {
  const start = index * 30 + position;
  return { segment_id: `s:${part(index)}:${position}`, chunk_index: index, start_time: start, end_time: start + 1, text };
}

/** The part of a recording that a chunk says by itself. */
export function part(index) {
  return String(index).padStart(4, "0");
}

export function emotion(index, position, values = {}) {
  return { segment_id: `s:${part(index)}:${position}`, emotion: "negative", score: 0.6, method: "words", ...values };
}

export function flag(index, start, rule = "Nobody speaks") {
  return { flag_id: `s:${index}:00000000-${start * 10}`, rule, evidence: "It is so.", start_time: start, weight: 0.1 };
}

export function session(values = {}) {
  return {
    status: "recording",
    total_chunks: null,
    owed: [],
    verdict: { state: "recording", gaps: [], owed: [] },
    end_time: null,
    total_duration_seconds: 0,
    ...values,
  };
}

export function snapshot({ seq = "ab12cd34-5", chunks = [], segments = [], emotions = [], flags = [], ...values } = {}) {
  return { type: "session", seq, reset: false, session: session(values), chunks, segments, emotions, flags };
}

export function stateWith({ chunks = [], segments = [], emotions = [], flags = [], ...values } = {}) {
  return { session: session(values), chunks, segments, emotions, flags, seq: "ab12cd34-5" };
}
