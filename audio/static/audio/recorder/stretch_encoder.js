// One stretch of sound through WebCodecs' Opus encoder, never flushed before its end.

import { OPUS_RATE, packetSamples } from "./ogg.js";

export const BITS_PER_SECOND = { 1: 48_000, 2: 64_000 };
/** Microseconds. */
const PACKET = 20_000;

export function opusSettings({ rate, channels }) {
  return {
    codec: "opus",
    sampleRate: rate,
    numberOfChannels: channels,
    bitrate: BITS_PER_SECOND[channels],
    opus: { frameDuration: PACKET },
  };
}

export class StretchEncoder {
  /** `onPacket({data, samples})`; `onError(error)` when the encoder gives up. */
  constructor({ rate, channels, onPacket, onError }) {
    Object.assign(this, { rate, channels });
    this.fed = 0;
    this.encoder = new AudioEncoder({
      output: (packet) => {
        const data = new Uint8Array(packet.byteLength);
        packet.copyTo(data);
        onPacket({ data, samples: packetSamples(data) });
      },
      error: onError,
    });
    this.encoder.configure(opusSettings({ rate, channels }));
  }

  /** `planes`: a Float32Array for each channel. */
  feed(planes) {
    const frames = planes[0].length;
    const data = new Float32Array(frames * this.channels);
    planes.forEach((plane, channel) => data.set(plane, channel * frames));
    const sound = new AudioData({
      format: "f32-planar",
      sampleRate: this.rate,
      numberOfFrames: frames,
      numberOfChannels: this.channels,
      // Made from the count: the stamps of what is captured jump without anything being lost.
      timestamp: Math.round((this.fed * 1e6) / this.rate),
      data,
    });
    this.encoder.encode(sound);
    sound.close();
    this.fed += frames;
  }

  /** How many samples of 48 kHz were fed. */
  get samples() {
    return Math.round((this.fed * OPUS_RATE) / this.rate);
  }

  /** Two packets of silence push out what the encoder still looks ahead at. One that gave up gives no more. */
  async finish() {
    if (this.encoder.state === "closed") return;
    const silence = new Float32Array((this.rate * 2 * PACKET) / 1e6);
    this.feed(new Array(this.channels).fill(silence));
    await this.encoder.flush();
    this.encoder.close();
  }
}
