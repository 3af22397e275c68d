// One recording from its first sample to its last acknowledged chunk: capture → keep → send.
//
// 1. `listen` opens the microphone and shows its level; nothing is recorded yet.
// 2. `start` makes the session, here first and on the server as soon as it can be reached.
// 3. Each chunk that capture cuts is kept on this device, then sent; each loss of sound is noted for the manifest.
// 4. `stop` tells how many chunks there are; the sender goes on until the server has them all.
//
// Events: change · level · session (detail: the server's JSON) · chunkstored (detail.chunkIndex, detail.chunk) ·
// recordingstart · recordingstop · recordererror (detail.message, detail.goesOn) · done (detail: the session).

import { captureBy } from "./capture.js";
import { hexadecimal, sha256 } from "./digest.js";
import { holdSession, keepAwake } from "./holding.js";
import { openMicrophone, openSharedSound } from "./microphone.js";
import { OPUS_RATE } from "./ogg.js";
import { Sender } from "./sending.js";
import { SessionServer } from "./server.js";
import { rescued, toNanoseconds } from "./tape.js";

const OPUS_TYPE = "audio/ogg";
const LOOK_FOR_MICROPHONE_MS = 2_000;
/** Breaks shorter than this, in seconds, come of starting a device and are no news. */
const SHORTEST_GAP = 0.001;
const LOW_STORAGE_BYTES = 100 * 2 ** 20;
const TELL_OF_LOSS_MS = 20_000;
const REASONS = {
  lost: "The microphone went away",
  changed: "Another microphone was chosen",
  interrupted: "The page was closed or reloaded",
  muted: "The system muted the microphone",
  zeros: "The microphone gave nothing but zeros",
  missing: "Sound from the microphone did not arrive",
  encoder: "The sound could not be encoded",
  shared_ended: "The shared sound ended",
};

export class Recording extends EventTarget {
  /**
   * `server`: {base, csrfToken?, token?}. `method`: what `probe` found. `session`: one that is kept here already, to
   * go on with, or {id} for one that exists on the server only.
   */
  constructor({ server, keeping, method, chunkSeconds, userId = null, session = null, release = null }) {
    super();
    Object.assign(this, { serverOptions: server, keeping, method, chunkSeconds, userId, release });
    this.session = session ?? { id: crypto.randomUUID() };
    /** Made elsewhere, and not kept here yet. */
    this.isOfServer = session !== null && session.nextIndex === undefined;
    this.phase = "idle";
    this.seconds = session?.left?.line ?? 0;
    this.tracks = [];
    /** What is wrong with the sound now, by name. */
    this.troubles = new Set();
    /** Cut, and on the way to being kept: index → chunk. */
    this.recorded = new Map();
    this.storedCount = 0;
    this.sender = null;
    /** The break that goes on now: {start, cause, reason}; its end is the next stretch's beginning. */
    this.gap = null;
    /** Stretches of the line on which something was amiss although it ran on: name → start. */
    this.amiss = new Map();
    this.why = null;
    this.endSharing = null;
    /** Timers of what is told for a while only, by name. */
    this.forgetting = new Map();
    this.keepingTurn = Promise.resolve();
    this.onDeviceChange = () => this.#findMicrophone();
  }

  get id() {
    return this.session.id;
  }

  get isRunning() {
    return ["recording", "paused", "stopping"].includes(this.phase);
  }

  get channels() {
    return this.tracks.length > 1 ? 2 : 1;
  }

