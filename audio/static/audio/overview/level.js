// A small picture of how loud a recording was lately: a bar for each stretch, the newest on the right.

const BAR = 3;
const STEP = 4;
const HEIGHT = 20;
export const MOST_BARS = 24;
export const WIDTH = MOST_BARS * STEP - (STEP - BAR);
// Decibels of full scale. Below the first nothing is heard, above the second somebody shouts.
const QUIET = -60;
const LOUD = -12;

/** A path's `d`; the empty text when nothing was measured. */
export function bars(level) {
  const shown = level.slice(-MOST_BARS);
  return shown
    .map((decibels, position) => {
      const height = Math.max(1, Math.round(share(decibels) * HEIGHT));
      const x = WIDTH - BAR - (shown.length - 1 - position) * STEP;
      return `M${x} ${HEIGHT}v-${height}h${BAR}v${height}z`;
    })
    .join("");
}

/** The same for those who do not see it. */
export function levelWords(level) {
  if (!level.length) return "Level not measured yet";
  const loudest = share(Math.max(...level));
  if (loudest < 0.1) return "Silent lately";
  return loudest < 0.45 ? "Quiet lately" : "Sound lately";
}

function share(decibels) {
  return Math.min(1, Math.max(0, (decibels - QUIET) / (LOUD - QUIET)));
}
