// The board: what the server and its socket tell goes into a state, and the columns show what changed in it.

import { fromAddress, isFiltered, leftOut, toAddress } from "./board/asked.js";
import { ColumnView } from "./board/column.js";
import { Drag } from "./board/drag.js";
import { FilterBar } from "./board/filter_bar.js";
import { Keyboard } from "./board/keyboard.js";
import { LiveBoard } from "./board/live.js";
import { Measures } from "./board/measures.js";
import { MoveMenu } from "./board/move_menu.js";
import { CALL_GONE, Moves } from "./board/moves.js";
import { ColumnPicker } from "./board/picker.js";
import { BoardServer } from "./board/server.js";
import { BoardState } from "./board/state.js";
import { Toast } from "./board/toast.js";
import { callWords, columnGoneWords, leftOutWords, titleOf } from "./board/words.js";

const ON_A_PAGE = 100;
const MOST_BARREN = 3;
/** If the socket has not answered by then, the board is read without it. */
const SOCKET_WITHIN_MS = 500;
const FRESHEN_EVERY_MS = 30_000;

const part = (id) => document.getElementById(id);
const { address, calls, callPage, socket, signIn, me, csrfToken } = part("board").dataset;
const board = part("columns");
const said = part("said");

const state = new BoardState();
const server = new BoardServer({ board: address, calls, csrfToken });
const toast = new Toast({ box: part("toast"), onLeft: () => focusBack() });
const measures = new Measures({
  box: part("probes"),
  onChange: () => {
    for (const view of views) {
      view.measure();
      view.render();
    }
  },
});
const picker = new ColumnPicker({ box: part("picker"), board });
let views = [];
let asked = fromAddress(location.search);
/** The reading of the whole board that is under way, and what the socket told meanwhile. */
let reading = null;
let missed = [];
let readAnyway = null;
/** Whether what is shown is what the filters ask. */
let hasBoard = false;
/** The call whose card had the focus last. */
let lastFocused = null;

// --- From the state to the page ---

const addressOf = (callId) => callPage.replace("0", encodeURIComponent(callId));

function show({ isNews = false } = {}) {
  const [changed, arrived] = [state.takeChanges(), state.takeArrivals()];
  const keys = state.columns.map(({ key }) => key);
  const isColumnGone = views.some(({ key }) => !keys.includes(key));
  const focused = document.activeElement?.closest?.(".call-card")?.dataset.callId ?? null;
  const control = document.activeElement?.tagName;
  const at = focused && views.find(({ list }) => list.contains(document.activeElement));
  const place = at ? at.shown.indexOf(focused) : -1;
  if (keys.length !== views.length || views.some(({ key }, index) => key !== keys[index])) arrange(keys);
  for (const view of views) if (changed.has(view.key)) view.show({ arrived: isNews ? arrived : null });
  if (changed.size) showWhole();
  if (focused && !document.activeElement?.closest?.(".call-card")) focusAgain(focused, at, place, control);
  endWhatIsGone(isColumnGone);
}

/** A card that is not there any more is not moved any further, nor any into a column that is not. */
function endWhatIsGone(isColumnGone) {
  const carried = drag.callId && state.placeOf(drag.callId);
  if (drag.callId && carried === null) {
    drag.cancel();
    say(CALL_GONE);
  } else if (drag.callId && isColumnGone) {
    // The others have slid along under the pointer.
    const words = columnGoneWords(titleOf(state.card(drag.callId)), state.column(carried).name);
    drag.cancel();
    toast.show(words, { tone: "failed" });
    say(words);
  }
  if (!keyboard.moving) return;
  const { callId, key } = keyboard.moving;
  if (state.placeOf(callId) === null) keyboard.cancel(CALL_GONE);
  else if (!state.column(key)) keyboard.cancel("Not moved: that column was just deleted.");
}

