// The page to record on: what the recording and the socket tell is shown, what is clicked is done.

import { ChunkStrip } from "./chunk_strip.js";
import { Connection, socketAddress } from "./connection.js";
import { cookie } from "./cookie.js";
import { element, icon } from "./dom.js";
import { duration } from "./format.js";
import { probe } from "./recorder/capture.js";
import { checks } from "./recorder/checks.js";
import { Keeping } from "./recorder/keeping.js";
import { MemoryKeeping } from "./recorder/memory.js";
import { microphones, onPermission, permission, refusal } from "./recorder/microphone.js";
import { OPUS_RATE } from "./recorder/ogg.js";
import { Recording, leftBehind } from "./recorder/recording.js";
import { lines, verdictLine } from "./recorder/words.js";
import { tally } from "./status.js";
import { EMPTY, apply, misses, withChunk, withLocal } from "./timeline.js";
import { isDraft, isGuessingSpeakers } from "./transcript.js";
import { TRANSCRIBED, TranscriptList } from "./transcript_list.js";

const TONE_ICONS = { failed: "alert", missing: "wait", working: "half", safe: "check", quiet: "ring" };
const CHECK_ICONS = { good: "check", bad: "alert", open: "ring" };
const BEFORE_THE_SERVER = { status: "recording", total_chunks: null, owed: [] };
const LOUD_FROM = 0.98;
const FRESHEN_CHECKS_MS = 1_000;
const PHASE_WORDS = {
  recording: "Recording",
  paused: "Paused",
  stopping: "Stopping",
  stopped: "Stopped",
};

const part = (id) => document.getElementById(id);
const { userId, chunkSeconds, sessionPage, consentRequired, csrfToken } = part("record").dataset;
const recorder = document.querySelector(".recorder");

let keeping = null;
let method = null;
let recording = null;
/** What earlier visits left here: recordings that are being sent, of which the first unfinished one can go on. */
let earlier = [];
let connection = null;
let state = EMPTY;
let session = null;
/** Why the last attempt to record failed, until the next one. */
let problem = null;
let facts = { permission: "prompt", device: "", level: 0, storage: null, isOnline: navigator.onLine, isServerThere: null };

const transcript = new TranscriptList({
  scroller: part("transcript"),
  list: part("segments"),
  empty: part("transcript-empty"),
  newLines: part("new-lines"),
});
const strip = new ChunkStrip({
  strip: part("strip"),
  note: part("strip-note"),
  detail: part("detail"),
  onOpen: (index) => transcript.open(index),
});

// --- Beginning ---

async function begin() {
  keeping = await Keeping.ofBrowser().catch(() => new MemoryKeeping());
  navigator.storage?.persist?.();
  // `?without=webcodecs` lets one try what other browsers get.
  method = await probe({ without: new URLSearchParams(location.search).getAll("without") });
  part("method").textContent = method.name
    ? `This browser records ${method.words}.`
    : "This browser cannot record. Use a current Chrome, Edge, Firefox or Safari.";
  if (!method.hasBothSides) part("shared-words").textContent = "Recording the other side too needs Chrome or Edge on a computer";
  newRecording();
  await takeUpEarlier();
  await look();
  if (facts.permission === "granted") await listen();
  show();
}

function newRecording(kept = null) {
  recording = follow(new Recording(optionsOf(kept)));
}

function optionsOf(kept) {
  return {
    server: { base: location.origin, csrfToken: () => cookie("csrftoken") ?? csrfToken },
    keeping,
    method,
    chunkSeconds: Number(chunkSeconds),
    userId,
    ...(kept ?? {}),
  };
}

