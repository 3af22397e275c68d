// The search: what is typed and chosen stands in the page's address, is asked of the server, and its answer is shown.

import { element } from "../audio/dom.js";
import { FILTERS, filtersOf, foundWords, fromAddress, toAddress, toServer, whyNotMeaning } from "./asked.js";
import { FilterPanel } from "./filter_panel.js";
import { HitList } from "./hit_list.js";

const TYPED_AFTER_MS = 250;
const ON_A_PAGE = 20;
const MOST_AT_ONCE = 100;

const part = (id) => document.getElementById(id);
const field = part("q");
const { address, signIn } = part("search").dataset;

let asked = fromAddress(location.search);
/** The request that is under way. */
let asking = null;
let typing = null;
/** Where the next page begins, as the server says; null when there is none. */
let next = null;

const hits = new HitList({ list: part("hits"), field, onOpen: remember });
const filters = new FilterPanel({
  box: part("filters"),
  button: part("filters-button"),
  clear: part("clear"),
  statuses: JSON.parse(part("statuses").textContent),
  onChoose: (changes) => change(changes),
});

// --- What is asked ---

function change(changes) {
  clearTimeout(typing);
  asked = { ...asked, ...changes };
  history.replaceState(null, "", toAddress(asked) || location.pathname);
  ask();
}

/** Without what has been typed by now, the page says what can be. */
function ask({ shown = ON_A_PAGE, at = null } = {}) {
  asking?.abort();
  document.title = asked.q.trim() ? `${asked.q.trim()} · Search · Earshot` : "Search · Earshot";
  if (!asked.q.trim()) {
    filters.show(asked, null);
    show("before");
    return;
  }
  part("results").ariaBusy = "true";
  if (part("hits").hidden) show("skeleton");
  fetchPage({ limit: Math.min(MOST_AT_ONCE, shown) }, (found) => {
    showFound(found);
    if (at !== null) hits.focus(at);
  });
}

function askMore() {
  const button = part("more-button");
  const take = (found) => {
    hits.add(found.results);
    showMore(found);
  };
  // What has been found already stays.
  const fail = () => {
    button.disabled = false;
    button.textContent = "That was not answered. Try again";
  };
  button.disabled = true;
  fetchPage({ limit: ON_A_PAGE, cursor: next }, take, fail);
}

async function fetchPage(more, take, fail = showFailed) {
  asking?.abort();
  const request = new AbortController();
  asking = request;
  try {
    const response = await fetch(`${address}?${toServer(asked, more)}`, {
      headers: { Accept: "application/json" },
      signal: request.signal,
    });
    const answer = await response.json().catch(() => ({}));
    if (request.signal.aborted) return;
    if (response.ok) take(answer);
    else fail(response.status, answer.error);
  } catch {
    // Of a request that was given up, another one tells.
    if (!request.signal.aborted) fail(0);
  }
}

// --- What is shown ---

/** One of the things that the page can show in the place of results. */
function show(name) {
  for (const id of ["hits", "skeleton", "before", "nothing", "failed"]) part(id).hidden = id !== name;
  if (name !== "hits") part("more").hidden = true;
  if (name !== "hits" && name !== "nothing") part("found-head").hidden = part("meaning-away").hidden = true;
  if (name !== "skeleton") part("results").ariaBusy = "false";
}

function showFound(found) {
  const why = whyNotMeaning(found.meaning);
  filters.show(asked, found.counts);
  part("meaning-away").hidden = !why;
  part("meaning-why").textContent = why;
  part("found-head").hidden = false;
  part("found").textContent = found.results.length ? foundWords(found.counts) : "";
  part("found-how").textContent = why ? "" : "Searched by words and by meaning";
  if (!found.results.length) {
    showNothing(why);
    return;
  }
  hits.show(found.results);
  show("hits");
  showMore(found);
}

function showMore(found) {
  next = found.next && new URL(found.next).searchParams.get("cursor");
  part("more").hidden = next === null;
  part("more-button").disabled = false;
  part("more-button").textContent = "More results";
}

function showNothing(why) {
  const isFiltered = filtersOf(asked).length > 0;
  part("found").textContent = `Nothing was found for ${asked.q.trim()}`;
  part("clear-too").hidden = !isFiltered;
  const tips = [
    isFiltered && "Take filters away: they leave out what does not fit all of them.",
    /["]/.test(asked.q) && "Leave the quotation marks out: words between them have to stand side by side.",
    /(^|\s)-\S/.test(asked.q) && "A word behind a hyphen is one that must not be said. Leave it out.",
    why ? "Try other words for the same thing: only what was said word by word can be found now." : "Say it otherwise: a short sentence with the meaning often finds more than a single word.",
    "A call can be found some seconds after it was written down.",
  ];
  part("advice").replaceChildren(...tips.filter(Boolean).map((textContent) => element("li", { textContent })));
  show("nothing");
  part("found-head").hidden = true;
}

function showFailed(status, error) {
  const isSignedOut = status === 401;
  const fields = Object.values(error?.fields ?? {}).flat().join(" ");
  const words = {
    0: "The server cannot be reached. What you typed is kept; try again when you are back online.",
    401: "You are signed out. What you typed is kept in the address and is searched once you are back.",
  };
  part("failed-why").textContent =
    words[status] ?? ([error?.message, fields].filter(Boolean).join(" ") || `The server answered with error ${status}. Nothing was changed.`);
  part("again").hidden = isSignedOut;
  part("sign-in-again").hidden = !isSignedOut;
  part("sign-in-again").href = `${signIn}?next=${encodeURIComponent(location.pathname + location.search)}`;
  show("failed");
}

/** Who comes back finds the list as it was, at the one that was opened. */
function remember(at) {
  history.replaceState({ at, shown: hits.length }, "");
}

// --- What the reader does ---

field.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => change({ q: field.value }), TYPED_AFTER_MS);
});
part("search-form").addEventListener("submit", (event) => {
  event.preventDefault();
  change({ q: field.value });
});
field.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !field.value) return;
  event.preventDefault();
  field.value = "";
  change({ q: "" });
});
for (const id of ["clear", "clear-too"]) {
  part(id).addEventListener("click", () => {
    change(Object.fromEntries(FILTERS.map((name) => [name, ""])));
    field.focus();
  });
}
part("before").addEventListener("click", (event) => {
  const example = event.target.closest("a");
  if (!example || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  field.value = fromAddress(example.search).q;
  field.focus();
  change({ q: field.value });
});
part("more-button").addEventListener("click", askMore);
part("again").addEventListener("click", () => ask());

filters.show(asked, null);
// Somebody may have typed before this script had come.
if (field.value === asked.q) ask(history.state ?? {});
else change({ q: field.value });
