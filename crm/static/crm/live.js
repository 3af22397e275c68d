// Who records now: what the socket tells becomes rows, which keep their places while somebody is busy with them.

import { Connection, socketAddress } from "../audio/connection.js";
import { ConnectionLine } from "../audio/connection_line.js";
import { write } from "../audio/dom.js";
import { localClock } from "../audio/format.js";
import { useListing } from "../audio/listing.js";
import { apply, inOrder, matches, needWords, summary } from "../audio/overview/rows.js";
import { RowView } from "../audio/overview/row_view.js";

const TICK_MS = 1000;
// Rows do not move under a pointer or from under a focus; who has gone for coffee does not hold them up.
const HELD_FOR_MS = 8000;
// Of very many rows the rest is shown when it is asked for; those that need a look are always at the top.
const SHOWN_AT_ONCE = 300;
const TITLE = document.title;

const part = (id) => document.getElementById(id);
const body = part("rows");

let rows = null;
let mostShown = SHOWN_AT_ONCE;
/** Of the server's clock against this one, in milliseconds. */
let clockOffset = 0;
let seenAt = null;
let touchedAt = -Infinity;
/** Whether the rows are not as they would be if nobody were busy with them. */
let isHeldBack = false;
/** Session id → its RowView. */
const views = new Map();
const inSight = new Set();

const now = () => Date.now() + clockOffset;

const connection = new Connection({
  open: () => new WebSocket(socketAddress("/ws/live")),
  onFrame: take,
  onState: () => line.show(),
  whyRefused,
});
const line = new ConnectionLine(connection, {
  words: (name) =>
    ({
      connecting: rows ? "Reconnecting …" : "Connecting",
      live: "Live",
      signed_out: "Signed out:",
      refused: "This page is no longer open to you",
    })[name],
  consolation: () => (seenAt ? `what you see is as of ${localClock(seenAt)}` : "the recordings go on"),
});

function take(frame) {
  if (frame.type !== "sessions") return;
  clockOffset = Date.parse(frame.at) - Date.now();
  seenAt = new Date();
  const before = rows;
  // What stood for them until they came.
  if (before === null) body.replaceChildren();
  rows = apply(frame, rows ?? new Map());
  for (const row of frame.sessions) views.get(row.session_id)?.update(row);
  if (before) tellNewNeeds(before);
  show();
}

// --- From rows to the page ---

function show() {
  if (rows === null) return;
  const words = part("filter").value.trim();
  const wanted = inOrder(rows.values()).filter((row) => matches(row, words));
  place(wanted.slice(0, mostShown));
  part("more").hidden = wanted.length <= mostShown;
  part("more").textContent = `Show ${(wanted.length - mostShown).toLocaleString("en")} more`;
  part("listing").hidden = wanted.length === 0;
  part("nobody").hidden = rows.size > 0;
  part("no-match").hidden = rows.size === 0 || wanted.length > 0;
  part("sought").textContent = words;
  showSummary();
}

function showSummary() {
  const needing = [...rows.values()].filter((row) => row.needs.length).length;
  write(part("summary"), rows.size ? summary(rows.values()) : "");
  part("needing").hidden = needing === 0;
  write(part("needing").lastElementChild, needWords(needing));
  document.title = needing ? `(${needing}) ${TITLE}` : TITLE;
}

/** Rows that are there stay where they are for as long as somebody is busy with them; newcomers go below. */
function place(wanted) {
  const ids = new Set(wanted.map((row) => row.session_id));
  const held = isHeld();
  isHeldBack = held;
  for (const [id, view] of views) {
    if (ids.has(id)) continue;
    if (held && !rows.has(id)) view.end();
    else remove(id, view);
  }
  for (const row of wanted) {
    if (!views.has(row.session_id)) add(row);
  }
  if (!held) putInOrder(wanted);
  body.ariaBusy = "false";
}

function add(row) {
  const view = new RowView(row, now);
  views.set(row.session_id, view);
  body.append(view.element);
  sight.observe(view.element);
}

function remove(id, view) {
  sight.unobserve(view.element);
  inSight.delete(id);
  view.element.remove();
  views.delete(id);
}

function putInOrder(wanted) {
  const focused = body.contains(document.activeElement) ? document.activeElement : null;
  let place = body.firstElementChild;
  for (const { session_id: id } of wanted) {
    const { element } = views.get(id);
    if (element === place) place = place.nextElementSibling;
    else body.insertBefore(element, place);
  }
  // What is moved loses the focus.
  if (focused && document.activeElement !== focused) focused.focus({ preventScroll: true });
}

function tellNewNeeds(before) {
  const fresh = [...rows.values()].filter(
    (row) => row.needs.length && before.has(row.session_id) && !before.get(row.session_id).needs.length,
  );
  if (fresh.length === 1) part("said").textContent = `${fresh[0].user.name}: ${fresh[0].needs[0].words}`;
  else if (fresh.length) part("said").textContent = `${needWords(fresh.length)} now`;
}

// --- What the reader does ---

function isHeld() {
  const isBusy = body.matches(":hover") || body.contains(document.activeElement);
  return isBusy && performance.now() - touchedAt < HELD_FOR_MS;
}

function touch() {
  touchedAt = performance.now();
}

for (const kind of ["pointermove", "pointerdown", "focusin", "keydown", "wheel"]) {
  body.addEventListener(kind, touch, { passive: true });
}
body.addEventListener("pointerleave", show);
part("filter").addEventListener("input", () => {
  const address = new URL(location.href);
  const words = part("filter").value.trim();
  if (words) address.searchParams.set("q", words);
  else address.searchParams.delete("q");
  history.replaceState(null, "", address);
  mostShown = SHOWN_AT_ONCE;
  show();
});
part("show-all").addEventListener("click", () => {
  part("filter").value = "";
  part("filter").dispatchEvent(new Event("input"));
  part("filter").focus();
});
part("more").addEventListener("click", () => {
  mostShown = Infinity;
  show();
});

// --- What grows older ---

const sight = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) inSight.add(target);
    else inSight.delete(target);
  }
});

function tick() {
  for (const view of views.values()) {
    if (inSight.has(view.element)) view.tick();
  }
}

setInterval(() => {
  tick();
  // Whatever was held is put in order once nobody is busy with it.
  if (isHeldBack && !isHeld()) show();
}, TICK_MS);

/** A browser does not tell why a handshake failed; the page itself says whether it is still open. */
async function whyRefused() {
  try {
    const answer = await fetch(location.pathname, { method: "HEAD", redirect: "manual" });
    if (answer.type === "opaqueredirect") return "signed_out";
    return answer.status === 403 ? "refused" : null;
  } catch {
    return null;
  }
}

part("filter").value = new URLSearchParams(location.search).get("q") ?? "";
useListing(part("listing"));
connection.start();