  /** Open the microphone, and the shared sound beside it. Raises what the browser raises. */
  async listen({ deviceId = "", raw = false, shared = false } = {}) {
    const [before, known = null] = this.tracks;
    this.wanted = { deviceId, raw };
    // Asked for first: it needs the click that led here.
    const client = shared ? (known ?? (await this.#share())) : null;
    if (client === null) this.#endSharing();
    const microphone = await openMicrophone(this.wanted).catch((error) => {
      if (known === null) this.#endSharing();
      throw error;
    });
    before?.stop();
    this.#use(client ? [microphone, client] : [microphone]);
    if (this.phase === "idle") {
      this.phase = "ready";
      this.capture ??= captureBy(this.method.name, (message) => this.#hear(message));
      this.capture.listen(this.tracks);
      navigator.mediaDevices.addEventListener("devicechange", this.onDeviceChange);
    } else {
      this.why = "changed";
      this.capture.change(this.tracks);
    }
    this.#changed();
    return client !== null || !shared;
  }

  /** Begin. `consent`: {given, by, wording, at} when it was asked for; `call`: what is known of the call. */
  async start({ consent = null, call = null, metadata = {} } = {}) {
    if (!(await this.#hold())) return this.#fail("This recording goes on in another tab.");
    if (this.session.nextIndex === undefined) {
      if (!(await this.#makeSession({ call, metadata }))) return null;
    } else {
      this.#goOn();
    }
    if (this.sender === null) await this.startSending();
    if (consent) await this.sender.note("consent", consent);
    if (this.gap) await this.sender.note("gaps", this.gap);
    const { channels, nextIndex, samples, left } = this.session;
    this.capture.begin({ chunkSeconds: this.chunkSeconds, channels, from: { index: nextIndex, samples }, left });
    this.phase = "recording";
    this.letSleep = keepAwake();
    this.#emit("recordingstart", { sessionId: this.id });
    return this.#changed();
  }

  pause(reason) {
    if (this.phase !== "recording") return;
    this.phase = "paused";
    if (this.troubles.has("lost")) return this.#changed();
    this.gap = { cause: "pause", reason };
    this.capture.pause();
    this.#changed();
  }

  resume() {
    if (this.phase !== "paused") return;
    this.phase = "recording";
    if (!this.troubles.has("lost")) this.capture.resume();
    this.#changed();
  }

  async stop() {
    if (!["recording", "paused"].includes(this.phase)) return;
    this.phase = "stopping";
    this.#changed();
    const { total, line } = await this.#stopCapture();
    for (const name of this.amiss.keys()) this.#amissEnded(name);
    if (this.gap) await this.sender.note("gaps", { ...this.gap, end: Math.max(this.gap.start, this.#lineNow(line)) });
    this.gap = null;
    await this.finish(total);
    this.#emit("recordingstop", { sessionId: this.id, totalChunks: total });
  }

  /** There will be no more than `total` chunks; the sender sees to the rest. */
  async finish(total = this.session.nextIndex) {
    this.phase = "stopped";
    await this.keeping.updateSession(this.id, { total });
    this.sender.finish(total);
    this.#changed();
  }

  /** Let go of the microphone without having recorded. */
  close() {
    for (const track of this.tracks) track.stop();
    this.#endSharing();
    if (this.phase === "ready") this.capture.stop();
    navigator.mediaDevices?.removeEventListener("devicechange", this.onDeviceChange);
  }

  /** Send what is kept of this session, also without recording. */
  async startSending() {
    this.sender = new Sender({
      session: this.session,
      server: this.#server(),
      keeping: this.keeping,
      onChange: () => this.#changed(),
      onSession: (session) => this.#emit("session", session),
      onStored: (chunk) => {
        this.storedCount += 1;
        this.#emit("chunkstored", { chunkIndex: chunk.chunk_index, chunk });
      },
      onDone: (session) => {
        this.release?.();
        this.#emit("done", session);
        this.#changed();
      },
    });
    await this.sender.start();
  }

  /** After a reload or a crash. What was lost of the sound is the time since then, and is written down as a pause. */
  #goOn() {
    if (this.session.left) this.gap = { start: this.session.left.line, cause: "pause", reason: REASONS.interrupted };
  }

  async #hold() {
    this.release ??= await holdSession(this.id);
    return this.release !== null;
  }

  async #makeSession({ call, metadata }) {
    const { name, exact } = this.method;
    const settings = this.tracks[0].getSettings();
    const recorder = {
      method: name,
      exact_joins: exact,
      chunk_seconds: this.chunkSeconds,
      microphone_rate: settings.sampleRate ?? null,
      echo_cancellation: settings.echoCancellation ?? null,
      noise_suppression: settings.noiseSuppression ?? null,
      browser: navigator.userAgent.slice(0, 255),
    };
    const reached = this.isOfServer ? await this.#reached() : { nextIndex: 0, samples: 0, left: null };
    if (reached === null) return false;
    this.session = {
      ...this.session,
      userId: this.userId,
      created: this.isOfServer,
      channels: this.channels,
      metadata: { ...metadata, recorder },
      call,
      ...reached,
      total: null,
      startedAt: new Date().toISOString(),
    };
    await this.keeping.addSession(this.session);
    return true;
  }

  /** How far a session has come that exists on the server: others may have recorded into it. */
  async #reached() {
    const server = this.#server();
    if (!server.token) await server.renew();
    const { status, chunks } = await server.chunks();
    if (status !== 200) {
      this.#fail("The server does not let this page record: its token is not good for this session.");
      return null;
    }
    const last = chunks.reduce((one, other) => (other.chunk_index > (one?.chunk_index ?? -1) ? other : one), null);
    if (last === null) return { nextIndex: 0, samples: 0, left: null };
    const left = { line: last.end_time_seconds, clock: Date.now() };
    return { nextIndex: last.chunk_index + 1, samples: (last.last_sample ?? -1) + 1, left };
  }

  #server() {
    const { base, csrfToken, token } = this.serverOptions;
    return new SessionServer({
      base,
      csrfToken,
      sessionId: this.id,
      token: this.session.token ?? token ?? null,
      onToken: (fresh) => {
        this.session.token = fresh;
        this.keeping.updateSession(this.id, { token: fresh });
      },
    });
  }

  async #share() {
    const { sound, end } = await openSharedSound();
    this.endSharing = end;
    return sound;
  }

  #endSharing() {
    this.endSharing?.();
    this.endSharing = null;
  }

  #use(tracks) {
    this.tracks = tracks;
    tracks[0].onmute = () => this.#amissBegan("muted");
    tracks[0].onunmute = () => this.#amissEnded("muted");
    this.troubles.delete("lost");
  }

  // --- What capture tells ---

  #hear(message) {
    switch (message.says) {
      case "level":
        this.peaks = message.peaks;
        if (message.seconds !== null) this.seconds = message.seconds;
        return this.#emit("level", { peaks: this.peaks, seconds: this.seconds });
      case "chunk":
        this.recorded.set(message.chunk.index, message.chunk);
        this.keepingTurn = this.keepingTurn.then(() => this.#keep(message.chunk));
        return this.#changed();
      case "open":
        this.keepingTurn = this.keepingTurn.then(() => this.#keepOpen(message));
        return null;
      case "stretch":
        return this.#stretchBegan(message);
      case "paused":
        return this.#brokeOff(message.line);
      case "stopped":
        return this.stopped?.(message);
      case "trouble":
        return this.#beTroubled(message);
      default:
        return null;
    }
  }

  async #keep(chunk) {
    const facts = await keepChunk(this.keeping, this.id, chunk);
    Object.assign(this.session, { nextIndex: chunk.index + 1, samples: chunk.end ?? 0 });
    this.recorded.delete(chunk.index);
    this.troubles.delete("storage");
    if (facts.isOnlyInMemory || (await isStorageLow())) this.troubles.add("storage");
    this.sender.add(facts);
  }

  async #keepOpen({ open, left, drift }) {
    this.session.left = left;
    if (Math.abs(drift ?? 0) > 300) this.troubles.add("drift");
    try {
      if (open) await this.keeping.addOpen(this.id, open, left);
      else {
        await this.keeping.clearOpen(this.id);
        await this.keeping.updateSession(this.id, { left });
      }
    } catch {
      // The whole chunk will be kept, or said to be in memory only.
    }
  }

  #stretchBegan({ start, from }) {
    // One without a start, a pause that was asked for, has yet to begin.
    const hasBegun = this.gap?.start !== undefined;
    const gap = hasBegun ? this.gap : { start: from, cause: "device", reason: REASONS[this.why ?? "changed"] };
    if (hasBegun) this.gap = null;
    this.why = null;
    if (start - gap.start > SHORTEST_GAP) this.sender.note("gaps", { ...gap, end: start });
  }

