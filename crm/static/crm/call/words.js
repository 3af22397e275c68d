// The words of a line: where in its text each stands, when it is said, and how the text is shown. Pure.

// As the server's `call_lines.py` divides a text.
const WORD = /[^ \t\r\n]+/g;

/**
 * The words of a line in order: {from, to, start}, places in the text in UTF-16 units and seconds; the empty list for
 * a line whose words have no times.
 */
export function wordsOf(line) {
  if (!line.times) return [];
  const steps = line.times.split(" ");
  let at = 0;
  return [...line.text.matchAll(WORD)].map((found, number) => {
    at += parseInt(steps[number] ?? "0", 36);
    return { from: found.index, to: found.index + found[0].length, start: line.start + at / 100 };
  });
}

/** The word that is said at this second: the last that has begun; null before the first and after the line's end. */
export function wordAt(words, line, seconds) {
  if (seconds > line.end) return null;
  return words.findLast(({ start }) => start <= seconds) ?? null;
}

/**
 * A line's text in runs of {text, mask, unsure}: the kind of what is masked there, the confidence in per cent of a word
 * that the engine was not sure of; null for neither. The runs joined are the text.
 */
export function runsOf({ text, masks = [], unsure = [] }) {
  const marked = [...masksIn(text, masks), ...unsureIn(text, unsure)].sort((one, other) => one.from - other.from);
  const runs = [];
  let read = 0;
  for (const { from, to, mask, unsure: confidence } of marked) {
    if (from < read) continue;
    if (from > read) runs.push({ text: text.slice(read, from), mask: null, unsure: null });
    runs.push({ text: text.slice(from, to), mask, unsure: confidence });
    read = to;
  }
  if (read < text.length) runs.push({ text: text.slice(read), mask: null, unsure: null });
  return runs;
}

/** The server counts characters (Unicode code points), a browser UTF-16 units. */
function masksIn(text, masks) {
  if (!masks.length) return [];
  const units = [0];
  for (const character of text) units.push(units.at(-1) + character.length);
  return masks
    .filter(([start, end]) => start < end && end < units.length)
    .map(([start, end, mask]) => ({ from: units[start], to: units[end], mask, unsure: null }));
}

function unsureIn(text, unsure) {
  if (!unsure.length) return [];
  const words = [...text.matchAll(WORD)];
  return unsure
    .filter(([number]) => number < words.length)
    .map(([number, confidence]) => {
      const { index, 0: word } = words[number];
      return { from: index, to: index + word.length, mask: null, unsure: confidence };
    });
}
