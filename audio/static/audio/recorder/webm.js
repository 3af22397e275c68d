// The Opus packets out of a WebM stream as MediaRecorder writes it, block by block as its pieces come. Pure.

import { packetSamples } from "./ogg.js";

const SEGMENT = 0x18538067;
const CLUSTER = 0x1f43b675;
const BLOCK_GROUP = 0xa0;
const BLOCK = 0xa1;
const SIMPLE_BLOCK = 0xa3;
/** Only looked into, never read whole: a live stream does not tell how long they are. */
const OPENED = new Set([SEGMENT, CLUSTER, BLOCK_GROUP]);
/** Block header after the track's number: two bytes of time, one of flags. */
const BLOCK_HEADER = 3;

export class WebmReader {
  constructor() {
    this.bytes = new Uint8Array();
  }

  /** Returns the packets, {data, samples}, that these bytes complete. */
  read(bytes) {
    this.bytes = joined(this.bytes, bytes);
    const packets = [];
    let at = 0;
    for (;;) {
      const id = variable(this.bytes, at, { keepsMarker: true });
      const size = id && variable(this.bytes, at + id.length, { keepsMarker: false });
      if (!size) break;
      const begins = at + id.length + size.length;
      if (OPENED.has(id.value)) {
        at = begins;
        continue;
      }
      if (begins + size.value > this.bytes.length) break;
      at = begins + size.value;
      if (id.value === SIMPLE_BLOCK || id.value === BLOCK) packets.push(packetOf(this.bytes.slice(begins, at)));
    }
    this.bytes = this.bytes.slice(at);
    return packets;
  }
}

function packetOf(block) {
  const track = variable(block, 0, { keepsMarker: false });
  const data = block.slice(track.length + BLOCK_HEADER);
  return { data, samples: packetSamples(data) };
}

/** An EBML number: the leading zeros of its first byte tell how many bytes it has. Null when they are not all here. */
function variable(bytes, at, { keepsMarker }) {
  if (at >= bytes.length) return null;
  const length = Math.clz32(bytes[at]) - 23;
  if (at + length > bytes.length) return null;
  let value = keepsMarker ? bytes[at] : bytes[at] & (0xff >> length);
  for (let place = 1; place < length; place += 1) value = value * 256 + bytes[at + place];
  return { value, length };
}

function joined(one, other) {
  const bytes = new Uint8Array(one.length + other.length);
  bytes.set(one);
  bytes.set(other, one.length);
  return bytes;
}
