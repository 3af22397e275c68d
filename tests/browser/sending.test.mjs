import assert from "node:assert/strict";
import { test } from "node:test";

import { LONGEST_WAIT_MS } from "../../audio/static/audio/connection.js";
import { MemoryKeeping } from "../../audio/static/audio/recorder/memory.js";
import { Sender } from "../../audio/static/audio/recorder/sending.js";

const STORED = (chunk) => ({ status: 201, answer: { chunk_index: chunk.index, checksum: chunk.digest }, retryAfter: 0 });
const FAILED = { status: 503, answer: {}, retryAfter: 0 };
const REFUSED = { status: 401, answer: {}, retryAfter: 0 };

/** A world whose clock stands still until it is moved. */
class World {
  constructor() {
    this.now = 0;
    this.timers = new Map();
    this.navigator = { onLine: true };
    this.Date = { now: () => this.now };
  }

  setTimeout = (act, wait) => {
    const id = Symbol("timer");
    this.timers.set(id, { act, at: this.now + wait });
    return id;
  };

  clearTimeout = (id) => this.timers.delete(id);

  async pass(milliseconds) {
    this.now += milliseconds;
    for (const [id, { act, at }] of [...this.timers]) {
      if (at > this.now) continue;
      this.timers.delete(id);
      act();
    }
    await settled();
  }
}

/** Answers as it is told to, and remembers what it was asked. */
class Server {
  constructor(answers = {}) {
    this.token = "token";
    this.asked = [];
    this.answers = answers;
  }

  async #answer(name, value, usual) {
    this.asked.push([name, value]);
    const answer = this.answers[name];
    const given = typeof answer === "function" ? answer(value) : answer;
    if (given instanceof Error) throw given;
    return given ?? usual;
  }

  create = (session) => this.#answer("create", session, { status: 201, answer: { id: "s" }, retryAfter: 0 });
  renew = () => this.#answer("renew", null, { status: 200, answer: { token: "fresh" }, retryAfter: 0 });
  putChunk = (chunk) => this.#answer("chunk", chunk.index, STORED(chunk));
  tell = (kind, values) => this.#answer(kind, values, { status: 200, answer: {}, retryAfter: 0 });
  complete = (total) => this.#answer("complete", total, { status: 200, answer: { id: "s" }, retryAfter: 0 });

  of(name) {
    return this.asked.filter(([asked]) => asked === name).map(([, value]) => value);
  }
}

async function senderWith({ answers = {}, created = true, chunks = [], online = true } = {}) {
  const keeping = new MemoryKeeping();
  const world = new World();
  world.navigator.onLine = online;
  const server = new Server(answers);
  const session = { id: "s", created, total: null, channels: 1, metadata: {} };
  await keeping.addSession(session);
  for (const index of chunks) await keeping.addChunk(chunkOf(index), new Uint8Array([index]), {});
  const done = [];
  const stored = [];
  const sender = new Sender({
    session,
    server,
    keeping,
    world,
    random: () => 1,
    onDone: (told) => done.push(told),
    onStored: (chunk) => stored.push(chunk.chunk_index),
  });
  await sender.start();
  await settled();
  return { sender, keeping, world, server, done, stored };
}

const chunkOf = (index) => ({ sessionId: "s", index, digest: `digest-${index}` });
const settled = () => new Promise((resolve) => setImmediate(() => setImmediate(() => setImmediate(resolve))));

test("the session is made before its first chunk is sent", async () => {
  const { server } = await senderWith({ created: false, chunks: [0] });
  assert.deepEqual(server.asked.map(([name]) => name), ["create", "chunk"]);
});

test("a chunk is removed once it is acknowledged with the same digest", async () => {
  const { keeping, stored } = await senderWith({ chunks: [0, 1] });
  assert.deepEqual(stored, [0, 1]);
  assert.deepEqual(await keeping.chunks("s"), []);
});

test("an acknowledgement of other bytes removes nothing", async () => {
  const { sender, keeping } = await senderWith({ chunks: [0], answers: { chunk: { status: 200, answer: { checksum: "other" }, retryAfter: 0 } } });
  assert.equal((await keeping.chunks("s")).length, 1);
  assert.match(sender.chunks.get(0).trouble, /does not fit/);
});

test("it is tried for ever, later each time up to half a minute", async () => {
  const { world, server, keeping } = await senderWith({ chunks: [0], answers: { chunk: new TypeError("no network") } });
  const waits = [];
  for (let attempt = 1; attempt < 12; attempt += 1) {
    const begun = world.now;
    while (server.of("chunk").length === attempt) await world.pass(500);
    waits.push(world.now - begun);
  }
  assert.deepEqual(waits.slice(0, 6), [1000, 2000, 4000, 8000, 16000, 30000]);
  assert.ok(waits.slice(6).every((wait) => wait === LONGEST_WAIT_MS));
  assert.equal((await keeping.chunks("s")).length, 1);
});

