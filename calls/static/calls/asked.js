// What is asked of the search: as it stands in the page's address, as it is sent, and in words. Pure.

/** The filters, as the page's address and the server name them. */
export const FILTERS = ["from", "to", "status", "speaker", "emotion", "platform", "suspicion"];

/** The end of the year after it is a moment that the server does not know. */
const LAST_YEAR = 9998;
const A_DAY = /^\d{4}-\d{2}-\d{2}$/;

const REASONS = {
  off: "Searching by meaning is switched off on this server.",
  embedder_away:
    "What compares meanings does not answer at the moment. Search again in a minute; other words for the same thing may help until then.",
  too_slow: "Comparing meanings took too long. Fewer calls are quicker: choose dates or another filter.",
  no_words: "Nothing was typed whose meaning could be compared. Add a word that you do look for.",
};

/** What an address asks: {q, …filters}, all texts, empty where it does not say. What is no day or no share is left out. */
export function fromAddress(search) {
  const given = new URLSearchParams(search);
  const asked = Object.fromEntries(["q", ...FILTERS].map((name) => [name, given.get(name) ?? ""]));
  for (const name of ["from", "to"]) {
    if (!startOfDay(asked[name])) asked[name] = "";
  }
  const share = Number(asked.suspicion);
  if (!(share > 0 && share <= 1)) asked.suspicion = "";
  return asked;
}

/** The same as the end of an address; the empty text when nothing is asked. */
export function toAddress(asked) {
  const said = new URLSearchParams(["q", ...FILTERS].flatMap((name) => (asked[name] ? [[name, asked[name]]] : [])));
  return said.size ? `?${said}` : "";
}

/** What is sent for it. Days are the reader's own, from their beginning to their end. */
export function toServer(asked, more = {}) {
  const sent = { ...asked, ...more, q: asked.q.trim() };
  if (asked.from) sent.from = startOfDay(asked.from).toISOString();
  if (asked.to) sent.to = startOfDay(asked.to, 1).toISOString();
  return new URLSearchParams(Object.entries(sent).filter(([, value]) => value !== "" && value != null));
}

/** The names of the filters that are set. */
export function filtersOf(asked) {
  return FILTERS.filter((name) => asked[name]);
}

/** How much was found, in words. */
export function foundWords({ segments, calls, is_all: isAll }) {
  const number = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
  return `${isAll ? "" : "The best "}${number(segments, "line")} in ${number(calls, "call")}`;
}

/** Why meaning was not searched, in words; the empty text when it was. */
export function whyNotMeaning({ searched, reason }) {
  return searched ? "" : (REASONS[reason] ?? "Meanings were not compared.");
}

/** How a line was found, in words. */
export function matchedWords(matched) {
  return matched.length > 1 ? "words and meaning" : matched[0];
}

/** The moment at which a day begins where the reader is, or the one so many days later; null for what is no day. */
export function startOfDay(day, later = 0) {
  if (!A_DAY.test(day)) return null;
  const [year, month, date] = day.split("-").map(Number);
  const start = new Date(year, month - 1, date);
  // The 31st of a shorter month is none of it.
  if (start.getMonth() !== month - 1 || start.getFullYear() !== year || year > LAST_YEAR) return null;
  start.setDate(date + later);
  return start;
}