  /** Nothing is captured from `line` on. */
  #brokeOff(line) {
    this.gap = { ...this.gap, start: line };
    this.seconds = line;
    this.sender.note("gaps", this.gap);
    this.#changed();
  }

  #beTroubled({ name, start, end, isBreak, channel, message }) {
    if (name === "ended") {
      if (channel === 1) this.#amissBegan("shared_ended");
      else this.#lose();
    } else if (name === "missing") {
      // Where it begins a new stretch, that stretch's beginning is the end of the gap.
      if (isBreak) this.why = "missing";
      else this.sender.note("gaps", { start, end, cause: "device", reason: REASONS.missing });
      this.#tellForAWhile("missing");
    } else if (name === "zeros_began") {
      this.#amissBegan("zeros", start);
    } else if (name === "zeros_ended") {
      this.#amissEnded("zeros", end);
    } else if (name === "flowing") {
      this.troubles.delete("stalled");
    } else if (name === "encoder") {
      this.why = "encoder";
      if (!this.troubles.has("encoder")) this.#fail(`The sound could not be encoded: ${message}`, { goesOn: true });
      this.#tellForAWhile("encoder");
    } else this.troubles.add(name);
    this.#changed();
  }

  /** What was lost is over, but one should hear of it. */
  #tellForAWhile(name) {
    this.troubles.add(name);
    clearTimeout(this.forgetting.get(name));
    const forget = () => {
      this.troubles.delete(name);
      this.#changed();
    };
    this.forgetting.set(name, setTimeout(forget, TELL_OF_LOSS_MS));
  }

  #amissBegan(name, start = this.seconds) {
    this.troubles.add(name);
    if (this.phase === "recording") this.amiss.set(name, toNanoseconds(start));
    this.#changed();
  }

  #amissEnded(name, end = this.seconds) {
    const start = this.amiss.get(name);
    this.amiss.delete(name);
    this.troubles.delete(name);
    const gap = { start, end: toNanoseconds(end), cause: "device", reason: REASONS[name] };
    if (start !== undefined && gap.end > start) this.sender.note("gaps", gap);
    this.#changed();
  }

  // --- A microphone that goes and comes ---

  #lose() {
    if (this.phase === "stopped" || this.phase === "stopping") return;
    this.troubles.add("lost");
    if (this.phase === "recording") {
      this.gap = { cause: "device", reason: REASONS.lost };
      this.capture.pause();
    }
    this.#findMicrophone();
  }

  async #findMicrophone() {
    clearTimeout(this.looking);
    if (!this.troubles.has("lost") || this.phase === "stopped") return this.#changed();
    let microphone;
    try {
      // Whichever there is: one that was chosen may be the one that went away.
      microphone = await openMicrophone({ ...this.wanted, deviceId: "" });
    } catch {
      this.looking = setTimeout(() => this.#findMicrophone(), LOOK_FOR_MICROPHONE_MS);
      return null;
    }
    if (!this.troubles.has("lost")) return microphone.stop();
    this.#use([microphone, ...this.tracks.slice(1)]);
    this.capture.change(this.tracks);
    if (this.phase === "recording") this.capture.resume();
    return this.#changed();
  }

  #stopCapture() {
    const stopped = new Promise((resolve) => {
      this.stopped = resolve;
    });
    this.capture.stop();
    return stopped.then(async (message) => {
      await this.keepingTurn;
      this.close();
      this.letSleep();
      return message;
    });
  }

  #lineNow(line) {
    const { left } = this.session;
    return left ? toNanoseconds(left.line + (Date.now() - left.clock) / 1000) : line;
  }

  #fail(message, { goesOn = false } = {}) {
    this.#emit("recordererror", { message, goesOn });
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  #changed() {
    this.#emit("change");
  }
}

