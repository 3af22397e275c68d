// One recording, live: what the socket says is applied to a state, and what changed in the state is shown.

import { ChunkStrip } from "./chunk_strip.js";
import { Connection, socketAddress } from "./connection.js";
import { ConnectionLine } from "./connection_line.js";
import { cookie } from "./cookie.js";
import { element, icon } from "./dom.js";
import { FlagList } from "./flag_list.js";
import { useMaskedSwitch } from "./masked_switch.js";
import { Player } from "./player.js";
import { tally } from "./status.js";
import { StatusList } from "./status_list.js";
import { EMPTY, apply, isEnded, misses, storedSeconds, withChunk } from "./timeline.js";
import { showAll, showDuration } from "./times.js";
import { isDraft, isGuessingSpeakers } from "./transcript.js";
import { TRANSCRIBED, TranscriptList } from "./transcript_list.js";
import { soundOf, verdictWords } from "./verdict.js";
import { Waveform } from "./waveform.js";

// What the sound, as it is to be heard, depends on.
const SOUNDING = ["session", "chunks", "segments"];
const VERDICT_ICONS = { safe: "check", working: "dot", missing: "alert" };
const STATE_ICONS = { recording: "dot", processing: "half", completed: "check", failed: "cross" };

const part = (id) => document.getElementById(id);
const { sessionId, address, csrfToken, mayRetry } = part("session").dataset;

let state = EMPTY;
/** What the server complained of, until the next snapshot. */
let problem = null;

const statusList = new StatusList(part("status"), { tryAgain: mayRetry === "yes" ? tryAgain : null });
const transcript = new TranscriptList({
  scroller: part("transcript"),
  list: part("segments"),
  empty: part("transcript-empty"),
  newLines: part("new-lines"),
  onSeek: (seconds) => player.seek(seconds),
});
const player = new Player({
  box: part("player"),
  audio: part("audio"),
  address: `${address}/audio`,
  position: Math.max(0, Number(new URLSearchParams(location.search).get("t")) || 0),
});
const showMasked = useMaskedSwitch(player);
part("audio").addEventListener("timeupdate", () => waveform?.setPosition(part("audio").currentTime));
const strip = new ChunkStrip({
  strip: part("strip"),
  note: part("strip-note"),
  detail: part("detail"),
  onOpen: (index) => {
    transcript.open(index);
    const chunk = state.chunks.find((one) => one.chunk_index === index);
    if (chunk) player.seek(chunk.start_time_seconds);
  },
});
/** Drawn once there is something to be seen. */
let waveform = null;
const flags = new FlagList({ box: part("flags"), onSeek: (seconds) => player.seek(seconds) });
const connection = new Connection({
  open: () => new WebSocket(socketAddress(`/ws/audio/${sessionId}`)),
  onFrame: take,
  onState: () => line.show(),
  whyRefused,
});
const line = new ConnectionLine(connection, {
  words: connectionWords,
  consolation: () => "nothing is lost, the page catches up by itself",
});

// --- From a state to the page ---

function show(next) {
  const before = state;
  state = next;
  if (state === before || state.session === null) return;
  if (state.session !== before.session) showState();
  if (state.session !== before.session || state.chunks !== before.chunks) {
    statusList.show(state, problem);
    strip.show(state);
    part("tally").textContent = tally(state);
    showDuration(part("duration"), storedSeconds(state));
  }
  if (hasSound(state) && SOUNDING.some((key) => state[key] !== before[key])) player.show(state);
  if (TRANSCRIBED.some((key) => state[key] !== before[key])) {
    part("draft").hidden = !isDraft(state.segments);
    part("guessed").hidden = !isGuessingSpeakers(state.segments);
    transcript.show(state);
  }
  if (state.flags !== before.flags) flags.show(state);
  showWaveform(before);
}

