// One call: read, heard, corrected, judged. What the server says of it is shown by parts; what somebody does to it is
// asked of the server, and then read again.

import { useMaskedSwitch } from "../audio/masked_switch.js";
import { showAll } from "../audio/times.js";
import { ContactPicker } from "./call/contact_picker.js";
import { showEmotions, showFigures, showVerdict } from "./call/figures.js";
import { Flags } from "./call/flags.js";
import { Head } from "./call/head.js";
import { useKeys } from "./call/keys.js";
import { LineEditor } from "./call/line_editor.js";
import { LineList } from "./call/line_list.js";
import { atSecond, isMissing, saidAt, secondIn, soundOf, toSecond } from "./call/lines.js";
import { History, Notes } from "./call/notes.js";
import { Reading } from "./call/reading.js";
import { CallServer } from "./call/server.js";
import { Sound } from "./call/sound.js";
import { SpeakerDialog } from "./call/speakers.js";
import { SpokenWord } from "./call/spoken.js";
import { Timeline } from "./call/timeline.js";
import { Watch } from "./call/watch.js";
import { Tabs, leadBack, useExportMenu } from "./call/ways.js";

const part = (id) => document.getElementById(id);
const { callId, sessionId, call, view, contact, contacts, csrfToken, mayEdit, mayReview, seconds } = part("call").dataset;
const named = secondIn(location.search, Number(seconds) || Infinity);

const server = new CallServer({ call, view, contact, contacts, csrfToken });
const reading = new Reading({ server, onShow: show, onOthers: showOthers });
const said = (words) => {
  part("problem").hidden = !words;
  part("problem-words").textContent = words;
};

// --- From what the server says to the page ---

function show(shown, before) {
  head.show(shown);
  showFigures(part("figures"), shown);
  showEmotions(part("emotions"), shown, { onSeek: goTo });
  showVerdict(part("completeness"), shown);
  part("summary").hidden = !shown.call.summary;
  part("summary").querySelector("p").textContent = shown.call.summary;
  flags.show(shown);
  notes.show(shown);
  log.show(shown);
  timeline?.show(shown);
  if (sound && shown.recording) sound.renew(shown.recording, soundOf(shown));
  showLines(shown, before);
  part("call").setAttribute("aria-busy", "false");
}

function showLines({ lines, suspicion, sides, history: told, call: shown }, before) {
  editor.across(() => list.show(lines, suspicion.flags, sides), { history: told });
  if (!before) {
    const place = named === null ? -1 : atSecond(lines, named);
    if (lines.length) list.fillFrom(place);
    if (place !== -1) list.light(place, { scroll: true });
  } else if (lines.length) {
    list.fillFrom(list.focused ?? 0);
  }
  part("call-count").textContent = lines.length ? `${lines.length.toLocaleString("en")} line${lines.length === 1 ? "" : "s"}` : "";
  part("no-lines").hidden = lines.length > 0;
  part("no-lines").textContent = withoutLines(shown);
  const silent = document.querySelector(".call-silent");
  if (silent) silent.hidden = !lines.length && !shown.session_id;
  if (!lines.length) part("lines").replaceChildren();
}

function withoutLines({ status, session_id: recordedAs }) {
  if (status === "in_progress") return "Nothing has been heard yet. Words appear here as they are said.";
  return recordedAs ? "Nobody was heard speaking in this call." : "Of this call there are neither words nor a recording.";
}

/** Somebody else changed the call: `what` in words, null when that is shown by now. */
function showOthers(what) {
  part("changed").hidden = what === null;
  if (what !== null) part("changed-words").textContent = what;
}

// --- The transcript, and where in it one is ---

const list = new LineList({
  list: part("lines"),
  mayEdit: mayEdit === "yes",
  onChoose: choose,
  onEdit: edit,
  onRename: (speaker, place) => speakers.open(speaker, reading.shown.figures.parts, { place }),
});
const editor = new LineEditor({
  list,
  onSave: (id, values) => 
    reading.act((version) => server.correct(id, values, version), { withLines: true, stands: () => editor.stands }),
  onClose: (place) => list.focus(place),
});
// Who may not edit has no dialog, and no names that open it.
const speakers = part("rename")
  ? new SpeakerDialog({
      dialog: part("rename"),
      onRename: (from, to) => reading.act((version) => server.rename(from, to, version), { withLines: true }),
      onDone: (place) => list.focusSpeaker(place),
    })
  : null;
const spoken = new SpokenWord();

function choose(place) {
  list.light(place);
  goTo(list.lines[place].start, { shown: true });
}

function edit(place) {
  if (mayEdit !== "yes" || !list.lines[place]) return;
  sound?.pause();
  editor.open(place, { speakers: reading.shown.figures.parts.map((one) => one.speaker) });
}

/** Everything has its second: the address says it, the line at it is lit, the sound goes on from it. */
function goTo(second, { shown = false } = {}) {
  history.replaceState(history.state, "", `?t=${toSecond(second)}`);
  if (!shown) {
    const place = atSecond(list.lines, second);
    if (place !== -1) list.light(place);
    if (place !== -1) list.scrollTo(place);
  }
  follow(true);
  sound?.seek(second);
}

// --- What is heard ---

let follows = true;
let heardPlace = -1;

const sound = part("player")
  ? new Sound({ box: part("player"), seconds: Number(seconds), position: named ?? 0, onMove: hear })
  : null;
