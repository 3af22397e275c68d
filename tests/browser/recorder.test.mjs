import assert from "node:assert/strict";
import { test } from "node:test";

import { Alignment } from "../../audio/static/audio/recorder/alignment.js";
import { checks } from "../../audio/static/audio/recorder/checks.js";
import { Contiguity, Silence, placeOfLoss } from "../../audio/static/audio/recorder/contiguity.js";
import { Cutter, PRE_ROLL } from "../../audio/static/audio/recorder/cutter.js";
import { contentDigest, hexadecimal, sha256 } from "../../audio/static/audio/recorder/digest.js";
import { openSharedSound, refusal } from "../../audio/static/audio/recorder/microphone.js";
import { LOOK_AHEAD, OPUS_RATE, oggOpus, packetSamples } from "../../audio/static/audio/recorder/ogg.js";
import { Tape, rescued, toNanoseconds } from "../../audio/static/audio/recorder/tape.js";
import { WebmReader } from "../../audio/static/audio/recorder/webm.js";
import { lines, verdictLine } from "../../audio/static/audio/recorder/words.js";

const PACKET = 960;
const SECOND = OPUS_RATE;

/** Packets of 20 ms; each holds its own number, so that one can tell which are where. */
function packets(number, from = 0) {
  return Array.from({ length: number }, (_, place) => ({ data: Uint8Array.of(0xf8, from + place), samples: PACKET }));
}

function pieces({ length, samples, number }) {
  const cut = [];
  const cutter = new Cutter({ length, onPiece: (piece) => cut.push(piece) });
  const whole = Math.floor(samples / PACKET);
  for (const packet of packets(whole)) cutter.add(packet);
  // The rest comes once it is known that no more is recorded: what was begun, and the silence after it.
  cutter.endAt(samples);
  for (const packet of packets(number - whole, whole)) cutter.add(packet);
  cutter.finish();
  return cut;
}

// --- Ogg ---

test("pages carry a checksum, the positions, and flags at the first and the last", () => {
  const file = oggOpus(packets(60), { channels: 1, preSkip: LOOK_AHEAD, inputRate: SECOND });
  const pages = pagesOf(file);
  assert.deepEqual(pages.map((page) => page.flags), [2, 0, 0, 4]);
  assert.deepEqual(pages.map((page) => page.granule), [0, 0, 50 * PACKET, 60 * PACKET]);
  assert.deepEqual(pages.map((page) => page.number), [0, 1, 2, 3]);
  assert.ok(pages.every((page) => page.isIntact));
});

test("a length that is told trims the last page", () => {
  const file = oggOpus(packets(3), { channels: 2, preSkip: LOOK_AHEAD, inputRate: SECOND, length: 2000 });
  assert.equal(pagesOf(file).at(-1).granule, LOOK_AHEAD + 2000);
});

test("packets past the end are left out, so that no page ends before the one in front of it", () => {
  const file = oggOpus(packets(51), { channels: 2, preSkip: LOOK_AHEAD, inputRate: SECOND, length: 49.5 * PACKET - LOOK_AHEAD });
  const granules = pagesOf(file).map((page) => page.granule);
  assert.deepEqual(granules, [0, 0, 49.5 * PACKET]);
});

test("packets longer than a lacing value can tell are laced", () => {
  const long = { data: new Uint8Array(600).fill(0xf8), samples: PACKET };
  const [, , page] = pagesOf(oggOpus([long], { channels: 1, preSkip: 0, inputRate: SECOND }));
  assert.deepEqual(page.lacing, [255, 255, 90]);
});

test("a packet says how long it is", () => {
  // CELT 20 ms, once and twice; SILK 60 ms; CELT 2.5 ms; three frames of 20 ms.
  const first = [[0xf8], [0xf9, 0], [0x18], [0xe0], [0xfb, 3]];
  assert.deepEqual(first.map((bytes) => packetSamples(Uint8Array.from(bytes))), [960, 1920, 2880, 120, 2880]);
});

// --- Cutting ---

