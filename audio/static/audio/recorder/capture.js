// How this browser records best: found by trying, not by its name.

import { MediaRecorderCapture, WEBM } from "./media_recorder_capture.js";
import { MP4, PieceCapture } from "./piece_capture.js";
import { opusSettings } from "./stretch_encoder.js";

/** Blocks of 10 ms: a worker that is held up for half a minute loses nothing. */
const BLOCKS_HELD = 3000;

/**
 * {name: "webcodecs" | "media_recorder" | "mp4" | null, words, exact, hasBothSides}: the first that works; whether it
 * can record a shared tab too. `without` leaves some out, for trying the others.
 */
export async function probe({ without = [] } = {}) {
  if (!without.includes("webcodecs") && "MediaStreamTrackProcessor" in globalThis && (await encodesOpus())) {
    const hasBothSides = "getDisplayMedia" in (navigator.mediaDevices ?? {});
    return { name: "webcodecs", exact: true, hasBothSides, words: "every sample counted (WebCodecs Opus)" };
  }
  const has = (type) => "MediaRecorder" in globalThis && MediaRecorder.isTypeSupported(type);
  if (!without.includes("media_recorder") && has(WEBM)) {
    return { name: "media_recorder", exact: true, hasBothSides: false, words: "every packet counted (MediaRecorder Opus)" };
  }
  if (has(MP4)) return { name: "mp4", exact: false, hasBothSides: false, words: "in separate files, a tenth of a second being lost between them (MPEG-4)" };
  return { name: null, exact: false, hasBothSides: false, words: "not possible in this browser" };
}

export function captureBy(name, onMessage) {
  if (name === "webcodecs") return new WorkerCapture({ onMessage });
  return name === "media_recorder" ? new MediaRecorderCapture({ onMessage }) : new PieceCapture({ onMessage });
}

async function encodesOpus() {
  if (!("AudioEncoder" in globalThis)) return false;
  const { supported } = await AudioEncoder.isConfigSupported(opusSettings({ rate: 48_000, channels: 1 })).catch(() => ({}));
  return supported === true;
}

class WorkerCapture {
  constructor({ onMessage }) {
    this.worker = workerOf(new URL("./capture_worker.js", import.meta.url));
    this.worker.onmessage = ({ data }) => {
      onMessage(data);
      if (data.says === "stopped") this.worker.terminate();
    };
    this.worker.onerror = (event) => onMessage({ says: "trouble", name: "encoder", message: event.message });
  }

  listen(tracks) {
    this.#hand("listen", tracks);
  }

  change(tracks) {
    this.#hand("change", tracks);
  }

  begin(settings) {
    this.worker.postMessage({ do: "begin", settings });
  }

  pause() {
    this.worker.postMessage({ do: "pause" });
  }

  resume() {
    this.worker.postMessage({ do: "resume" });
  }

  stop() {
    this.worker.postMessage({ do: "stop" });
  }

  #hand(act, tracks) {
    const readables = tracks.map(
      (track) => new MediaStreamTrackProcessor({ track, maxBufferSize: BLOCKS_HELD }).readable,
    );
    this.worker.postMessage({ do: act, readables }, readables);
  }
}

/** A page of another origin may not start a worker of ours, but one of its own that imports it. */
function workerOf(address) {
  if (address.origin === location.origin) return new Worker(address, { type: "module" });
  const source = new Blob([`import ${JSON.stringify(address.href)};`], { type: "text/javascript" });
  return new Worker(URL.createObjectURL(source), { type: "module" });
}