function follow(followed) {
  followed.addEventListener("change", show);
  followed.addEventListener("level", ({ detail }) => showLevel(followed, detail));
  followed.addEventListener("session", ({ detail }) => {
    if (followed === recording) showSession(detail);
  });
  followed.addEventListener("chunkstored", ({ detail }) => {
    if (followed === recording && state.session) state = withChunk(state, detail.chunk);
    show();
  });
  followed.addEventListener("recordererror", ({ detail }) => {
    // What passes by itself is among the troubles.
    if (!detail.goesOn) problem = detail.message;
    show();
  });
  followed.addEventListener("done", ({ detail }) => {
    if (followed === recording) showSession(detail);
    earlier = earlier.filter((one) => one !== followed);
    show();
  });
  return followed;
}

function showSession(told) {
  session = told;
  if (!connection) connect();
  show();
}

async function takeUpEarlier() {
  for (const kept of await leftBehind(keeping, { userId })) {
    const one = follow(new Recording(optionsOf(kept)));
    await one.startSending();
    if (!one.sender.isDone) earlier.push(one);
  }
}

const unfinished = () => earlier.find((one) => one.session.total === null);

async function goOn() {
  const kept = unfinished();
  recording.close();
  earlier = earlier.filter((one) => one !== kept);
  recording = kept;
  if (kept.session.created) connect();
  if (await listen({ shared: kept.session.channels === 2 })) {
    await recording.start();
  } else {
    earlier.push(kept);
    newRecording();
  }
  show();
}

// --- The microphone ---

async function listen({ shared = false } = {}) {
  problem = null;
  const listening = recording;
  try {
    const isWhole = await listening.listen({
      deviceId: part("microphone").value,
      raw: !part("processed").checked,
      shared,
    });
    if (listening !== recording) {
      // Somebody went on with an earlier recording meanwhile.
      listening.close();
      return false;
    }
    if (!isWhole) {
      problem = "What you chose to share has no sound. Choose a tab and tick its sound, or untick the other side.";
      return false;
    }
  } catch (error) {
    problem = refusal(error);
    await look();
    return false;
  }
  facts.permission = "granted";
  facts.device = listening.tracks[0].label || "Microphone found";
  await listMicrophones();
  return true;
}

async function listMicrophones() {
  const select = part("microphone");
  const chosen = select.value;
  const options = (await microphones()).filter(({ deviceId }) => deviceId !== "default");
  select.replaceChildren(
    element("option", { value: "", textContent: "The system's own" }),
    ...options.map(({ deviceId, label }) => element("option", { value: deviceId, textContent: label || "Microphone" })),
  );
  if (options.some(({ deviceId }) => deviceId === chosen)) select.value = chosen;
}

// --- Starting and stopping ---

async function start() {
  if (recording.phase === "stopped") another();
  part("main").disabled = true;
  problem = null;
  try {
    // The click that leads here is what lets a page ask for a tab.
    const isHeard = recording.phase === "ready" && recording.tracks[0].readyState === "live";
    if (!(isHeard && !part("shared").checked) && !(await listen({ shared: part("shared").checked }))) return;
    const consent = consentRequired === "yes" ? await askForConsent() : null;
    if (consent && !consent.given) {
      problem = "Without their consent nothing is recorded.";
      return;
    }
    await recording.start({ consent });
    announce("Recording started");
  } finally {
    show();
  }
}

function askForConsent() {
  const dialog = part("consent");
  dialog.showModal();
  return new Promise((resolve) => {
    const answer = (given) => () => {
      resolve({ given, by: "client", wording: part("consent-wording").textContent, at: new Date().toISOString() });
      dialog.close();
    };
    part("consent-given").onclick = answer(true);
    part("consent-refused").onclick = answer(false);
    dialog.onclose = answer(false);
  });
}

async function stop() {
  await recording.stop();
  announce("Recording stopped");
}

function pauseOrResume() {
  if (recording.phase === "recording") {
    recording.pause(part("pause-reason").value);
    announce("Recording paused");
  } else if (recording.phase === "paused") {
    recording.resume();
    announce("Recording goes on");
  }
}

