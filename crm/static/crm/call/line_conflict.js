// What somebody else has made of a line that one is writing, in words. Pure.

import { shownName } from "./row.js";

/** `now` and `was`: the line. `history` of the call, newest first, says who changed it. */
export function conflictWords(now, was, history) {
  if (now.text === was.text) return `This line is ${shownName(now.speaker)}’s now.`;
  const by = now.corrected ? history.find(({ line }) => line === now.id)?.by ?? "Somebody else" : null;
  const voice = now.speaker === was.speaker ? "" : `, as said by ${shownName(now.speaker)}`;
  return `${by === null ? "It was heard again" : `${by} wrote`}${voice}: “${now.text}”`;
}
