// Opus packets as a complete Ogg file (RFC 3533, RFC 7845). Pure: packets in, bytes out.

/** Opus counts in samples of 48 kHz, whatever the microphone's rate. */
export const OPUS_RATE = 48_000;
/** Samples by which libopus looks ahead at every rate it knows; a decoder throws as many away. */
export const LOOK_AHEAD = 312;
const VENDOR = "Earshot";
const PACKETS_ON_A_PAGE = 50;
const MOST_LACING_VALUES = 255;
const FIRST_PAGE = 2;
const LAST_PAGE = 4;

/**
 * A file of packets, each {data, samples}: the bytes, and how many samples of 48 kHz they hold. A decoder throws
 * away the first `preSkip` samples, and all past the first `length` that it is to give, when that is told.
 */
export function oggOpus(all, { channels, preSkip, inputRate, length = Infinity, serial = 1 }) {
  const packets = upTo(preSkip + length, all);
  const pages = [
    page({ packets: [head(channels, preSkip, inputRate)], granule: 0, flags: FIRST_PAGE, serial, number: 0 }),
    page({ packets: [tags()], granule: 0, flags: 0, serial, number: 1 }),
  ];
  let granule = 0;
  let waiting = [];
  packets.forEach(({ data, samples }, place) => {
    waiting.push(data);
    granule += samples;
    const isLast = place === packets.length - 1;
    if (!isLast && waiting.length < PACKETS_ON_A_PAGE && fits([...waiting, packets[place + 1].data])) return;
    const end = isLast ? Math.min(granule, preSkip + length) : granule;
    pages.push(page({ packets: waiting, granule: end, flags: isLast ? LAST_PAGE : 0, serial, number: pages.length }));
    waiting = [];
  });
  return joined(pages);
}

/** Without those that begin at `end` or after it: a page of them alone would end before the page in front of it. */
function upTo(end, packets) {
  let begins = 0;
  return packets.filter(({ samples }) => {
    begins += samples;
    return begins - samples < end;
  });
}

/** How many samples of 48 kHz an Opus packet holds, as its first bytes say (RFC 6716, 3.1). */
export function packetSamples(data) {
  const configuration = data[0] >> 3;
  const frame =
    configuration < 12
      ? [480, 960, 1920, 2880][configuration & 3]
      : configuration < 16
        ? [480, 960][configuration & 1]
        : [120, 240, 480, 960][configuration & 3];
  const code = data[0] & 3;
  return frame * (code === 0 ? 1 : code === 3 ? data[1] & 63 : 2);
}

function head(channels, preSkip, inputRate) {
  const bytes = new Uint8Array(19);
  const view = new DataView(bytes.buffer);
  bytes.set(ascii("OpusHead"));
  view.setUint8(8, 1);
  view.setUint8(9, channels);
  view.setUint16(10, preSkip, true);
  view.setUint32(12, inputRate, true);
  return bytes;
}

function tags() {
  const vendor = ascii(VENDOR);
  const bytes = new Uint8Array(16 + vendor.length);
  bytes.set(ascii("OpusTags"));
  new DataView(bytes.buffer).setUint32(8, vendor.length, true);
  bytes.set(vendor, 12);
  return bytes;
}

function page({ packets, granule, flags, serial, number }) {
  const lacing = packets.flatMap((data) => lacingOf(data.length));
  const bytes = joined([new Uint8Array(27), Uint8Array.from(lacing), ...packets]);
  const view = new DataView(bytes.buffer);
  bytes.set(ascii("OggS"));
  view.setUint8(5, flags);
  view.setBigUint64(6, BigInt(granule), true);
  view.setUint32(14, serial, true);
  view.setUint32(18, number, true);
  view.setUint8(26, lacing.length);
  view.setUint32(22, checksum(bytes), true);
  return bytes;
}

function lacingOf(length) {
  return [...new Array(Math.floor(length / 255)).fill(255), length % 255];
}

function fits(packets) {
  return packets.reduce((sum, data) => sum + lacingOf(data.length).length, 0) <= MOST_LACING_VALUES;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  return crc;
});

function checksum(bytes) {
  let crc = 0;
  for (const byte of bytes) crc = (crc << 8) ^ CRC_TABLE[(crc >>> 24) ^ byte];
  return crc >>> 0;
}

function joined(parts) {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function ascii(text) {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}
