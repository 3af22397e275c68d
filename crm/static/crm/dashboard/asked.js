// What the dashboard is to show: as it stands in the page's address, and as the server is asked. Pure.

/** Each with its length in seconds. */
export const RANGES = { "5m": 300, "1h": 3600, "24h": 86_400, "7d": 7 * 86_400, "30d": 30 * 86_400, "90d": 90 * 86_400 };
const RANGE_WORDS = { "5m": "5 minutes", "1h": "hour", "24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days" };
export const USUAL_RANGE = "24h";
export const PIPELINES = ["dubbing", "audio"];
/** A stretch that is chosen is no shorter: nothing is counted finer than by the minute. */
export const SHORTEST_SECONDS = 120;

const LONGEST_SECONDS = 400 * 86_400;
/** In characters, of which some are two units of a text. */
const LONGEST_ID = 255;

/** Of one person nothing is kept by the minute: whole hours are told. */
const SHORTEST_OF_PERSON = "1h";

/** {range, since, until, channel, user, pipeline}: texts, empty where nothing is asked; `since` and `until` seconds or null. */
export function fromAddress(search) {
  const given = new URLSearchParams(search);
  const text = (name) => [...(given.get(name) ?? "")].slice(0, LONGEST_ID).join("");
  const [range, pipeline] = [text("range"), text("pipeline")];
  const [since, until] = [secondsOf(text("since")), secondsOf(text("until"))];
  const isStretch = since !== null && until !== null && until - since >= SHORTEST_SECONDS && until - since <= LONGEST_SECONDS;
  return {
    range: range in RANGES ? range : USUAL_RANGE,
    since: isStretch ? since : null,
    until: isStretch ? until : null,
    channel: text("channel"),
    user: text("user"),
    pipeline: PIPELINES.includes(pipeline) ? pipeline : "",
  };
}

/** The same as the end of an address; the empty text when it is what is shown anyway. */
export function toAddress(asked) {
  const { range, since, until, ...same } = asked;
  const said = new URLSearchParams();
  if (since !== null) {
    said.set("since", textOf(since));
    said.set("until", textOf(until));
  }
  if (range !== USUAL_RANGE) said.set("range", range);
  for (const [name, value] of Object.entries(same)) if (value) said.set(name, value);
  return said.size ? `?${said}` : "";
}

/** The quiet words about an address of which something cannot be shown; the empty text when all of it can be. */
export function faultOf(search) {
  const given = new URLSearchParams(search);
  const asked = fromAddress(search);
  const isStretch = given.has("since") || given.has("until");
  const faults = [];
  if (asked.since === null && (isStretch || (given.get("range") && given.get("range") !== asked.range))) {
    faults.push(`The time in this link cannot be shown: this is the last ${RANGE_WORDS[rangeOf(asked)]}.`);
  }
  if (given.get("pipeline") && !asked.pipeline) faults.push("The pipeline in this link is unknown: this is of all of them.");
  return faults.join(" ");
}

/** The range that is shown: the chosen one, or for a person the shortest that is kept. */
export function rangeOf({ range, user }) {
  return isTooShort(range, user) ? SHORTEST_OF_PERSON : range;
}

/** Whether a range is shorter than what is kept of a person. */
export function isTooShort(range, user) {
  return Boolean(user) && RANGES[range] < RANGES[SHORTEST_OF_PERSON];
}

/** What is sent for it. */
export function toServer({ range, since, until, channel, user, pipeline }) {
  const stretch = since === null ? { range: rangeOf({ range, user }) } : { since: textOf(since), until: textOf(until) };
  const sent = { ...stretch, channel_id: channel, user_id: user, pipeline };
  return new URLSearchParams(Object.entries(sent).filter(([, value]) => value));
}

/** Whether it is narrowed to something, the time aside. */
export function isNarrowed({ channel, user, pipeline }) {
  return Boolean(channel || user || pipeline);
}

/** From when to when, in seconds since 1970. */
export function windowOf({ range, since, until, user }, now) {
  return since === null ? [now - RANGES[rangeOf({ range, user })], now] : [since, until];
}

/** A stretch between two moments, on the whole steps that it touches, no shorter than may be asked and not in the future. */
export function stretchOf(from, to, stepSeconds, now) {
  const since = Math.floor(Math.min(from, to) / stepSeconds) * stepSeconds;
  const until = Math.min(Math.ceil(Math.max(from, to) / stepSeconds) * stepSeconds, Math.ceil(now / 60) * 60);
  return until - since < SHORTEST_SECONDS ? [until - SHORTEST_SECONDS, until] : [since, until];
}

function secondsOf(text) {
  const milliseconds = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(milliseconds) ? null : Math.floor(milliseconds / 1000);
}

function textOf(seconds) {
  return new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}
