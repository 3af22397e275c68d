// What is estimated along time, in so many cells. Pure.

/** The emotion that lasts longest in each of `cells` equal parts of a call; null where none was estimated. */
export function bandOf(stretches, seconds, cells) {
  const lasting = Array.from({ length: cells }, () => new Map());
  if (!(seconds > 0)) return lasting.map(() => null);
  const each = seconds / cells;
  for (const { start, end, emotion } of stretches) {
    const last = Math.min(cells - 1, Math.floor(end / each));
    for (let cell = Math.max(0, Math.floor(start / each)); cell <= last; cell += 1) {
      const inside = Math.min(end, (cell + 1) * each) - Math.max(start, cell * each);
      if (inside > 0) lasting[cell].set(emotion, (lasting[cell].get(emotion) ?? 0) + inside);
    }
  }
  return lasting.map((found) => [...found].reduce(longer, [null, 0])[0]);
}

function longer(one, other) {
  return other[1] > one[1] ? other : one;
}