function showWaveform(before) {
  if (!hasSound(state)) return;
  const isNew = waveform === null;
  waveform ??= new Waveform({
    box: part("waveform"),
    address: part("waveform").dataset.address,
    channels: Number(part("waveform").dataset.channels),
    onSeek: (seconds) => player.seek(seconds),
    onFlag: (flagId) => player.seek(state.flags.find((flag) => flag.flag_id === flagId).start_time),
    onMasked: showMasked,
  });
  if (isNew) waveform.setPosition(player.position);
  if (isNew || state.session.verdict !== before.session.verdict) waveform.setGaps(state.session.verdict.gaps);
  if (isNew || state.flags !== before.flags) {
    waveform.setFlags(state.flags.map(({ flag_id, start_time: start, end_time: end, rule: label, verdict }) => ({ flag_id, start, end, label, verdict })));
  }
  if (isNew || state.emotions !== before.emotions) {
    const emotions = state.emotions.map(({ start_time: start, end_time: end, emotion }) => ({ start, end, emotion }));
    waveform.setEmotions(emotions.sort((one, other) => one.start - other.start));
  }
  const mayBeAnother = !isNew && SOUNDING.some((key) => state[key] !== before[key]);
  if (mayBeAnother && drawnFrom(state) !== drawnFrom(before)) waveform.refresh();
}

/** The sound of old recordings may have been removed; their chunks are there still. */
function hasSound({ session, chunks }) {
  return chunks.length > 0 && !session.sound_removed_at;
}

/** What there is to be drawn: the sound, as far as it has been measured. */
function drawnFrom(state) {
  return `${soundOf(state)} ${state.chunks.filter((chunk) => chunk.analysed_at).length}`;
}

function showState() {
  const badge = part("state").firstElementChild;
  const { status } = state.session;
  if (badge.dataset.state !== status) {
    const word = status[0].toUpperCase() + status.slice(1);
    badge.dataset.state = status;
    badge.replaceChildren(icon(STATE_ICONS[status]), element("span", { textContent: word }));
  }
  const { erased_side: side } = state.session;
  part("erased").hidden = !side;
  part("erased").textContent = side ? `The ${side}'s side has been erased.` : "";
  showVerdict();
  line.show();
}

function showVerdict() {
  const { tone, text, pauses } = verdictWords(state.session.verdict, state.session.metadata);
  const line = part("verdict");
  const said = `${text}. ${pauses}`;
  if (line.dataset.said === said) return;
  Object.assign(line.dataset, { tone, said });
  const aside = pauses ? [" ", element("span", { className: "muted", textContent: pauses })] : [];
  line.replaceChildren(icon(VERDICT_ICONS[tone]), element("span", {}, text, ...aside));
}

// --- What the server says and is asked ---

function take(frame) {
  if (frame.type === "error") {
    problem = `The server could not answer this page: ${frame.message}`;
    if (state.session) statusList.show(state, problem);
    return;
  }
  if (misses(frame, state)) {
    // Everything after the last event that was applied comes again, in order, this one too.
    connection.send({ type: "resume", seq: state.seq });
    return;
  }
  if (frame.type === "session") problem = null;
  show(apply(frame, state));
}

/** A browser does not tell why a handshake failed; the same question over HTTP is answered. */
async function whyRefused() {
  try {
    const { status } = await fetch(address, { headers: { Accept: "application/json" } });
    if (status === 401) return "signed_out";
    return status === 403 || status === 404 ? "refused" : null;
  } catch {
    return null;
  }
}

/** Have a chunk heard again. Returns why it is not, or null. */
async function tryAgain(index) {
  let response;
  try {
    response = await fetch(`${address}/chunks/${index}/retry`, {
      method: "POST",
      headers: { Accept: "application/json", "X-CSRFToken": cookie("csrftoken") ?? csrfToken },
    });
  } catch {
    return "The server cannot be reached. Nothing was changed; try again in a moment.";
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok) {
    show(withChunk(state, answer));
    return null;
  }
  if (response.status === 401) return "You are signed out. Sign in, then try again.";
  return answer.error?.message ?? `The server answered with error ${response.status}. Nothing was changed.`;
}

function connectionWords(name) {
  const seen = state.session !== null;
  return {
    connecting: seen ? "Reconnecting …" : "Connecting",
    live: seen && isEnded(state.session) ? "Live updates" : "Live",
    signed_out: "Signed out:",
    refused: "This recording was removed, or is no longer open to you",
  }[name];
}

showAll();
connection.start();