function another() {
  connection?.stop();
  connection = session = problem = null;
  state = EMPTY;
  if (!recording.sender.isDone) earlier.push(recording);
  newRecording();
  part("strip").replaceChildren();
  strip.forget();
  transcript.forget();
  if (facts.permission === "granted") listen().then(show);
  show();
}

function announce(words) {
  part("said").textContent = words;
}

// --- From the recording to the page ---

let isShowing = false;

/** Changes come in bursts; the page follows once a frame, and in a hidden tab all the same. */
function show() {
  if (isShowing) return;
  isShowing = true;
  setTimeout(() => {
    isShowing = false;
    showNow();
  }, 16);
}

function showNow() {
  const { phase, isRunning } = recording;
  recorder.dataset.phase = phase;
  const isOver = phase === "stopped";
  part("main").disabled = method.name === null || phase === "stopping" || part("consent").open;
  part("main-words").textContent = isRunning ? "Stop recording" : "Start recording";
  part("elapsed").textContent = duration(recording.seconds);
  part("pausing").hidden = !["recording", "paused"].includes(phase);
  part("pause").querySelector("span").textContent = phase === "paused" ? "Resume recording" : "Pause recording";
  part("pause").querySelector("use").setAttribute("href", phase === "paused" ? "#icon-dot" : "#icon-pause");
  part("pause-reason").disabled = phase === "paused";
  part("ended").hidden = !isOver;
  part("levels").hidden = isOver;
  part("open-recording").href = sessionPage.replace("00000000-0000-0000-0000-000000000000", recording.id);
  part("before").hidden = isRunning || isOver;
  part("shared").disabled = isRunning || !method.hasBothSides;
  part("processed").disabled = isRunning;
  document.title = `${PHASE_WORDS[phase] ?? "Record"} · Earshot`;
  showStatus();
  showChunks();
  showConnection();
  showEarlier();
  showChecks();
}

function showStatus() {
  const { sender, phase, troubles, storedCount } = recording;
  const owed = sender ? [...sender.chunks.values()] : [];
  const standing = lines({
    phase,
    troubles,
    chunks: [...recording.recorded.values(), ...owed],
    trouble: sender?.isDone ? null : (sender?.trouble ?? null),
    isWaiting: sender?.waitingUntil != null,
    stored: storedCount,
    isDone: sender?.isDone ?? false,
    chunkSeconds,
  });
  const isOver = sender?.isDone && session?.verdict;
  const isRefused = phase === "idle" && facts.permission === "denied";
  const hindrance = problem ?? (isRefused ? refusal({ name: "NotAllowedError" }) : null);
  const said = [
    ...(hindrance ? [{ tone: "failed", text: hindrance }] : []),
    // What hinders is not followed by "Ready to record".
    ...(isOver ? [verdictLine(session, state.chunks.length || storedCount)] : standing).filter(({ tone }) => !hindrance || tone !== "quiet"),
    ...earlier.flatMap(earlierLine),
  ];
  showLines(part("status"), said, TONE_ICONS);
}

function earlierLine({ sender }) {
  const owed = [...sender.chunks.values()];
  if (!owed.length && sender.trouble === null) return [];
  const [line] = lines({ phase: "stopped", chunks: owed, trouble: sender.trouble, isWaiting: sender.waitingUntil !== null });
  return [{ ...line, text: `From an earlier recording: ${line.text[0].toLowerCase()}${line.text.slice(1)}` }];
}

/** Rows of a list, touched only when they differ, so that a screen reader hears what is new. */
function showLines(list, said, icons) {
  const written = JSON.stringify(said);
  if (list.dataset.written === written) return;
  list.dataset.written = written;
  list.replaceChildren(
    ...said.map(({ tone, text, act }) => {
      const row = element("li", {}, icon(icons[tone]), element("span", { className: "status-text", textContent: text }));
      row.dataset.tone = tone;
      if (act) row.append(actOf(act));
      return row;
    }),
  );
}

