// Paints a waveform on canvases: bars by channel, what is missing and why, the band of emotions, the times below.
//
// Lengths are pixels of the page; a canvas has as many more as the screen does.

import { duration } from "../format.js";
import { FINEST_SECONDS } from "./peaks.js";
import { heights, ticks, toPixels } from "./scale.js";

const BAR_PX = 3;
const BETWEEN_BARS_PX = 1;
const BAND_PX = 6;
const BETWEEN_LANES_PX = 8;
const AXIS_PX = 20;
const HATCH_PX = 7;
const ROOM_FOR_WORDS_PX = 12;
// Quiet recordings are drawn larger, up to so many times.
const LARGEST_GAIN = 2.5;
const ALL = 255;

/** Make the canvas as sharp as the screen. Returns its context and its size in pixels of the page. */
export function prepared(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const ratio = window.devicePixelRatio || 1;
  const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== across || canvas.height !== down) Object.assign(canvas, { width: across, height: down });
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

/** Where lanes, band and axis lie, each {top, height}. */
export function layout(height, channels) {
  const room = height - AXIS_PX - BAND_PX - 2 * BETWEEN_LANES_PX;
  const each = (room - BETWEEN_LANES_PX * (channels - 1)) / channels;
  const lanes = Array.from({ length: channels }, (_, lane) => ({
    top: BETWEEN_LANES_PX / 2 + lane * (each + BETWEEN_LANES_PX),
    height: each,
  }));
  return { lanes, band: { top: height - AXIS_PX - BAND_PX - BETWEEN_LANES_PX / 2, height: BAND_PX }, axis: { top: height - AXIS_PX, height: AXIS_PX } };
}

/** How many times as high as they are the bars of a recording are drawn, so that its loudest fill their lane. */
export function gainOf({ peaks }) {
  const loudest = peaks.reduce((most, points) => points.reduce((one, other) => Math.max(one, other), most), 1);
  return Math.min(LARGEST_GAIN, ALL / loudest);
}

/** Seconds of a bar, when there is one for every so many pixels: none is shorter than what was measured at once. */
export function secondsOfBar(view, width, step = BAR_PX) {
  return Math.max(FINEST_SECONDS, ((view.end - view.start) / width) * step);
}

/** The bars in view, of every lane in its ink. */
export function paintBars(context, { answer, gain, view, width, lanes, inks, step }) {
  if (view.end <= view.start) return;
  const seconds = secondsOfBar(view, width, step);
  const across = (seconds / (view.end - view.start)) * width;
  // Bars stay where they are on the recording while the view moves.
  const first = Math.floor(view.start / seconds);
  const number = Math.ceil(view.end / seconds) - first;
  const offset = toPixels(first * seconds, view, width);
  lanes.forEach(({ top, height }, lane) => {
    const middle = top + height / 2;
    context.fillStyle = inks[lane];
    heights(answer, lane, { first, number, seconds }).forEach((level, bar) => {
      if (!level) return;
      const tall = Math.max(1, Math.min(1, (gain * level) / ALL) * height);
      context.fillRect(offset + bar * across, middle - tall / 2, across - BETWEEN_BARS_PX, tall);
    });
  });
}

/** The line of silence of each lane. */
export function paintSilence(context, { width, lanes, ink }) {
  context.fillStyle = ink;
  for (const { top, height } of lanes) context.fillRect(0, Math.round(top + height / 2), width, 1);
}

/** A stretch without sound, hatched, with its `words`, or its `cause` alone, where there is room. */
export function paintGap(context, { gap, view, width, top, height, inks, font }) {
  const left = Math.max(-HATCH_PX, toPixels(gap.start, view, width));
  const right = Math.min(width + HATCH_PX, Math.max(toPixels(gap.end, view, width), left + 2));
  if (right < 0 || left > width) return;
  context.save();
  context.beginPath();
  context.rect(left, top, right - left, height);
  context.clip();
  context.fillStyle = inks.sunken;
  context.fillRect(left, top, right - left, height);
  context.strokeStyle = inks.hatch;
  context.lineWidth = 1;
  context.beginPath();
  // From the same places whatever the view, so that it does not crawl while it moves.
  const origin = toPixels(gap.start, view, width) % HATCH_PX;
  for (let x = left - height - ((left - height) % HATCH_PX) + origin; x < right; x += HATCH_PX) {
    context.moveTo(x, top + height);
    context.lineTo(x + height, top);
  }
  context.stroke();
  context.font = font;
  const [from, to] = [Math.max(0, left), Math.min(width, right)];
  const words = [gap.words, gap.cause].find((one) => context.measureText(one).width + ROOM_FOR_WORDS_PX < to - from);
  if (words) {
    const wide = context.measureText(words).width;
    const [centre, middle] = [(from + to) / 2, top + height / 2];
    context.fillStyle = inks.surface;
    context.beginPath();
    context.roundRect(centre - wide / 2 - 6, middle - 10, wide + 12, 20, 4);
    context.fill();
    Object.assign(context, { fillStyle: inks.muted, textAlign: "center", textBaseline: "middle" });
    context.fillText(words, centre, middle + 0.5);
  }
  context.restore();
}

export function paintBand(context, { emotions, view, width, band, inks }) {
  for (const { start, end, emotion } of emotions) {
    const left = toPixels(start, view, width);
    const right = toPixels(end, view, width);
    if (right < 0 || left > width || !inks[emotion]) continue;
    context.fillStyle = inks[emotion];
    context.beginPath();
    context.roundRect(left, band.top, Math.max(2, right - left - 1), band.height, 2);
    context.fill();
  }
}

export function paintAxis(context, { view, width, axis, inks, font }) {
  Object.assign(context, { font, textBaseline: "middle" });
  for (const at of ticks(view, width)) {
    const x = toPixels(at, view, width);
    context.fillStyle = inks.line;
    context.fillRect(Math.min(width - 1, Math.round(x)), axis.top, 1, 4);
    const words = duration(at);
    const half = context.measureText(words).width / 2;
    // The first and the last are whole, too.
    const centre = Math.min(width - half, Math.max(half, x));
    Object.assign(context, { fillStyle: inks.muted, textAlign: "center" });
    context.fillText(words, centre, axis.top + axis.height / 2 + 3);
  }
}
