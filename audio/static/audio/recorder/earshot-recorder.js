// The recorder for any page: <earshot-recorder session-id="…" token="…">, and ChunkedAudioRecorder without a look.
// docs/recorder.md tells how to use them.

import { duration } from "../format.js";
import { probe } from "./capture.js";
import { Keeping } from "./keeping.js";
import { MemoryKeeping } from "./memory.js";
import { refusal } from "./microphone.js";
import { Recording } from "./recording.js";
import { lines } from "./words.js";

const HOME = new URL(import.meta.url).origin;
const PASSED_ON = ["recordingstart", "recordingstop", "chunkstored", "recordererror", "change", "level"];
const CHUNK_SECONDS = 30;

/**
 * Records into a session that exists on the server. Options: `token`, an upload token, without which only pages of
 * Earshot's own record; `server`, where this module came from when it is not given; `chunkSeconds`; `onChunkUploaded`.
 */
export class ChunkedAudioRecorder extends EventTarget {
  constructor(sessionId, { token = null, server = HOME, chunkSeconds = CHUNK_SECONDS, onChunkUploaded = null } = {}) {
    super();
    Object.assign(this, { sessionId, token, server, chunkSeconds });
    this.recording = null;
    if (onChunkUploaded) this.addEventListener("chunkstored", ({ detail }) => onChunkUploaded(detail.chunkIndex));
  }

  /** Resolves once sound is recorded; raises an Error whose message says what to do when it is not. */
  async startRecording({ shared = false, raw = false } = {}) {
    const keeping = await Keeping.ofBrowser().catch(() => new MemoryKeeping());
    const method = await probe();
    if (method.name === null) throw new Error("This browser cannot record. Use a current Chrome, Edge, Firefox or Safari.");
    if (shared && !method.hasBothSides) throw new Error("Both sides can be recorded only by Chrome or Edge on a computer.");
    const kept = (await keeping.sessions()).find((session) => session.id === this.sessionId);
    this.recording = new Recording({
      server: { base: this.server, token: this.token, ...this.#cookieProof() },
      keeping,
      method,
      chunkSeconds: this.chunkSeconds,
      userId: kept?.userId ?? null,
      session: kept ?? { id: this.sessionId },
    });
    for (const name of PASSED_ON) {
      this.recording.addEventListener(name, ({ detail }) => this.dispatchEvent(new CustomEvent(name, { detail })));
    }
    await this.recording.listen({ shared, raw }).catch((error) => {
      throw new Error(refusal(error), { cause: error });
    });
    await this.recording.start();
  }

  pauseRecording(reason = "Paused") {
    this.recording?.pause(reason);
  }

  resumeRecording() {
    this.recording?.resume();
  }

  /** Resolves once all is kept on this device; sending goes on until the server has it. */
  async stopRecording() {
    await this.recording?.stop();
  }

  #cookieProof() {
    if (this.token || this.server !== location.origin) return {};
    return { csrfToken: () => /(?:^|; )csrftoken=([^;]+)/.exec(document.cookie)?.[1] ?? "" };
  }
}

const STYLE = `
  :host { display: inline-grid; grid-template-columns: auto auto minmax(0, 1fr); gap: 4px 12px; align-items: center;
    font: 14px/1.5 system-ui, "Segoe UI", Inter, sans-serif; font-variant-numeric: tabular-nums; }
  :host([hidden]) { display: none; }
  button { min-height: 36px; padding: 0 14px; border: 1px solid; border-radius: 6px; background: none; color: inherit;
    font: inherit; font-weight: 500; cursor: pointer; }
  button:disabled { opacity: 0.6; cursor: default; }
  button:focus-visible { outline: 2px solid; outline-offset: 2px; }
  .time { font-weight: 600; }
  .status { grid-column: 1 / 4; margin: 0; overflow-wrap: anywhere; }
`;

