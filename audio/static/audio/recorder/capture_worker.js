// Captures, encodes and cuts, away from the page: no timer is in it that a hidden tab would slow down, and what the
// page is busy with holds nothing up. Everything happens in turn, so that a chunk's number is its place on the tape.
//
// Takes {do: "listen", readables} · {do: "begin", settings} · {do: "pause"} · {do: "resume"} · {do: "change", readables}
// · {do: "stop"}. Tells {says: "level" | "chunk" | "open" | "stretch" | "trouble" | "paused" | "stopped"}.

import { Alignment } from "./alignment.js";
import { Contiguity, Silence, placeOfLoss } from "./contiguity.js";
import { OPUS_RATE } from "./ogg.js";
import { StretchEncoder } from "./stretch_encoder.js";
import { Tape, toNanoseconds } from "./tape.js";

const LEVEL_EVERY = 0.1;
/** So much of an unfinished chunk, in seconds, may be lost with the tab. */
const KEEP_EVERY = 0.5;
const STALLED_AFTER_MS = 2_000;
const SILENT_AFTER = 5;
/** An encoder that gave up may do so again at once. */
const NEXT_ENCODER_AFTER_MS = 1_000;

let turn = Promise.resolve();
/** Counts up with each microphone; what still comes from one before is thrown away. */
let source = 0;
let format = null;
let client = null;
let settings = null;
let tape = null;
/**
 * What is captured now: {start, encoder, contiguity, silence, held, lastStamp}; null while only listened to, or
 * paused. `held`: blocks, {planes, stamp}, that wait until it is known whether sound is missing before them.
 */
let stretch = null;
let isRecording = false;
/** The last second of the line that was captured, and the time of day then; the next stretch's place follows. */
let left = null;
let level = { samples: 0, peaks: [0] };
let kept = { samples: 0, index: -1, packets: 0 };
let lastBlockAt = 0;
let isStalled = false;
let encodesFrom = 0;

const inTurn = (act) => {
  turn = turn.then(act).catch((error) => tell("trouble", { name: "encoder", message: String(error) }));
  return turn;
};
const tell = (says, values = {}, transfer = []) => postMessage({ says, ...values }, transfer);

const ACTS = {
  listen: ({ readables }) => listen(readables),
  begin: (message) => begin(message.settings),
  pause: () => pause(),
  resume: () => resume(),
  change: ({ readables }) => change(readables),
  stop: () => stop(),
};
onmessage = ({ data }) => inTurn(() => ACTS[data.do](data));

setInterval(() => {
  const isLate = format !== null && performance.now() - lastBlockAt > STALLED_AFTER_MS;
  if (isLate !== isStalled) tell("trouble", { name: isLate ? "stalled" : "flowing" });
  isStalled = isLate;
}, 500);

function listen(readables) {
  source += 1;
  format = client = null;
  lastBlockAt = performance.now();
  readables.forEach((readable, channel) => pump(readable.getReader(), channel, source));
}

async function pump(reader, channel, mine) {
  for (;;) {
    const { done, value: block } = await reader.read();
    if (done) return mine === source ? tell("trouble", { name: "ended", channel }) : null;
    if (mine !== source) {
      block.close();
      await reader.cancel();
      return null;
    }
    const samples = asOneChannel(block);
    const { sampleRate: rate, timestamp: stamp } = block;
    block.close();
    await inTurn(() => (mine === source ? arrived(samples, { rate, channel, stamp }) : null));
  }
}

function asOneChannel(block) {
  const samples = new Float32Array(block.numberOfFrames);
  block.copyTo(samples, { planeIndex: 0, format: "f32-planar" });
  if (block.numberOfChannels < 2) return samples;
  const other = new Float32Array(block.numberOfFrames);
  block.copyTo(other, { planeIndex: 1, format: "f32-planar" });
  for (let place = 0; place < samples.length; place += 1) samples[place] = (samples[place] + other[place]) / 2;
  return samples;
}

async function arrived(samples, { rate, channel, stamp }) {
  if (channel === 1) {
    // Its rate may be another than the microphone's, which alone tells when it is asked for.
    client ??= new Alignment({ rate });
    client.put(samples);
    return;
  }
  lastBlockAt = performance.now();
  format ??= { rate };
  const isStereo = settings?.channels === 2;
  const planes = isStereo ? [samples, clientSamples(samples.length, rate)] : [samples];
  measure(planes, rate);
  if (isRecording) await record({ planes, stamp });
}

function clientSamples(length, rate) {
  return client === null ? new Float32Array(length) : client.take(length, rate);
}

function measure(planes, rate) {
  const peaks = planes.map(peakOf);
  level.peaks = peaks.map((peak, channel) => Math.max(peak, level.peaks[channel] ?? 0));
  level.samples += planes[0].length;
  if (level.samples < LEVEL_EVERY * rate) return;
  tell("level", { peaks: level.peaks, seconds: stretch && tape ? secondsNow() : null });
  level = { samples: 0, peaks: [] };
}

function peakOf(samples) {
  let peak = 0;
  for (const sample of samples) peak = Math.max(peak, Math.abs(sample));
  return peak;
}