test("each piece begins at the very sample where the one before it ended", () => {
  const cut = pieces({ length: SECOND, samples: 3.5 * SECOND, number: 177 });
  assert.deepEqual(cut.map(({ first, end }) => [first, end]), [
    [0, SECOND - LOOK_AHEAD],
    [SECOND - LOOK_AHEAD, 2 * SECOND - LOOK_AHEAD],
    [2 * SECOND - LOOK_AHEAD, 3 * SECOND - LOOK_AHEAD],
    [3 * SECOND - LOOK_AHEAD, 3.5 * SECOND],
  ]);
});

test("each piece but the first hides the packets that it takes from the one before", () => {
  const cut = pieces({ length: SECOND, samples: 2.5 * SECOND, number: 127 });
  assert.deepEqual(cut.map(({ preSkip }) => preSkip), [LOOK_AHEAD, PRE_ROLL, PRE_ROLL]);
  assert.deepEqual(cut.map((piece) => piece.packets[0].data[1]), [0, 50 - 32, 100 - 32]);
});

test("however many samples there are, all of them are in the pieces", () => {
  for (const over of [-960, -400, -312, -311, -1, 0, 1, 311, 312, 313, 959]) {
    const samples = 2 * SECOND + over;
    const cut = pieces({ length: SECOND, samples, number: Math.ceil(samples / PACKET) + 2 });
    assert.equal(cut[0].first, 0);
    assert.equal(cut.at(-1).end, samples);
    cut.slice(1).forEach((piece, place) => assert.equal(piece.first, cut[place].end));
  }
});

test("packets of 60 ms are rolled too, as many as it takes", () => {
  const cut = [];
  const cutter = new Cutter({ length: SECOND, onPiece: (piece) => cut.push(piece) });
  for (let place = 0; place < 40; place += 1) cutter.add({ data: Uint8Array.of(0x18), samples: 2880 });
  assert.ok(cut[1].preSkip >= PRE_ROLL && cut[1].preSkip % 2880 === 0);
  assert.equal(cut[1].first, cut[0].end);
});

test("nothing that was recorded makes no piece", () => {
  assert.deepEqual(pieces({ length: SECOND, samples: 0, number: 2 }), []);
});

// --- The tape ---

function tapeWith(chunks, from) {
  return new Tape({ chunkSeconds: 1, channels: 1, inputRate: SECOND, from, onChunk: (chunk) => chunks.push(chunk) });
}

function lay(tape, start, number) {
  tape.begin(start);
  for (const packet of packets(number)) tape.add(packet);
  tape.endAt(number * PACKET - 2 * PACKET);
  return tape.finish();
}

test("chunks and samples are numbered through a pause, which takes room on the line alone", () => {
  const chunks = [];
  const tape = tapeWith(chunks);
  const paused = lay(tape, 0, 77);
  assert.equal(paused, 1.5);
  lay(tape, 10, 52);
  assert.deepEqual(chunks.map(({ index }) => index), [0, 1, 2, 3]);
  chunks.slice(1).forEach((chunk, place) => assert.equal(chunk.first, chunks[place].end));
  assert.equal(chunks[2].startTime, 10);
  assert.equal(chunks.at(-1).end, 2.5 * SECOND);
});

test("a tape goes on where an earlier visit left off", () => {
  const chunks = [];
  lay(tapeWith(chunks, { index: 7, samples: 1000 }), 20, 52);
  assert.deepEqual([chunks[0].index, chunks[0].first], [7, 1000]);
});

test("right after a cut nothing is left open, and the line goes on where the chunk ended", () => {
  const chunks = [];
  const tape = tapeWith(chunks);
  tape.begin(0);
  for (const packet of packets(50)) tape.add(packet);
  const open = tape.open();
  assert.deepEqual([open.startTime, open.endTime], [chunks[0].end / SECOND, chunks[0].end / SECOND]);
  assert.equal(rescued({ ...open, channels: 1, inputRate: SECOND }), null);
});

