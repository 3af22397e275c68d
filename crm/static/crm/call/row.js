// One line of a call as an element.

import { element, icon } from "../../audio/dom.js";
import { duration } from "../../audio/format.js";
import { speakerName } from "../../audio/transcript.js";
import { secondOf } from "./lines.js";
import { runsOf } from "./words.js";

const MASKED = {
  card: "a card number",
  account: "an account number",
  email: "an e-mail address",
  phone: "a phone number",
  spoken_digits: "a number",
};

/** The name that a speaker is shown by; nobody is somebody. */
export function shownName(speaker) {
  return speakerName(speaker) || "Somebody";
}

/** Whose colour a speaker has: that of the side they are, whatever they are called. `sides`: name → side. */
export function sideOf(speaker, sides) {
  return Object.hasOwn(sides, speaker) ? sides[speaker] : speaker;
}

/**
 * A line's row. `isTurn`: it begins with its speaker's name, which is a button where `mayEdit`; `flags` begin in it;
 * `side` is whose colour it has.
 */
export function rowOf(line, place, { isTurn, flags, mayEdit, side }) {
  const row = element("div", { className: "segment", role: "listitem", tabIndex: -1 });
  Object.assign(row.dataset, { place, speaker: side });
  row.toggleAttribute("data-turn", isTurn);
  row.toggleAttribute("data-provisional", Boolean(line.provisional));
  const time = element("a", { className: "segment-time", href: `?t=${secondOf(line)}`, textContent: duration(line.start) });
  const text = element("p", { className: "segment-text", dir: "auto" });
  text.append(element("span", { className: "segment-words" }, ...runsOf(line).map(written)), ...marksOf(line, flags));
  row.append(...(isTurn ? [nameOf(line, mayEdit)] : []), time, text);
  return row;
}

function nameOf({ speaker }, mayEdit) {
  const name = element("bdi", { textContent: shownName(speaker) });
  if (!mayEdit || !speaker) return element("span", { className: "segment-speaker" }, name);
  const button = element("button", { type: "button", className: "segment-speaker", title: "Rename this speaker" }, name);
  button.dataset.renames = speaker;
  return button;
}

function written({ text, mask, unsure }) {
  if (mask !== null) {
    const title = `Here ${MASKED[mask] ?? "something personal"} was said, which is masked`;
    return element("span", { className: "masked", textContent: text.replace(/^\[|\]$/g, ""), title });
  }
  if (unsure !== null) {
    const title = `The engine was not sure of this word (${unsure} %)`;
    return element("span", { className: "unsure", textContent: text, title });
  }
  return text;
}

function marksOf({ corrected }, flags) {
  const marks = flags.map(({ rule, evidence }) =>
    element("span", { className: "mark mark-flag", title: evidence }, icon("alert"), rule),
  );
  if (corrected) {
    const title = "Somebody has put right what it says, or who says it";
    marks.push(element("span", { className: "mark", textContent: "corrected", title }));
  }
  return marks.flatMap((mark) => [" ", mark]);
}