function arrange(keys) {
  const known = new Map(views.map((view) => [view.key, view]));
  views = keys.map((key) => known.get(key) ?? new ColumnView({ key, state, measures, address: addressOf, onNearEnd: readOn, onFurther: readFurther }));
  for (const [key, view] of known) if (!keys.includes(key)) view.dispose();
  let at = board.firstElementChild;
  for (const { node, scroller } of views) {
    if (node === at) {
      at = at.nextElementSibling;
      continue;
    }
    // What is put elsewhere in the page begins at its top.
    const { scrollTop } = scroller;
    board.insertBefore(node, at);
    scroller.scrollTop = scrollTop;
  }
  picker.arrange(views);
  menu.close();
}

/** The focus is not lost with a card: it goes along, or to the one that stands there now. */
function focusAgain(callId, view, place, control) {
  const key = state.placeOf(callId);
  if (key !== null) {
    const card = viewOf(key).reveal(callId);
    const target = control === "BUTTON" && card.button ? card.button : card.link;
    target.focus({ preventScroll: true });
    viewOf(key).node.scrollIntoView({ inline: "nearest", block: "nearest" });
    return;
  }
  const ids = view && state.column(view.key)?.ids;
  const next = ids?.[Math.min(place, ids.length - 1)] ?? views.find(({ current }) => current !== null)?.current;
  if (next) focus(next);
  else board.focus({ preventScroll: true });
}

/** What had the focus is gone: on to the card that had it before, or to what else there is. */
function focusBack() {
  if (document.activeElement !== document.body && document.activeElement?.checkVisibility()) return;
  const view = viewOf(state.placeOf(lastFocused));
  const card = view?.viewOf(lastFocused) ?? view?.reveal(lastFocused);
  const current = views.map((one) => one.viewOf(one.current)).find(Boolean);
  const target = (card ?? current)?.link ?? filters.field;
  target.focus({ preventScroll: true });
}

board.addEventListener("focusin", ({ target }) => {
  lastFocused = target.closest(".call-card")?.dataset.callId ?? lastFocused;
});

function showWhole() {
  part("total").textContent = callWords(state.total());
  const { isEmpty } = state;
  part("board").toggleAttribute("data-empty", isEmpty);
  part("no-columns").hidden = state.columns.length > 0;
  part("empty").hidden = !isEmpty || isFiltered(asked) || !state.columns.length;
  part("nothing").hidden = !isEmpty || !isFiltered(asked) || !state.columns.length;
  picker.show();
}

function viewOf(key) {
  return views.find((view) => view.key === key);
}

function focus(callId) {
  const view = viewOf(state.placeOf(callId));
  view.node.scrollIntoView({ inline: "nearest", block: "nearest" });
  view.reveal(callId)?.link.focus({ preventScroll: true });
}

function say(words) {
  said.textContent = words;
}

setInterval(() => {
  const now = new Date();
  for (const view of views) view.showTimes(now);
}, FRESHEN_EVERY_MS);

// --- Reading ---

/** The whole board as it is now. */
async function read() {
  clearTimeout(readAnyway);
  reading?.abort();
  const request = new AbortController();
  reading = request;
  missed = [];
  // Down to where one is: what was seen stays there.
  const depths = new Map(hasBoard ? views.map((view) => [view.key, view.depth]) : []);
  let found;
  try {
    found = await server.read(asked, { depths, signal: request.signal });
  } catch {
    // Given up for another one, which tells.
    return;
  }
  reading = null;
  if (found.status === 200) {
    barren.clear();
    state.replace(found.answer);
    for (const frame of missed) state.apply(frame);
    for (const view of views) {
      if (!state.column(view.key)) continue;
      view.await({ isLoading: false });
      if (!hasBoard) view.scroller.scrollTop = 0;
    }
    hasBoard = true;
    showBoard();
  } else {
    if (hasBoard) for (const frame of missed) take(frame);
    showFailed(found);
  }
}

const pages = new Map();
/** Key of a column → how many pages in a row brought nothing: filters may let through what is rare. */
const barren = new Map();