function actOf(act) {
  if (act === "sign_in") {
    const link = part("sign-in-again").cloneNode(true);
    link.removeAttribute("id");
    link.hidden = false;
    link.textContent = "Sign in";
    return link;
  }
  const words = { try_now: "Try now", allow: "Allow now" }[act];
  const button = element("button", { type: "button", className: "button button-small", textContent: words });
  button.addEventListener("click", () => {
    if (act === "allow") listen().then(show);
    else for (const one of [recording, ...earlier]) one.sender?.hurry();
  });
  return button;
}

/** By index, as last made: the strip draws anew only what is another object. */
const localChunks = new Map();

function localOf(chunk, name) {
  const before = localChunks.get(chunk.index);
  if (before?.local === name && before.error === (chunk.trouble ?? "")) return before;
  const seconds = chunk.end === null ? Number(chunkSeconds) : (chunk.end - chunk.first) / OPUS_RATE;
  const made = {
    local: name,
    chunk_index: chunk.index,
    start_time_seconds: chunk.startTime,
    end_time_seconds: chunk.startTime + seconds,
    duration_seconds: seconds,
    file_size_bytes: chunk.size ?? chunk.body.length,
    checksum: chunk.digest ?? "",
    error: chunk.trouble ?? "",
  };
  localChunks.set(chunk.index, made);
  return made;
}

function showChunks() {
  const owed = recording.sender ? [...recording.sender.chunks.values()] : [];
  const local = [
    ...[...recording.recorded.values()].map((chunk) => localOf(chunk, "recorded")),
    ...owed.map((chunk) => localOf(chunk, chunk.trouble ? "failed" : chunk.state)),
  ];
  const all = withLocal({ ...state, session: state.session ?? BEFORE_THE_SERVER }, local);
  for (const { chunk_index: index } of state.chunks) localChunks.delete(index);
  part("strip-empty").hidden = all.chunks.length > 0;
  part("tally").textContent = all.chunks.length ? tally(all) : "";
  if (all.chunks.length) strip.show(all);
}

function showLevel(followed, { peaks, seconds }) {
  if (followed !== recording) return;
  facts.level = Math.max(peaks[0], facts.level * 0.97);
  part("elapsed").textContent = duration(seconds);
  part("levels").querySelectorAll(".level").forEach((row, channel) => {
    const peak = peaks[channel];
    row.hidden = peak === undefined;
    row.querySelector(".level-name").hidden = peaks.length < 2;
    if (peak === undefined) return;
    const bar = row.querySelector(".level-bar");
    // The ear hears in ratios: 60 dB are the whole bar.
    const shown = peak > 0 ? Math.max(0, 1 + (20 * Math.log10(peak)) / 60) : 0;
    bar.firstElementChild.style.setProperty("--level", shown.toFixed(3));
    bar.toggleAttribute("data-loud", peak >= LOUD_FROM);
    bar.setAttribute("aria-valuenow", String(Math.round(shown * 100)));
  });
}

function showEarlier() {
  const kept = recording.isRunning ? undefined : unfinished();
  part("left-behind").hidden = kept === undefined;
  if (!kept) return;
  const at = new Date(kept.session.startedAt).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  const owed = kept.sender.chunks.size;
  const being = owed === 1 ? "is" : "are";
  const safe = owed ? `${owed} of its chunks ${being} kept here and ${being} being sent.` : "All of it that was recorded is safe.";
  part("left-behind-words").textContent =
    `The one begun at ${at} stopped at ${duration(kept.seconds)}, when this page was closed or reloaded. ${safe}`;
}

function showChecks() {
  if (part("before").hidden) return;
  showLines(part("checks"), checks(facts), CHECK_ICONS);
}