async function record(block) {
  const [{ length: frames }] = block.planes;
  if (stretch === null) {
    if (performance.now() < encodesFrom) return;
    beginStretch(placeAfter(frames));
  }
  const { contiguity, held } = stretch;
  const missing = contiguity.arrived(frames, { now: performance.now() / 1000, wall: Date.now() / 1000 });
  held.push(block);
  if (!contiguity.isInDoubt) await take(missing);
}

/** What was held goes on the tape. Where seconds are missing in it, what comes after them is a stretch of its own. */
async function take(missing) {
  const { held, lastStamp } = stretch;
  const stamps = [lastStamp, ...held.map(({ stamp }) => stamp)];
  stretch.held = [];
  stretch.lastStamp = stamps.at(-1);
  if (missing > 0) {
    held.splice(0, placeOfLoss(stamps)).forEach(encode);
    const end = toNanoseconds((await endStretch()) + missing);
    tell("trouble", { name: "missing", isBreak: true });
    beginStretch(end);
    stretch.lastStamp = stamps.at(-1);
  }
  held.forEach(encode);
  keepOpen();
}

function encode({ planes }) {
  // Of a pair the agent's channel tells: the shared tab is silent for long without anything being wrong.
  const silence = stretch.silence.heard(planes[0].length, peakOf(planes[0]));
  stretch.encoder.feed(planes);
  if (!silence) return;
  const end = secondsNow();
  tell("trouble", { name: `zeros_${silence.name}`, start: toNanoseconds(Math.max(0, end - silence.zeros / format.rate)), end });
}

function begin(given) {
  settings = given;
  tape = new Tape({
    chunkSeconds: settings.chunkSeconds,
    channels: settings.channels,
    inputRate: format?.rate ?? OPUS_RATE,
    from: settings.from,
    onChunk: (chunk) => tell("chunk", { chunk: { ...chunk, capturedAt: new Date().toISOString() } }, [chunk.body.buffer]),
  });
  left = settings.left;
  isRecording = true;
}

/** Where on the line the block that has just come began: as long after the last one as the time of day says. */
function placeAfter(frames) {
  if (left === null) return 0;
  const since = (Date.now() - left.clock) / 1000 - frames / format.rate;
  return toNanoseconds(left.line + Math.max(0, since));
}

function beginStretch(start) {
  const { rate } = format;
  tape.inputRate = rate;
  tape.begin(start);
  const encoder = new StretchEncoder({
    rate,
    channels: settings.channels,
    onPacket: (packet) => tape.add(packet),
    onError: (error) => inTurn(() => gaveUp(encoder, error)),
  });
  stretch = {
    start,
    held: [],
    lastStamp: -Infinity,
    contiguity: new Contiguity({ rate }),
    silence: new Silence({ rate, seconds: SILENT_AFTER }),
    encoder,
  };
  tell("stretch", { start, from: left?.line ?? 0 });
  left = null;
}

async function endStretch() {
  if (stretch.held.length) await take(stretch.contiguity.settle());
  const { encoder, contiguity } = stretch;
  const reached = secondsNow();
  tape.endAt(encoder.samples);
  await encoder.finish();
  const line = tape.finish();
  stretch = null;
  kept = { samples: 0, index: -1, packets: 0 };
  // An encoder that gave up leaves the tape behind what it was fed.
  left = { line, clock: Date.now() - Math.max(0, reached - line) * 1000 };
  tell("open", { open: null, left, drift: contiguity.partsPerMillion() });
  return line;
}

/** What it gave is kept; what comes next gets an encoder, and a stretch, of its own. */
async function gaveUp(encoder, error) {
  if (stretch?.encoder !== encoder) return;
  stretch.held = [];
  encodesFrom = performance.now() + NEXT_ENCODER_AFTER_MS;
  tell("trouble", { name: "encoder", message: error.message });
  await endStretch();
}

async function pause() {
  isRecording = false;
  const line = stretch ? await endStretch() : (left?.line ?? 0);
  left ??= { line, clock: Date.now() };
  tell("paused", { line });
}

function resume() {
  isRecording = true;
}

async function change(readables) {
  if (stretch) await endStretch();
  listen(readables);
}

async function stop() {
  isRecording = false;
  if (stretch) await endStretch();
  source += 1;
  tell("stopped", { total: tape?.index ?? 0, line: left?.line ?? 0 });
  tape = null;
}

function secondsNow() {
  return toNanoseconds(stretch.start + stretch.encoder.samples / OPUS_RATE);
}

/** From time to time, what has come of the chunk being filled, so that a killed tab loses little of it. */
function keepOpen() {
  const { samples } = stretch.encoder;
  if (Math.abs(samples - kept.samples) < KEEP_EVERY * OPUS_RATE) return;
  const open = tape.open();
  const known = open.index === kept.index ? kept.packets : 0;
  kept = { samples, index: open.index, packets: open.packets.length };
  const { channels } = settings;
  tell("open", {
    open: { ...open, part: known, packets: open.packets.slice(known), channels, inputRate: format.rate },
    // The line as far as it is kept, and when that was said.
    left: { line: open.endTime, clock: Date.now() - (secondsNow() - open.endTime) * 1000 },
  });
}
