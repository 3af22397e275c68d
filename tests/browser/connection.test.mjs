import assert from "node:assert/strict";
import { test } from "node:test";

import {
  ANSWER_WITHIN_MS,
  ATTEMPT_LATER,
  Connection,
  LONGEST_WAIT_MS,
  PING_EVERY_MS,
  PONG_WITHIN_MS,
  backoff,
} from "../../audio/static/audio/connection.js";

/** A clock that goes only when told. */
class World {
  now = 0;
  timers = new Map();
  next = 1;
  Date = { now: () => this.now };
  setTimeout = (act, ms) => {
    this.timers.set(this.next, { act, at: this.now + ms });
    return this.next++;
  };
  clearTimeout = (id) => this.timers.delete(id);

  pass(ms) {
    const until = this.now + ms;
    for (;;) {
      const due = [...this.timers].filter(([, { at }]) => at <= until).sort(([, one], [, other]) => one.at - other.at)[0];
      if (!due) break;
      this.timers.delete(due[0]);
      this.now = due[1].at;
      due[1].act();
    }
    this.now = until;
  }
}

class Socket {
  readyState = 1;
  sent = [];
  isClosed = false;
  send(text) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.isClosed = true;
  }
  say(frame) {
    this.onmessage({ data: JSON.stringify(frame) });
  }
}

function made({ why = null } = {}) {
  const world = new World();
  const [sockets, states, frames] = [[], [], []];
  const connection = new Connection({
    open: () => {
      sockets.push(new Socket());
      return sockets.at(-1);
    },
    onFrame: (frame) => frames.push(frame.type),
    onState: (state) => states.push(state.name),
    whyRefused: async () => why,
    world,
    random: () => 1,
  });
  connection.start();
  return { world, sockets, states, frames, connection };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("waits grow, are capped, and differ by chance", () => {
  assert.deepEqual([0, 1, 2, 3].map((attempt) => backoff(attempt, () => 1)), [1000, 2000, 4000, 8000]);
  assert.equal(backoff(4, () => 0), 8000);
  assert.equal(backoff(500, () => 1), LONGEST_WAIT_MS);
});

test("it is live once the server has said something", () => {
  const { sockets, states, frames } = made();
  assert.deepEqual(states, ["connecting"]);
  sockets[0].say({ type: "session" });
  assert.deepEqual([states, frames], [["connecting", "live"], ["session"]]);
});

test("a live socket is pinged, and a pong keeps it", () => {
  const { world, sockets, frames } = made();
  sockets[0].say({ type: "session" });
  world.pass(PING_EVERY_MS);
  assert.deepEqual(sockets[0].sent, [{ type: "ping" }]);
  sockets[0].say({ type: "pong" });
  world.pass(PING_EVERY_MS);
  assert.equal(sockets[0].sent.length, 2);
  assert.deepEqual([sockets[0].isClosed, frames], [false, ["session"]]);
});

test("a socket that does not answer its ping is given up", () => {
  const { world, sockets, states } = made();
  sockets[0].say({ type: "session" });
  world.pass(PING_EVERY_MS + PONG_WITHIN_MS);
  assert.equal(sockets[0].isClosed, true);
  assert.equal(states.at(-1), "waiting");
});

test("a socket that never says anything is given up", () => {
  const { world, sockets, states } = made();
  world.pass(ANSWER_WITHIN_MS);
  assert.deepEqual([sockets[0].isClosed, states.at(-1)], [true, "waiting"]);
});

test("it comes back by itself, each time later, and at once again after it was live", async () => {
  const { world, sockets, connection } = made();
  for (const wait of [1000, 2000, 4000]) {
    sockets.at(-1).onclose({ code: 1006 });
    await settled();
    assert.equal(connection.state.until - world.now, wait);
    world.pass(wait);
  }
  sockets.at(-1).say({ type: "session" });
  sockets.at(-1).onclose({ code: 1012 });
  assert.equal(connection.state.until - world.now, 1000);
});

test("it comes back later when the server says that it is too much, and asks nobody why", async () => {
  const { world, sockets, states, connection } = made({ why: "refused" });
  for (const attempt of [ATTEMPT_LATER, ATTEMPT_LATER + 1]) {
    sockets.at(-1).onclose({ code: 1013 });
    await settled();
    assert.deepEqual([states.at(-1), connection.state.until - world.now], ["waiting", backoff(attempt, () => 1)]);
    world.pass(backoff(attempt, () => 1));
  }
  assert.equal(sockets.length, 3);
});

test("who is signed out is told so and not tried again", async () => {
  const { world, sockets, states } = made({ why: "signed_out" });
  sockets[0].onclose({ code: 1006 });
  await settled();
  world.pass(LONGEST_WAIT_MS * 2);
  assert.deepEqual([states, sockets.length], [["connecting", "waiting", "signed_out"], 1]);
});

test("close codes tell what happened to a socket that was open", async () => {
  for (const [code, name] of [[4401, "signed_out"], [4403, "refused"], [4400, "bad_address"]]) {
    const { world, sockets, states } = made();
    sockets[0].say({ type: "session" });
    sockets[0].onclose({ code });
    world.pass(LONGEST_WAIT_MS);
    assert.deepEqual([states.at(-1), sockets.length], [name, 1]);
  }
});

test("whoever is in a hurry does not wait", async () => {
  const { world, sockets, connection, states } = made();
  sockets[0].onclose({ code: 1006 });
  connection.hurry();
  await settled();
  assert.deepEqual([sockets.length, states.at(-1)], [2, "connecting"]);
  world.pass(1000);
  assert.equal(sockets.length, 2);
});

test("a check finds out early that the other side is gone", () => {
  const { world, sockets, connection, states } = made();
  sockets[0].say({ type: "session" });
  connection.check();
  assert.deepEqual(sockets[0].sent, [{ type: "ping" }]);
  world.pass(PONG_WITHIN_MS);
  assert.equal(states.at(-1), "waiting");
});

test("what is sent while nothing is open is not sent later", () => {
  const { sockets, connection } = made();
  sockets[0].readyState = 0;
  connection.send({ type: "ping" });
  assert.deepEqual(sockets[0].sent, []);
});

test("a stopped connection stays silent", () => {
  const { world, sockets, connection } = made();
  sockets[0].say({ type: "session" });
  connection.stop();
  world.pass(PING_EVERY_MS * 5);
  assert.deepEqual([sockets.length, sockets[0].isClosed, sockets[0].sent], [1, true, []]);
});