/** The next cards of a column, because somebody wants them. */
function readFurther(key) {
  barren.delete(key);
  return readOn(key);
}

/** The next cards of a column. */
async function readOn(key) {
  const { next } = state.column(key);
  if (next === null || pages.has(key)) return;
  const view = viewOf(key);
  const request = new AbortController();
  pages.set(key, request);
  view.await({ isLoading: true });
  let found;
  try {
    found = await server.readOn(next, ON_A_PAGE, request.signal);
  } catch {
    view.await({ isLoading: false });
    return;
  } finally {
    if (pages.get(key) === request) pages.delete(key);
  }
  // Meanwhile all may have been read anew.
  if (state.column(key)?.next !== next) {
    view.await({ isLoading: false });
    return;
  }
  if (found.status !== 200) {
    view.await({ isLoading: false, halt: { words: found.status === 401 ? "You are signed out." : "More calls could not be loaded.", label: "Try again" } });
    return;
  }
  const [page] = found.answer.columns;
  barren.set(key, page.cards.length ? 0 : (barren.get(key) ?? 0) + 1);
  const isBarren = page.next !== null && barren.get(key) >= MOST_BARREN;
  view.await({ isLoading: false, halt: isBarren ? { words: "No more among newer calls.", label: "Look further back" } : null });
  state.addPage(key, page);
  show();
}

function showBoard() {
  const hadFocus = ["failed", "stale"].some((id) => part(id).contains(document.activeElement));
  part("failed").hidden = true;
  part("stale").hidden = true;
  board.hidden = false;
  board.ariaBusy = "false";
  part("skeleton")?.remove();
  document.body.toggleAttribute("data-may-move", state.mayMove);
  show();
  // Where there are no columns, none has changed.
  showWhole();
  if (hadFocus) focusBack();
}

function showFailed({ status, answer }) {
  const words = {
    0: "The server cannot be reached. Nothing is lost; try again when you are back online.",
    401: "You are signed out. The filters are kept in the address.",
  };
  const fields = Object.values(answer.error?.fields ?? {}).flat().join(" ");
  const why = words[status] ?? ([answer.error?.message, fields].filter(Boolean).join(" ") || `The server answered with error ${status}. Nothing was changed.`);
  if (hasBoard) {
    part("stale").hidden = false;
    part("stale-why").textContent = why;
    return;
  }
  for (const id of ["empty", "nothing", "no-columns"]) part(id).hidden = true;
  board.hidden = true;
  part("skeleton")?.remove();
  part("failed").hidden = false;
  part("failed-why").textContent = why;
  part("again").hidden = status === 401;
  part("sign-in-again").hidden = status !== 401;
  part("sign-in-again").href = `${signIn}?next=${encodeURIComponent(location.pathname + location.search)}`;
}

// --- Live ---

const live = new LiveBoard({
  address: socket,
  onReady: read,
  onReload: read,
  onFrame: (frame) => {
    if (reading) missed.push(frame);
    else if (hasBoard) take(frame);
  },
  onState: showConnection,
  whyRefused: async () => {
    const { status } = await server.read(asked);
    if (status === 401) return "signed_out";
    return status === 403 ? "refused" : null;
  },
});

function take(frame) {
  state.apply(frame);
  show({ isNews: true });
}

function showConnection(name) {
  const words = {
    waiting: "Live updates are away. What you see may be older.",
    signed_out: "You are signed out.",
    refused: "The board is not open to you any more.",
    bad_address: "Without live updates: the server does not know these filters.",
  }[name];
  // While it connects again, the line stays as it is.
  if (name === "connecting") return;
  const hadFocus = part("away").contains(document.activeElement);
  part("away").hidden = !words;
  part("away-words").textContent = words ?? "";
  part("connect-now").hidden = name !== "waiting";
  part("away-sign-in").hidden = name !== "signed_out";
  part("away-sign-in").href = `${signIn}?next=${encodeURIComponent(location.pathname + location.search)}`;
  if (hadFocus) focusBack();
}