test("where sound is missing the next chunk begins so much later, and no sample is left out", () => {
  const chunks = [];
  const tape = tapeWith(chunks);
  tape.begin(0);
  for (const packet of packets(30)) tape.add(packet);
  const { from, to } = tape.leap(2);
  for (const packet of packets(50, 30)) tape.add(packet);
  assert.deepEqual([chunks[0].end, chunks[1].first], [30 * PACKET - LOOK_AHEAD, 30 * PACKET - LOOK_AHEAD]);
  assert.equal(from, toNanoseconds(chunks[0].end / SECOND));
  assert.deepEqual([to, chunks[1].startTime], [toNanoseconds(from + 2), to]);
});

test("what was kept of an unfinished chunk is a chunk after a crash", () => {
  const chunks = [];
  const tape = tapeWith(chunks);
  tape.begin(5);
  for (const packet of packets(75)) tape.add(packet);
  const chunk = rescued({ ...tape.open(), channels: 1, inputRate: SECOND });
  assert.deepEqual([chunk.index, chunk.first, chunk.end], [1, chunks[0].end, 75 * PACKET - LOOK_AHEAD]);
  assert.equal(chunk.startTime, 5 + chunks[0].end / SECOND);
  assert.equal(tape.open().endTime, 5 + chunk.end / SECOND);
  assert.equal(rescued({ ...tape.open(), packets: [], channels: 1, inputRate: SECOND }), null);
});

// --- What did not arrive ---

/** Blocks of 10 ms, each arriving `late(i)` seconds after its time. */
function listen(contiguity, number, { from = 0, late = () => 0.002, wall = (now) => 1000 + now } = {}) {
  const missing = [];
  for (let place = from; place < from + number; place += 1) {
    const now = (place + 1) / 100 + late(place);
    const lost = contiguity.arrived(480, { now, wall: wall(now) });
    if (lost) missing.push(lost);
  }
  return missing;
}

test("jitter and a stall that is made up for are no loss", () => {
  const contiguity = new Contiguity({ rate: SECOND });
  const stalled = (place) => (place > 800 && place < 1100 ? (1100 - place) / 100 : 0.01 * Math.abs(Math.sin(place)));
  assert.deepEqual(listen(contiguity, 3000, { late: stalled }), []);
});

test("a standstill of many seconds that is made up for is no loss", () => {
  const contiguity = new Contiguity({ rate: SECOND });
  const stoodStill = (place) => (place > 800 && place < 2000 ? (2000 - place) / 100 : 0);
  assert.deepEqual(listen(contiguity, 3000, { late: stoodStill }), []);
});

test("what was lost in a standstill is known a second after it, and nothing is settled until then", () => {
  const contiguity = new Contiguity({ rate: SECOND });
  listen(contiguity, 800);
  const late = { late: () => 4 };
  assert.deepEqual(listen(contiguity, 100, { from: 800, ...late }), []);
  assert.ok(contiguity.isInDoubt);
  const missing = listen(contiguity, 1000, { from: 900, ...late });
  assert.equal(missing.length, 1);
  assert.ok(Math.abs(missing[0] - 4) < 0.01);
  assert.ok(!contiguity.isInDoubt);
});

test("what was lost is placed by the blocks' own time stamps", () => {
  assert.equal(placeOfLoss([10, 20, 30, 330, 340]), 2);
  assert.equal(placeOfLoss([10, 320, 330, 340]), 0);
});

test("a doubt can be ended with what is known", () => {
  const contiguity = new Contiguity({ rate: SECOND });
  listen(contiguity, 800);
  listen(contiguity, 10, { from: 800, late: () => 4 });
  assert.ok(Math.abs(contiguity.settle() - 4) < 0.01);
});

test("blocks that never come are noticed, and how much they held", () => {
  const contiguity = new Contiguity({ rate: SECOND });
  const missing = listen(contiguity, 3000, { late: (place) => (place > 1500 ? 0.3 : 0) });
  assert.equal(missing.length, 1);
  assert.ok(Math.abs(missing[0] - 0.3) < 0.001);
});

test("a microphone's clock that runs unevenly is drift and no loss", () => {
  const contiguity = new Contiguity({ rate: SECOND });
  assert.deepEqual(listen(contiguity, 60_000, { late: (place) => place * 2e-6 }), []);
  assert.ok(Math.abs(contiguity.partsPerMillion() - 200) < 20);
});