/** Put a chunk that was cut into what is kept. Returns what is known of it. */
async function keepChunk(keeping, sessionId, { body, ...chunk }) {
  const facts = {
    sessionId,
    index: chunk.index,
    first: chunk.first,
    end: chunk.end,
    rate: chunk.first === null ? null : OPUS_RATE,
    startTime: chunk.startTime,
    size: body.length,
    digest: hexadecimal(await sha256(body)),
    capturedAt: chunk.capturedAt,
    contentType: chunk.contentType ?? OPUS_TYPE,
  };
  const next = { nextIndex: chunk.index + 1, samples: chunk.end ?? 0 };
  // A crash from here on begins where this chunk ends.
  if (facts.rate) next.left = { line: endOf(chunk), clock: Date.parse(chunk.capturedAt) };
  const isOnlyInMemory = !(await keeping.addChunk(facts, body, next));
  return { ...facts, isOnlyInMemory };
}

/** The second of the line at which a chunk ends. */
function endOf(chunk) {
  return toNanoseconds(chunk.startTime + (chunk.end - chunk.first) / OPUS_RATE);
}

async function isStorageLow() {
  const { quota, usage } = (await navigator.storage?.estimate?.().catch(() => null)) ?? {};
  return quota !== undefined && quota - usage < LOW_STORAGE_BYTES;
}

/**
 * What earlier visits left on this device and no other tab has: sessions with the chunk that was being filled made
 * whole, each {session, release}.
 */
export async function leftBehind(keeping, { userId }) {
  const found = [];
  for (const session of await keeping.sessions()) {
    if (session.userId !== userId) continue;
    const release = await holdSession(session.id);
    if (release === null) continue;
    const rescuedSession = await rescue(keeping, session);
    if (rescuedSession.nextIndex === 0) await dropEmpty(keeping, rescuedSession);
    if (rescuedSession.nextIndex === 0 && !rescuedSession.created) release();
    else found.push({ session: rescuedSession, release });
  }
  return found;
}

/** Nothing was heard in it: there is nothing to go on with, and the server is told so if it knows of it. */
async function dropEmpty(keeping, session) {
  session.total ??= 0;
  if (session.created) await keeping.updateSession(session.id, { total: 0 });
  else await keeping.forgetSession(session.id);
}

async function rescue(keeping, session) {
  for (const open of await keeping.openChunks(session.id)) {
    const chunk = open.index >= session.nextIndex ? rescued(open) : null;
    if (chunk === null) continue;
    const capturedAt = new Date(session.left.clock).toISOString();
    await keepChunk(keeping, session.id, { ...chunk, capturedAt });
    const line = endOf(chunk);
    const clock = session.left.clock - (session.left.line - line) * 1000;
    Object.assign(session, { nextIndex: chunk.index + 1, samples: chunk.end, left: { line, clock } });
    await keeping.updateSession(session.id, { left: session.left });
  }
  await keeping.clearOpen(session.id);
  return session;
}
