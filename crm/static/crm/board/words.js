// What cards, columns and moves say, in words. Pure.

import { flagWords } from "../../audio/format.js";

const DIRECTIONS = {
  inbound: { icon: "incoming", name: "Incoming" },
  outbound: { icon: "outgoing", name: "Outgoing" },
  internal: { icon: "internal", name: "Internal" },
};
/** From here on a suspicion is worth a look; below, the card does not speak of it. */
const WORTH_A_LOOK = 0.3;
const MOST_NAMED = 3;
const LONGEST_NAME = 30;

/** {icon, name} of a call's direction; null for one that is not known. */
export function directionOf(direction) {
  return DIRECTIONS[direction] ?? null;
}

export function titleOf(card) {
  return card.subject || `Call ${card.id}`;
}

/** Who is on the other end, as well as it is known. */
export function customerOf(card) {
  return card.contact_details?.name || card.external_user_id || "";
}

/** `Sam Supervisor`, or what else somebody can be called by; the empty text for nobody. */
export function personOf(details) {
  return details?.name || details?.email || "";
}

/** `SS` for `Sam Supervisor`: the first letters of the first and the last word. */
export function initialsOf(name) {
  const words = name.split(/[\s@._-]+/u).filter(Boolean);
  const letters = [words[0], ...(words.length > 1 ? [words.at(-1)] : [])].map((word) => [...(word ?? "")][0] ?? "");
  return letters.join("").toUpperCase();
}

/** `Suspicion 72 %`; the empty text for what needs no look. */
export function suspicionWords(score) {
  return score !== null && score >= WORTH_A_LOOK ? `Suspicion ${Math.round(score * 100)} %` : "";
}

/** {tone, icon, text} of what is special about how a call stands; null for one that is as it should be. */
export function standingOf({ status, verdict_state: verdict }) {
  if (verdict === "recording") return { tone: "recording", icon: "dot", text: "Recording" };
  if (verdict === "arriving") return { tone: "working", icon: "kept", text: "Arriving" };
  if (status === "in_progress") return { tone: "working", icon: "half", text: "In progress" };
  if (verdict === "incomplete") return { tone: "alert", icon: "alert", text: "Incomplete" };
  if (status === "failed") return { tone: "alert", icon: "cross", text: "Failed" };
  return null;
}

/** A card's suspicion and flags as they stand in it; the empty text when there is nothing to look at. */
export function marksOf(card) {
  return [suspicionWords(card.suspicion_score), ...card.flags.map(flagWords)].filter(Boolean).join(" · ");
}

/** `1,234`, `1,000+`; `…` while none has been found, and older ones have not been looked at. */
export function totalWords({ total, isExact }) {
  if (!total && !isExact) return "…";
  return `${total.toLocaleString("en")}${isExact ? "" : "+"}`;
}

/** `1,234 calls`. */
export function callWords({ total, isExact }) {
  if (!total && !isExact) return "No calls among newer ones";
  return `${totalWords({ total, isExact })} call${total === 1 && isExact ? "" : "s"}`;
}

/** What is said of filters that there are not, by their names in the address. */
export function leftOutWords(names) {
  const [one, many] = ["a filter that is not known", "filters that are not known"];
  const named = names.slice(0, MOST_NAMED).map((name) => `“${name.slice(0, LONGEST_NAME)}”`).join(", ");
  const more = names.length > MOST_NAMED ? " and others" : "";
  return `This address has ${names.length === 1 ? one : many}: ${named}${more}. ${names.length === 1 ? "It is" : "They are"} left out.`;
}

/** Why a card is not carried on: the columns are not where they were. */
export function columnGoneWords(title, now) {
  return `A column has just gone, so “${title}” was not moved. It is in ${now}.`;
}

/**
 * Why a move did not happen, in one sentence. `status` and `error` are of the answer, 0 for none; `wanted` and `now` name
 * the columns; `now` is null when the card is not on the board any more.
 */
export function refusalWords({ status, error, title: subject, wanted, now }) {
  const title = `“${subject}”`;
  const back = now === null ? "" : ` It is in ${now}.`;
  if (status === 0) return `The server cannot be reached, so ${title} was not moved.${back}`;
  if (status === 401) return `You are signed out, so ${title} was not moved.${back}`;
  if (status === 403) return `You may not move ${title}.${back}`;
  if (status === 404) return `${title} is not there any more: it was deleted, or is not open to you now.`;
  if (status === 409 && error?.code === "stale_version") return `Somebody else changed ${title} first.${back}`;
  if (status === 422 && error?.code === "unknown_status") return `${wanted} was just deleted, so ${title} was not moved.${back}`;
  if (status >= 500) return `The server could not answer, so ${title} was not moved.${back}`;
  return `${title} was not moved: ${error?.message ?? `the server answered with error ${status}.`}${back}`;
}
