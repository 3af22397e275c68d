// The order of operations. Pure.

/** By one of their figures, and by name where that is the same. */
export function sorted(items, by, isRising) {
  const way = isRising ? 1 : -1;
  const byName = (one, other) => one.operation.localeCompare(other.operation);
  return items.toSorted((one, other) => (by === "operation" ? way * byName(one, other) : way * (one[by] - other[by]) || byName(one, other)));
}
