// Which cards of a long column are to be seen, and where they lie. Pure.

/** Offsets of `count` rows and of the end behind them, in pixels; `heightOf(index)` includes the space below a row. */
export function offsetsOf(count, heightOf) {
  const offsets = new Float64Array(count + 1);
  for (let index = 0; index < count; index += 1) offsets[index + 1] = offsets[index] + heightOf(index);
  return offsets;
}

/** The first row that reaches below `top`, and the one behind the last that begins above `bottom`. */
export function rangeOf(offsets, top, bottom) {
  const first = Math.max(0, rowAt(offsets, top));
  return [first, Math.min(offsets.length - 1, Math.max(first, rowAt(offsets, bottom) + 1))];
}

/** The row that lies at an offset; the last one for what lies behind all. */
export function rowAt(offsets, at) {
  let [low, high] = [0, offsets.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (offsets[middle + 1] <= at) low = middle + 1;
    else high = middle;
  }
  return Math.min(low, offsets.length - 2);
}

/** How far to scroll so that what lies from `top` to `bottom` is seen in a window of this height, with `margin` around. */
export function scrollTo(scrolled, height, top, bottom, margin) {
  if (top - margin < scrolled) return Math.max(0, top - margin);
  if (bottom + margin > scrolled + height) return bottom + margin - height;
  return scrolled;
}
