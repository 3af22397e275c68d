// Which calls the board is to show: as it stands in the page's address, and as the server is asked. Pure.

import { startOfDay } from "../../calls/asked.js";

/** The filters, as the page's address names them. */
export const FILTERS = ["text", "assignee", "owner", "user", "direction", "suspicion", "from", "to"];
export const DIRECTIONS = ["inbound", "outbound", "internal"];

const SOMEBODY = /^(me|none|[1-9]\d{0,17})$/;
const A_SHARE = /^[01]?(\.\d{1,20})?$/;
const LONGEST_TEXT = 200;

/** What an address asks: all texts, empty where it does not say. What no filter can be is left out. */
export function fromAddress(search) {
  const given = new URLSearchParams(search);
  const asked = Object.fromEntries(FILTERS.map((name) => [name, given.get(name) ?? ""]));
  const share = Number(asked.suspicion);
  const isWrong = {
    text: asked.text.includes("\0"),
    assignee: !SOMEBODY.test(asked.assignee),
    owner: !SOMEBODY.test(asked.owner) || asked.owner === "me",
    user: !SOMEBODY.test(asked.user) || asked.user === "me",
    direction: !DIRECTIONS.includes(asked.direction),
    suspicion: !(A_SHARE.test(asked.suspicion) && share > 0 && share <= 1),
    from: !startOfDay(asked.from),
    to: !startOfDay(asked.to),
  };
  for (const name of FILTERS) if (isWrong[name]) asked[name] = "";
  return { ...asked, text: asked.text.slice(0, LONGEST_TEXT) };
}

/** Names in an address that are of no filter, or have a value that it cannot have. */
export function leftOut(search) {
  const asked = fromAddress(search);
  const given = [...new URLSearchParams(search)].filter(([name, value]) => value && !asked[name]);
  return [...new Set(given.map(([name]) => name))];
}

/** The same as the end of an address; the empty text when nothing is asked. */
export function toAddress(asked) {
  const said = new URLSearchParams(FILTERS.flatMap((name) => (asked[name] ? [[name, asked[name]]] : [])));
  return said.size ? `?${said}` : "";
}

/** What is sent for it. Days are the reader's own, from their beginning to their end. */
export function toServer(asked, more = {}) {
  const { from, to, suspicion, text, ...same } = asked;
  const sent = {
    ...same,
    ...more,
    text: text.trim(),
    min_suspicion: suspicion,
    since: from && startOfDay(from).toISOString(),
    until: to && startOfDay(to, 1).toISOString(),
  };
  return new URLSearchParams(Object.entries(sent).filter(([, value]) => value !== "" && value != null));
}

/** Whether anything is asked. */
export function isFiltered(asked) {
  return FILTERS.some((name) => asked[name].trim());
}