test("a sleep is as long as the time of day says", () => {
  const contiguity = new Contiguity({ rate: SECOND });
  listen(contiguity, 1000);
  const missing = listen(contiguity, 1000, { from: 1000, wall: (now) => 1600 + now });
  assert.deepEqual(missing.map(Math.round), [600]);
});

test("zeros for long are news twice, when they begin and when they end", () => {
  const silence = new Silence({ rate: 100, seconds: 1 });
  const news = [0, 0, 0, 0.5].map((peak) => silence.heard(60, peak)?.name ?? null);
  assert.deepEqual(news, [null, "began", null, "ended"]);
});

// --- Two sides ---

test("the client's channel follows as it came while both clocks agree", () => {
  const alignment = new Alignment({ rate: 1000 });
  const taken = [];
  for (let block = 0; block < 100; block += 1) {
    alignment.put(Float32Array.from({ length: 10 }, (_, place) => block * 10 + place));
    taken.push(...alignment.take(10));
  }
  const begun = taken.indexOf(1) - 1;
  assert.ok(begun >= 90 && begun <= 110);
  assert.deepEqual(taken.slice(begun), Array.from({ length: taken.length - begun }, (_, place) => place));
  assert.equal(alignment.missed, 0);
});

test("a client's clock that runs faster is followed without a loss", () => {
  const alignment = new Alignment({ rate: 1000 });
  let put = 0;
  for (let block = 0; block < 100_000; block += 1) {
    const length = block % 20 === 0 ? 11 : 10;
    alignment.put(new Float32Array(length));
    put += length;
    alignment.take(10);
  }
  assert.equal(alignment.missed, 0);
  assert.ok(alignment.waiting < 10_000, `${alignment.waiting} of ${put} are waiting`);
});

test("what has not come is silence, and counted", () => {
  const alignment = new Alignment({ rate: 1000 });
  alignment.put(new Float32Array(120).fill(1));
  alignment.take(100);
  assert.deepEqual([...alignment.take(30)].slice(-5), [0, 0, 0, 0, 0]);
  assert.ok(alignment.missed > 0);
});

/** A browser in which somebody shares these tracks, or nothing. */
function sharing(tracks) {
  const all = tracks?.map((kind) => ({ kind, stop() { this.isStopped = true; } }));
  const of = (kind) => all.filter((track) => track.kind === kind);
  const stream = { getTracks: () => all, getAudioTracks: () => of("audio"), getVideoTracks: () => of("video") };
  const getDisplayMedia = async () => {
    if (!tracks) throw new DOMException("no", "NotAllowedError");
    return stream;
  };
  return { all, getDisplayMedia };
}

test("sharing that was called off is told apart from a microphone that is refused", async () => {
  await assert.rejects(openSharedSound(sharing(null)), (error) => /Nothing was shared/.test(refusal(error)));
  assert.match(refusal(new DOMException("no", "NotAllowedError")), /The microphone is not allowed here/);
});

test("sharing ends with all its tracks, and at once where there is no sound in it", async () => {
  const whole = sharing(["video", "audio"]);
  const { sound, end } = await openSharedSound(whole);
  assert.equal(sound, whole.all[1]);
  assert.ok(whole.all.every((track) => !track.isStopped));
  end();
  assert.ok(whole.all.every((track) => track.isStopped));
  const silent = sharing(["video"]);
  assert.equal((await openSharedSound(silent)).sound, null);
  assert.ok(silent.all[0].isStopped);
});

// --- WebM ---

