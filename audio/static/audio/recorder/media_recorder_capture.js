// Where a browser does not hand out a microphone's samples: one MediaRecorder a stretch, its packets cut as ours are.

import { Contiguity } from "./contiguity.js";
import { OPUS_RATE } from "./ogg.js";
import { PageCapture } from "./page_capture.js";
import { BITS_PER_SECOND } from "./stretch_encoder.js";
import { Tape, toNanoseconds } from "./tape.js";
import { WebmReader } from "./webm.js";

export const WEBM = "audio/webm;codecs=opus";
const PIECE_MS = 250;

export class MediaRecorderCapture extends PageCapture {
  recorder = null;
  tape = null;

  get total() {
    return this.tape?.index ?? 0;
  }

  prepare() {
    this.tape = new Tape({
      chunkSeconds: this.settings.chunkSeconds,
      channels: this.settings.channels,
      inputRate: OPUS_RATE,
      from: this.settings.from,
      onChunk: (chunk) => this.tell("chunk", { chunk: { ...chunk, capturedAt: new Date().toISOString() } }),
    });
  }

  beginStretch() {
    this.tape.begin(this.takePlace());
    const reader = new WebmReader();
    const contiguity = new Contiguity({ rate: OPUS_RATE });
    const recorder = new MediaRecorder(this.stream, {
      mimeType: WEBM,
      audioBitsPerSecond: BITS_PER_SECOND[this.settings.channels],
    });
    this.recorder = recorder;
    this.kept = null;
    this.lastSoundAt = performance.now();
    this.reading = Promise.resolve();
    this.ended = new Promise((resolve) => {
      recorder.onstop = () => {
        resolve();
        this.inTurn(() => (this.recorder === recorder ? this.startAgain() : null));
      };
    });
    recorder.ondataavailable = ({ data }) => {
      this.reading = this.reading
        .then(async () => this.#read(reader.read(new Uint8Array(await data.arrayBuffer())), contiguity))
        .catch((error) => this.troubled(error));
    };
    recorder.start(PIECE_MS);
  }

  async endStretch() {
    if (this.recorder === null) return;
    if (this.recorder.state !== "inactive") this.recorder.stop();
    await this.ended;
    await this.reading;
    this.recorder = null;
    const line = this.tape.finish();
    this.left = { line, clock: Date.now() };
    this.tell("open", { open: null, left: this.left, drift: 0 });
  }

  secondsNow() {
    if (this.recorder === null) return null;
    const { startTime, packets, preSkip } = this.tape.open();
    const held = packets.reduce((sum, packet) => sum + packet.samples, 0);
    return toNanoseconds(startTime + Math.max(0, held - preSkip) / OPUS_RATE);
  }

  #read(packets, contiguity) {
    if (packets.length) this.lastSoundAt = performance.now();
    const samples = packets.reduce((sum, packet) => sum + packet.samples, 0);
    const missing = contiguity.arrived(samples, { now: performance.now() / 1000, wall: Date.now() / 1000 });
    if (missing > 0) {
      const { from, to } = this.tape.leap(missing);
      this.tell("trouble", { name: "missing", start: from, end: to });
    }
    for (const packet of packets) this.tape.add(packet);
    this.#keepOpen();
  }

  #keepOpen() {
    const open = this.tape.open();
    const known = open.index === this.kept?.index ? this.kept.packets : 0;
    if (open.packets.length === known) return;
    this.kept = { index: open.index, packets: open.packets.length };
    const { channels } = this.settings;
    this.tell("open", {
      open: { ...open, part: known, packets: open.packets.slice(known), channels, inputRate: OPUS_RATE },
      left: { line: open.endTime, clock: Date.now() },
    });
  }
}
