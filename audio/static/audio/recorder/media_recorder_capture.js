// Where a browser does not hand out a microphone's samples: one MediaRecorder a stretch, its packets cut as ours are.
// It takes and tells the same as capture_worker.js, as calls and messages.

import { Contiguity } from "./contiguity.js";
import { OPUS_RATE } from "./ogg.js";
import { BITS_PER_SECOND } from "./stretch_encoder.js";
import { Tape, toNanoseconds } from "./tape.js";
import { WebmReader } from "./webm.js";

export const WEBM = "audio/webm;codecs=opus";
export const MP4 = "audio/mp4";
const PIECE_MS = 250;
const LEVEL_EVERY_MS = 100;

export class MediaRecorderCapture {
  constructor({ onMessage }) {
    this.tell = (says, values = {}) => onMessage({ says, ...values });
    this.turn = Promise.resolve();
    this.left = null;
    this.recorder = null;
    this.isRecording = false;
    this.meter = null;
  }

  listen(tracks) {
    this.tracks = tracks;
    this.stream = new MediaStream(tracks);
    this.tell("format", { rate: OPUS_RATE });
    this.#watch();
  }

  begin(settings) {
    this.settings = settings;
    this.left = settings.left;
    this.tape = new Tape({
      chunkSeconds: settings.chunkSeconds,
      channels: settings.channels,
      inputRate: OPUS_RATE,
      from: settings.from,
      onChunk: (chunk) => this.tell("chunk", { chunk: { ...chunk, capturedAt: new Date().toISOString() } }),
    });
    this.isRecording = true;
    this.#beginStretch();
  }

  async pause() {
    this.isRecording = false;
    await this.#endStretch();
    this.tell("paused", { line: this.left?.line ?? 0 });
  }

  resume() {
    this.isRecording = true;
    this.#beginStretch();
  }

  async change(tracks) {
    const wasRecording = this.isRecording && this.recorder !== null;
    await this.#endStretch();
    this.listen(tracks);
    if (wasRecording) this.#beginStretch();
  }

  async stop() {
    this.isRecording = false;
    await this.#endStretch();
    this.meter?.close();
    this.meter = null;
    this.tell("stopped", { total: this.tape?.index ?? 0, line: this.left?.line ?? 0 });
    this.tape = null;
  }

  #beginStretch() {
    const reader = new WebmReader();
    const contiguity = new Contiguity({ rate: OPUS_RATE });
    const { left } = this;
    const start = left ? toNanoseconds(left.line + Math.max(0, (Date.now() - left.clock) / 1000)) : 0;
    this.tape.begin(start);
    this.tell("stretch", { start, from: left?.line ?? 0 });
    this.left = null;
    this.recorder = new MediaRecorder(this.stream, {
      mimeType: WEBM,
      audioBitsPerSecond: BITS_PER_SECOND[this.settings.channels],
    });
    this.ended = new Promise((resolve) => {
      this.recorder.onstop = resolve;
    });
    this.recorder.ondataavailable = ({ data }) => {
      this.turn = this.turn.then(async () => this.#read(reader.read(new Uint8Array(await data.arrayBuffer())), contiguity));
    };
    this.recorder.start(PIECE_MS);
  }

  #read(packets, contiguity) {
    const samples = packets.reduce((sum, packet) => sum + packet.samples, 0);
    const missing = contiguity.arrived(samples, { now: performance.now() / 1000, wall: Date.now() / 1000 });
    for (const packet of packets) this.tape.add(packet);
    if (missing > 0) {
      const { startTime } = this.tape.open();
      this.tell("trouble", { name: "missing", start: startTime, end: toNanoseconds(startTime + missing) });
    }
    this.#keepOpen();
  }

  async #endStretch() {
    if (this.recorder === null) return;
    if (this.recorder.state !== "inactive") this.recorder.stop();
    await this.ended;
    await this.turn;
    this.recorder = null;
    const line = this.tape.finish();
    this.left = { line, clock: Date.now() };
    this.kept = null;
    this.tell("open", { open: null, left: this.left, next: { index: this.tape.index, samples: this.tape.samples }, drift: 0 });
  }

  #keepOpen() {
    const open = this.tape.open();
    const known = open.index === this.kept?.index ? this.kept.packets : 0;
    if (open.packets.length === known) return;
    this.kept = { index: open.index, packets: open.packets.length };
    const line = open.endTime;
    const { channels } = this.settings;
    this.tell("open", {
      open: { ...open, part: known, packets: open.packets.slice(known), channels, inputRate: OPUS_RATE },
      left: { line, clock: Date.now() },
    });
  }

  /** The level alone goes through an AudioContext, where a lost sample does not matter. */
  #watch() {
    this.meter?.close();
    const meter = new LevelMeter(this.stream, (peaks) => {
      const open = this.recorder && this.tape ? this.tape.open() : null;
      this.tell("level", { peaks, seconds: open && open.startTime + heldSeconds(open) });
    });
    this.meter = meter;
  }
}