test("packets come out of a WebM stream, however it is broken into pieces", () => {
  const head = [0x1a, 0x45, 0xdf, 0xa3, 0x80, 0x18, 0x53, 0x80, 0x67, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
  const cluster = [0x1f, 0x43, 0xb6, 0x75, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xe7, 0x81, 0];
  const block = (number) => [0xa3, 0x86, 0x81, 0, number, 0x80, 0xf8, number];
  const stream = Uint8Array.from([...head, ...cluster, ...block(1), ...block(2), ...cluster, ...block(3)]);
  for (const size of [1, 7, stream.length]) {
    const reader = new WebmReader();
    const found = [];
    for (let at = 0; at < stream.length; at += size) found.push(...reader.read(stream.slice(at, at + size)));
    assert.deepEqual(found.map(({ data, samples }) => [...data, samples]), [[0xf8, 1, 960], [0xf8, 2, 960], [0xf8, 3, 960]]);
  }
});

// --- Digest and words ---

test("a digest is written as headers and answers write it", async () => {
  const digest = hexadecimal(await sha256(new TextEncoder().encode("abc")));
  assert.equal(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  assert.equal(contentDigest(digest), "sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:");
});

const said = (standing) => lines({ phase: "recording", chunkSeconds: 30, ...standing }).map((line) => line.text);

test("how a recording stands is said in words", () => {
  const three = [{ index: 0 }, { index: 1 }, { index: 2 }];
  assert.deepEqual(said({ stored: 14 }), ["All 14 chunks safe"]);
  assert.deepEqual(said({ stored: 1, chunks: three, trouble: "offline" }), ["Offline: 3 chunks kept on this device, will be sent"]);
  assert.deepEqual(said({ troubles: ["lost"] }), ["Microphone lost: plug it in, the recording goes on"]);
  assert.deepEqual(said({ chunks: three }), ["Sending 3 chunks"]);
  assert.match(said({ chunks: [{ index: 4, trouble: "other bytes" }] })[0], /Chunk 4 was not taken/);
  assert.deepEqual(said({}), ["Recording: the first chunk is sent after 30 seconds"]);
  assert.deepEqual(said({ chunkSeconds: "1" }), ["Recording: the first chunk is sent after 1 second"]);
});

test("a pause is said whatever else there is to say", () => {
  assert.deepEqual(said({ phase: "paused" }), ["Paused: nothing is recorded"]);
  assert.deepEqual(said({ phase: "paused", stored: 10 }), ["Paused: nothing is recorded", "All 10 chunks safe"]);
  assert.deepEqual(said({ phase: "paused", chunks: [{ index: 0 }] }), ["Paused: nothing is recorded", "Sending 1 chunk"]);
});

test("a verdict never calls whole what is not", () => {
  const verdict = (state, gaps = [], owed = []) => verdictLine({ verdict: { state, gaps, owed } }, 3).text;
  assert.equal(verdict("complete"), "Complete: all 3 chunks are safe");
  assert.equal(verdict("complete", [{ cause: "pause" }]), "Complete: all 3 chunks are safe, with 1 pause");
  assert.match(verdict("incomplete", [{ cause: "device" }], [4, 5]), /2 chunks missing and 1 place without sound/);
});

test("the look before a call says what is open, good and bad", () => {
  const tones = (facts) => checks({ permission: "granted", device: "Headset", level: 0.5, storage: { quota: 1e12, usage: 0 }, isOnline: true, isServerThere: true, ...facts }).map((line) => line.tone);
  assert.deepEqual(tones({}), ["good", "good", "good", "good", "good"]);
  assert.deepEqual(tones({ permission: "denied", device: "" }), ["bad", "open", "open", "good", "good"]);
  assert.deepEqual(tones({ level: 0, storage: null, isOnline: false }), ["good", "good", "open", "bad", "bad"]);
});

function pagesOf(file) {
  const view = new DataView(file.buffer);
  const pages = [];
  for (let at = 0; at < file.length; ) {
    const lacing = [...file.subarray(at + 27, at + 27 + file[at + 26])];
    const size = 27 + lacing.length + lacing.reduce((sum, value) => sum + value, 0);
    const page = file.slice(at, at + size);
    page.fill(0, 22, 26);
    pages.push({
      flags: file[at + 5],
      granule: Number(view.getBigUint64(at + 6, true)),
      number: view.getUint32(at + 18, true),
      lacing,
      isIntact: checksum(page) === view.getUint32(at + 22, true),
    });
    at += size;
  }
  return pages;
}

/** Bit by bit, as RFC 3533 defines it. */
function checksum(bytes) {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  }
  return crc >>> 0;
}