async function look() {
  facts.permission = facts.permission === "granted" && recording.tracks.length ? "granted" : await permission();
  facts.isOnline = navigator.onLine;
  const estimate = keeping instanceof MemoryKeeping ? null : await navigator.storage?.estimate?.().catch(() => null);
  facts.storage = estimate ?? (keeping instanceof MemoryKeeping ? null : { quota: Infinity, usage: 0 });
  facts.isServerThere = await fetch("/healthz", { cache: "no-store" }).then(
    ({ ok }) => ok,
    () => false,
  );
  show();
}

// --- What the server says while it listens ---

function connect() {
  const address = socketAddress(`/ws/audio/${recording.id}`);
  connection = new Connection({
    open: () => new WebSocket(address),
    onFrame: take,
    onState: showConnection,
    whyRefused: async () => null,
  });
  connection.start();
}

function take(frame) {
  if (frame.type === "error") return;
  if (misses(frame, state)) {
    connection.send({ type: "resume", seq: state.seq });
    return;
  }
  const before = state;
  state = apply(frame, state);
  if (state === before || state.session === null) return;
  if (frame.type === "session") session = frame.session;
  else if (frame.verdict) session = { ...session, status: frame.status, verdict: frame.verdict };
  if (TRANSCRIBED.some((key) => state[key] !== before[key])) {
    part("draft").hidden = !isDraft(state.segments);
    part("guessed").hidden = !isGuessingSpeakers(state.segments);
    transcript.show(state);
  }
  show();
}

function showConnection() {
  const name = connection?.state?.name ?? "none";
  part("connection").dataset.name = name;
  part("connect-now").hidden = name !== "waiting";
  part("sign-in-again").hidden = name !== "signed_out";
  part("connection-words").textContent = {
    none: recording.isRunning ? "Not connected yet: what you record is kept here" : "Not recording",
    connecting: "Connecting",
    live: "Live",
    waiting: "Reconnecting: the recording goes on",
    signed_out: "Signed out: the recording goes on,",
    refused: "This recording is not open to you any more",
  }[name];
}

// --- What people do ---

part("main").addEventListener("click", () => (recording.isRunning ? stop() : start()));
part("pause").addEventListener("click", pauseOrResume);
part("another").addEventListener("click", another);
part("go-on").addEventListener("click", goOn);
part("finish").addEventListener("click", () => unfinished()?.finish());
part("connect-now").addEventListener("click", () => connection.hurry());
part("microphone").addEventListener("change", () => listen().then(show));
part("processed").addEventListener("change", () => {
  if (facts.permission === "granted") listen().then(show);
});

const KEYS = { r: () => recording.isRunning || start(), p: pauseOrResume, s: () => recording.isRunning && stop() };
addEventListener("keydown", (event) => {
  const isBusy = event.ctrlKey || event.metaKey || event.altKey || event.repeat || document.querySelector("dialog[open]");
  if (isBusy || event.target.closest?.("input, textarea, select, [contenteditable]")) return;
  KEYS[event.key.toLowerCase()]?.();
});

addEventListener("beforeunload", (event) => {
  const owes = [recording, ...earlier].some(({ sender }) => sender && !sender.isDone && sender.chunks.size > 0);
  if (recording.isRunning || owes) event.preventDefault();
});

const everybody = (act) => {
  for (const one of [recording, ...earlier]) act(one);
};
addEventListener("online", () => {
  everybody(({ sender }) => sender?.hurry());
  connection?.hurry();
  look();
});
addEventListener("offline", () => {
  everybody(({ sender }) => sender?.pump());
  connection?.check();
  look();
});
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState !== "visible" || !recording) return;
  everybody(({ sender }) => sender?.hurry());
  connection?.hurry();
  connection?.check();
});
onPermission(async () => {
  await look();
  if (facts.permission === "granted" && recording.phase === "idle") await listen();
  show();
});
navigator.mediaDevices?.addEventListener("devicechange", () => {
  if (facts.permission === "granted") listMicrophones();
});
setInterval(() => {
  if (recording && !part("before").hidden) showChecks();
}, FRESHEN_CHECKS_MS);

begin();