const timeline = sound
  ? new Timeline({ box: part("wave"), seconds: Number(seconds), onSeek: goTo, onFlag: (flagId) => flags.point(flagId), onMasked: useMaskedSwitch(sound.player) })
  : null;

timeline?.setPosition(sound.at);

// What is beside and under the player knows how much room it takes.
if (sound) {
  new ResizeObserver(([{ target }]) => {
    part("call").style.setProperty("--player-height", `${target.offsetHeight + 8}px`);
  }).observe(part("player"));
}

function hear(second, isPlaying) {
  timeline?.setPosition(second);
  const place = second > 0 ? saidAt(list.lines, second) : -1;
  const isSilent = place !== -1 && second >= list.lines[place].end && isMissing(reading.shown?.verdict?.gaps ?? [], second);
  const row = list.markPlaying(isSilent ? -1 : place);
  spoken.mark(row, list.lines[place], second);
  if (place !== heardPlace && row && isPlaying && follows && !editor.isOpen) list.scrollTo(place, { behavior: gently(row) });
  heardPlace = place;
}

/** What is near is scrolled to softly, for who has nothing against it. */
function gently(row) {
  const isNear = Math.abs(row.getBoundingClientRect().top - innerHeight / 2) < innerHeight;
  return isNear && !matchMedia("(prefers-reduced-motion: reduce)").matches ? "smooth" : "auto";
}

function follow(wanted) {
  follows = wanted;
  part("follow").hidden = wanted || !sound;
}

// Only who scrolls themselves stops it; what the page scrolls tells of no wish.
for (const kind of ["wheel", "touchmove"]) addEventListener(kind, () => sound?.isPlaying && follow(false), { passive: true });
addEventListener("keydown", ({ key }) => {
  if (["PageUp", "PageDown", "Home", "End"].includes(key) && sound?.isPlaying) follow(false);
});
part("follow").addEventListener("click", () => {
  follow(true);
  if (heardPlace !== -1) list.scrollTo(heardPlace);
});

// --- The head and the right column ---

const head = new Head({
  box: part("call-head"),
  say: said,
  onLeave: () => location.replace(part("back").href),
  changes: {
    subject: (subject) => reading.act((version) => server.change({ subject }, version)),
    move: (statusId) => reading.act((version) => server.move(statusId, version)),
    assign: (personId) => reading.act((version) => server.change({ assigned_to_id: personId }, version)),
    remove: () => server.remove(),
  },
});
if (part("choose-contact")) {
  const picker = new ContactPicker({
    dialog: part("choose-contact"),
    onFind: (lookups) => server.findContacts(lookups),
    onChoose: (contactId) => {
      const seen = reading.shown.call.contact_id;
      const stands = () => reading.shown.call.contact_id === seen;
      return reading.act((version) => server.chooseContact(contactId, version), { stands });
    },
  });
  part("contact-choose").addEventListener("click", () => reading.shown && picker.open(reading.shown.call));
}
const flags = new Flags({
  box: part("flags"),
  mayReview: mayReview === "yes",
  say: said,
  onJudge: (flagId, verdict) => reading.act(() => server.judge(flagId, verdict)),
});
const notes = new Notes({ box: part("notes"), onNote: (text) => reading.act(() => server.note(text)) });
const log = new History({
  box: part("history"),
  onLine: (id) => {
    const place = list.lines.findIndex((line) => line.id === id);
    if (place !== -1) goTo(list.lines[place].start);
  },
});

// --- What the reader does ---

const tabs = new Tabs(part("call"));
useKeys({
  space: () => sound?.toggle(),
  pause: () => sound?.pause(),
  leap: (direction) => sound?.leap(direction),
  step: (direction) => sound?.step(direction),
  speed: (direction) => sound?.changeSpeed(direction),
  line: (direction) => {
    if (!list.lines.length) return;
    const from = list.focused ?? (heardPlace === -1 ? null : heardPlace - direction);
    list.focus(from === null ? 0 : Math.max(0, Math.min(list.lines.length - 1, from + direction)));
  },
  choose: () => choose(list.focused),
  edit: () => edit(list.focused ?? heardPlace),
  follow: () => part("follow").click(),
});
addEventListener("click", (event) => {
  const link = event.target.closest("[data-seeks]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  tabs.show("transcript");
  goTo(Number(link.dataset.seeks));
});
part("changed-show").addEventListener("click", () => reading.showOthers());
part("problem-close").addEventListener("click", () => said(""));
part("load-again").addEventListener("click", load);
useExportMenu(part("export"));
leadBack(part("back"));
showAll();

async function load() {
  part("not-loaded").hidden = true;
  try {
    await reading.begin();
  } catch (refusal) {
    part("not-loaded").hidden = false;
    part("not-loaded-words").textContent =
      refusal.status === 404 ? "This call was deleted, or is not open to you any more." : refusal.message.replace("Nothing was changed; try", "Try");
    return;
  }
  watch ??= new Watch({
    callId,
    sessionId: reading.shown.call.status === "in_progress" ? sessionId : "",
    readAsOf: () => reading.shown.call.updated_at,
    onNews: () => reading.news(),
    onGone: () => said("This call was deleted, or is not open to you any more. What you see is how it was."),
  });
}

let watch = null;
load();