part("connect-now").addEventListener("click", () => live.hurry());
for (const id of ["again", "stale-again"]) part(id).addEventListener("click", () => read());

// --- Moving ---

const moves = new Moves({ state, server, toast, say, show, viewOf, focus, onColumnGone: read });

function target(callId, key) {
  for (const view of views) {
    view.node.classList.toggle("target", view.key === key);
    if (view.gap || view.key === key) view.showGap(view.key === key ? callId : null);
  }
}

/** Nothing is carried any more. */
function letGo(callId) {
  target(callId, null);
  for (const view of views) {
    if (!view.held.delete(callId)) continue;
    if (view.column) view.render();
  }
}

const drag = new Drag({
  board,
  mayMove: () => state.mayMove,
  columns: () => views,
  onLift: (callId) => {
    moves.look(callId);
    viewOf(state.placeOf(callId)).held.add(callId);
  },
  onOver: (key) => target(drag.callId, key),
  onDrop: (callId, key, flight) => {
    letGo(callId);
    moves.make(callId, key, { flight });
  },
  onCancel: (callId, flight) => {
    letGo(callId);
    moves.forget(callId);
    flight.land(viewOf(state.placeOf(callId))?.viewOf(callId)?.node);
  },
});

const keyboard = new Keyboard({
  board,
  columns: () => views,
  focus,
  mayMove: () => state.mayMove,
  onTarget: (callId, key) => {
    target(callId, key);
    viewOf(state.placeOf(callId))?.viewOf(callId)?.node.classList.toggle("moving", key !== null);
    if (key === null) return;
    viewOf(key).node.scrollIntoView({ inline: "nearest", block: "nearest" });
    viewOf(key).revealGap();
  },
  onDrop: (callId, key) => moves.make(callId, key, { isFollowed: true }),
  onUndo: () => moves.undo(),
  say,
});

const menu = new MoveMenu({ menu: part("move-menu"), state, onMove: (callId, key) => moves.make(callId, key, { isFollowed: true }) });
board.addEventListener("click", ({ target: clicked }) => {
  const button = clicked.closest(".call-more");
  if (button) menu.open(button.closest(".call-card").dataset.callId, button);
});

// --- Filters ---

const filters = new FilterBar({
  box: part("filters"),
  people: JSON.parse(part("people").textContent),
  me,
  onChoose: (changes, { isTyping = false } = {}) => {
    const wasTyping = isTyping && history.state?.isTyping;
    const next = { ...asked, ...changes };
    const address = toAddress(next) || location.pathname;
    if (address === (toAddress(asked) || location.pathname)) return;
    // What is typed letter by letter is one step back.
    if (wasTyping) history.replaceState({ isTyping }, "", address);
    else history.pushState({ isTyping }, "", address);
    watch(next);
  },
});

/** Show what these filters ask, now and as it changes. */
function watch(next) {
  asked = next;
  hasBoard = false;
  // What the filters before asked is not wanted any more.
  reading?.abort();
  reading = null;
  filters.show(asked);
  drag.cancel();
  for (const request of pages.values()) request.abort();
  pages.clear();
  board.ariaBusy = "true";
  live.watch(asked);
  clearTimeout(readAnyway);
  readAnyway = setTimeout(read, SOCKET_WITHIN_MS);
}

/** What the address asks; what it cannot ask is told, and does not stay in it. */
function watchAddress() {
  const names = leftOut(location.search);
  const next = fromAddress(location.search);
  if (names.length) {
    history.replaceState(history.state, "", toAddress(next) || location.pathname);
    toast.show(leftOutWords(names), { tone: "failed" });
    say(leftOutWords(names));
  }
  watch(next);
}

addEventListener("popstate", watchAddress);
part("clear-too").addEventListener("click", () => filters.clearAll());
watchAddress();