test("several are under way at once, the oldest first, and what fails holds them all up", async () => {
  const { server } = await senderWith({ chunks: [0, 1, 2, 3, 4], answers: { chunk: FAILED } });
  assert.deepEqual(server.of("chunk"), [0, 1, 2]);
});

test("nothing is sent while offline", async () => {
  const { sender, server, world, stored } = await senderWith({ chunks: [0], online: false });
  assert.deepEqual(server.asked, []);
  assert.equal(sender.trouble, "offline");
  world.navigator.onLine = true;
  sender.hurry();
  await settled();
  assert.deepEqual(stored, [0]);
});

test("a server that says how long to wait is heeded", async () => {
  let isBusy = true;
  const busy = (index) => (isBusy ? { status: 429, answer: {}, retryAfter: 20 } : STORED(chunkOf(index)));
  const { world, server, stored } = await senderWith({ chunks: [0], answers: { chunk: busy } });
  isBusy = false;
  await world.pass(19_000);
  assert.equal(server.of("chunk").length, 1);
  await world.pass(1_000);
  assert.deepEqual(stored, [0]);
});

for (const status of [404, 410]) {
  test(`a recording that takes nothing any more (${status}) is said to be gone, and nothing is thrown away`, async () => {
    const { sender, keeping } = await senderWith({ chunks: [0], answers: { chunk: { status, answer: {}, retryAfter: 0 } } });
    assert.equal(sender.trouble, "gone");
    assert.equal((await keeping.chunks("s")).length, 1);
  });
}

test("a token that expired is renewed once, whoever noticed", async () => {
  let isFresh = false;
  const answers = {
    chunk: (index) => (isFresh ? STORED(chunkOf(index)) : REFUSED),
    renew: () => {
      isFresh = true;
      return { status: 200, answer: { token: "fresh" }, retryAfter: 0 };
    },
  };
  const { sender, server, stored } = await senderWith({ chunks: [0, 1, 2], answers });
  assert.equal(server.of("renew").length, 1);
  assert.deepEqual(stored.sort(), [0, 1, 2]);
  assert.equal(sender.trouble, null);
});

test("a token that is refused again is not asked for without end", async () => {
  const { sender, server } = await senderWith({ chunks: [0], answers: { chunk: REFUSED } });
  assert.equal(sender.trouble, "signed_out");
  assert.ok(server.of("renew").length <= 2);
});

test("a chunk that is not taken stays here and holds up no other", async () => {
  const conflict = { status: 409, answer: { error: { code: "conflict", message: "Other bytes are there." } }, retryAfter: 0 };
  const answers = { chunk: (index) => (index === 0 ? conflict : STORED(chunkOf(index))) };
  const { sender, stored, keeping } = await senderWith({ chunks: [0, 1], answers });
  assert.deepEqual(stored, [1]);
  assert.equal(sender.chunks.get(0).trouble, "Other bytes are there.");
  assert.equal((await keeping.chunks("s")).length, 1);
});

test("without consent it waits, and says so", async () => {
  const refused = { status: 409, answer: { error: { code: "consent_required" } }, retryAfter: 0 };
  const { sender } = await senderWith({ chunks: [0], answers: { chunk: refused } });
  assert.equal(sender.trouble, "consent");
});

test("gaps are told in order, before the sound that follows, and kept until they are", async () => {
  const { sender, server, keeping, world } = await senderWith({ answers: { gaps: FAILED } });
  await sender.note("gaps", { start: 1 });
  await sender.note("gaps", { start: 1, end: 2 });
  await settled();
  assert.equal((await keeping.notes("s")).length, 2);
  delete server.answers.gaps;
  await world.pass(LONGEST_WAIT_MS);
  assert.deepEqual(server.of("gaps").slice(-2), [{ start: 1 }, { start: 1, end: 2 }]);
  assert.deepEqual(await keeping.notes("s"), []);
});

test("once all is there the server is told the total, and nothing is kept any more", async () => {
  const { sender, server, keeping, done } = await senderWith({ chunks: [0, 1] });
  sender.finish(2);
  await settled();
  assert.deepEqual(server.of("complete"), [2]);
  assert.deepEqual(await keeping.sessions(), []);
  assert.equal(done.length, 1);
});

test("the total is not told while a chunk is owed", async () => {
  const { sender, server } = await senderWith({ chunks: [0], answers: { chunk: FAILED } });
  sender.finish(1);
  await settled();
  assert.deepEqual(server.of("complete"), []);
});