/** Where not even Opus is to be had: one file after the other, each begun before the one before it ends. */
export class PieceCapture {
  constructor({ onMessage }) {
    this.tell = (says, values = {}) => onMessage({ says, ...values });
    this.piece = null;
    this.left = null;
    this.meter = null;
  }

  listen(tracks) {
    this.stream = new MediaStream(tracks);
    this.tell("format", { rate: null });
    this.meter?.close();
    this.meter = new LevelMeter(this.stream, (peaks) => this.tell("level", { peaks, seconds: this.piece && this.#now() }));
  }

  begin(settings) {
    this.settings = settings;
    this.index = settings.from.index;
    this.left = settings.left;
    this.#beginStretch();
  }

  async pause() {
    await this.#endStretch();
    this.tell("paused", { line: this.left.line });
  }

  resume() {
    this.#beginStretch();
  }

  async change(tracks) {
    const wasRecording = this.piece !== null;
    await this.#endStretch();
    this.listen(tracks);
    if (wasRecording) this.#beginStretch();
  }

  async stop() {
    await this.#endStretch();
    this.meter?.close();
    this.tell("stopped", { total: this.index, line: this.left?.line ?? 0 });
  }

  #now() {
    return toNanoseconds(this.start + (Date.now() - this.clock) / 1000);
  }

  #beginStretch() {
    const { left } = this;
    this.clock = Date.now();
    this.start = left ? toNanoseconds(left.line + (this.clock - left.clock) / 1000) : 0;
    this.tell("stretch", { start: this.start, from: left?.line ?? 0 });
    this.#beginPiece();
    this.timer = setInterval(() => {
      const before = this.piece;
      this.#beginPiece();
      before.recorder.stop();
    }, this.settings.chunkSeconds * 1000);
  }

  #beginPiece() {
    const recorder = new MediaRecorder(this.stream, { mimeType: MP4 });
    const { index } = this;
    const startTime = this.#now();
    this.index += 1;
    const ended = new Promise((resolve) => {
      recorder.ondataavailable = async ({ data }) => {
        const body = new Uint8Array(await data.arrayBuffer());
        const capturedAt = new Date().toISOString();
        this.tell("chunk", { chunk: { index, startTime, body, capturedAt, contentType: MP4, first: null, end: null } });
        resolve();
      };
    });
    recorder.start();
    this.piece = { recorder, ended };
  }

  async #endStretch() {
    if (this.piece === null) return;
    clearInterval(this.timer);
    this.piece.recorder.stop();
    await this.piece.ended;
    this.left = { line: this.#now(), clock: Date.now() };
    this.piece = null;
    this.tell("open", { open: null, left: this.left, next: { index: this.index, samples: 0 }, drift: 0 });
  }
}

class LevelMeter {
  constructor(stream, onPeaks) {
    this.context = new AudioContext();
    const analyser = this.context.createAnalyser();
    this.context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    this.timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      onPeaks([samples.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0)]);
    }, LEVEL_EVERY_MS);
  }

  close() {
    clearInterval(this.timer);
    this.context.close();
  }
}

function heldSeconds({ packets, preSkip }) {
  return Math.max(0, packets.reduce((sum, packet) => sum + packet.samples, 0) - preSkip) / OPUS_RATE;
}