export class EarshotRecorder extends HTMLElement {
  constructor() {
    super();
    const shadow = this.attachShadow({ mode: "open" });
    const style = new CSSStyleSheet();
    style.replaceSync(STYLE);
    shadow.adoptedStyleSheets = [style];
    shadow.append(
      this.#made("button", { type: "button", part: "button", textContent: "Start recording" }),
      this.#made("button", { type: "button", part: "pause", textContent: "Pause recording", hidden: true }),
      this.#made("span", { className: "time", part: "time", textContent: duration(0) }),
      this.#made("p", { className: "status", part: "status", role: "status" }),
    );
    [this.main, this.pause, this.time, this.status] = shadow.children;
    this.main.addEventListener("click", () => (this.#isRunning ? this.stopRecording() : this.startRecording()));
    this.pause.addEventListener("click", () => {
      if (this.recorder.recording.phase === "paused") this.resumeRecording();
      else this.pauseRecording();
    });
    this.recorder = null;
  }

  connectedCallback() {
    this.#show();
  }

  /** Taken out of the page, and not only moved in it: nobody could see any more that the microphone is on. */
  disconnectedCallback() {
    setTimeout(() => {
      if (!this.isConnected) this.stopRecording();
    });
  }

  async startRecording() {
    if (this.#isRunning) return;
    this.main.disabled = true;
    this.recorder = new ChunkedAudioRecorder(this.getAttribute("session-id"), {
      token: this.getAttribute("token"),
      server: this.getAttribute("server") ?? HOME,
      chunkSeconds: Number(this.getAttribute("chunk-seconds")) || CHUNK_SECONDS,
    });
    for (const name of ["recordingstart", "recordingstop", "chunkstored", "recordererror"]) {
      this.recorder.addEventListener(name, ({ detail }) => this.#tell(name, detail));
    }
    for (const name of ["change", "level"]) this.recorder.addEventListener(name, () => this.#show());
    try {
      await this.recorder.startRecording({ shared: this.hasAttribute("shared"), raw: this.hasAttribute("raw") });
    } catch (error) {
      this.recorder = null;
      this.#tell("recordererror", { message: error.message, goesOn: false });
      this.status.textContent = error.message;
    }
    this.main.disabled = false;
    if (this.recorder) this.#show();
  }

  pauseRecording(reason) {
    this.recorder?.pauseRecording(reason);
  }

  resumeRecording() {
    this.recorder?.resumeRecording();
  }

  async stopRecording() {
    await this.recorder?.stopRecording();
  }

  get #isRunning() {
    return this.recorder?.recording?.isRunning ?? false;
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }

  #show() {
    const recording = this.recorder?.recording;
    const { phase = "idle", seconds = 0, troubles, sender = null, storedCount = 0, recorded } = recording ?? {};
    this.main.textContent = this.#isRunning ? "Stop recording" : "Start recording";
    this.pause.hidden = !["recording", "paused"].includes(phase);
    this.pause.textContent = phase === "paused" ? "Resume recording" : "Pause recording";
    this.time.textContent = duration(seconds);
    const [line] = lines({
      phase,
      troubles: troubles ?? [],
      chunks: [...(recorded?.values() ?? []), ...(sender?.chunks.values() ?? [])],
      trouble: sender?.isDone ? null : (sender?.trouble ?? null),
      stored: storedCount,
      isDone: sender?.isDone ?? false,
      chunkSeconds: this.recorder?.chunkSeconds ?? CHUNK_SECONDS,
    });
    // Told only when it differs: a screen reader would repeat it otherwise.
    if (this.status.textContent !== line.text) this.status.textContent = line.text;
  }

  #made(tag, { part, role, ...properties }) {
    const made = Object.assign(document.createElement(tag), properties);
    made.setAttribute("part", part);
    if (role) made.setAttribute("role", role);
    return made;
  }
}

if (!customElements.get("earshot-recorder")) customElements.define("earshot-recorder", EarshotRecorder);
