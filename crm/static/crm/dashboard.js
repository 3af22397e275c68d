// The dashboard: a reading comes over REST, newer ones by the socket, and each part of the page shows its part of them.

import { Connection, socketAddress } from "../audio/connection.js";
import { ConnectionLine } from "../audio/connection_line.js";
import { write } from "../audio/dom.js";
import { localClock } from "../audio/format.js";
import { AlertList, AlertStrip } from "./dashboard/alert_list.js";
import { RANGES, faultOf, fromAddress, isNarrowed, isTooShort, rangeOf, stretchOf, toAddress, toServer, windowOf } from "./dashboard/asked.js";
import { Chart } from "./dashboard/chart.js";
import { NamePicker } from "./dashboard/name_picker.js";
import { onTheme } from "./dashboard/palette.js";
import { plotsOf, timesOf } from "./dashboard/plots.js";
import { DashboardServer } from "./dashboard/server.js";
import { IntakeView, TierView } from "./dashboard/server_view.js";
import { NameTable, OperationTable, QueueTable } from "./dashboard/tables.js";
import { Tiles } from "./dashboard/tiles.js";
import { count, namesTime, stretch, zone } from "./dashboard/words.js";

const PIPELINES = [
  { id: "dubbing", name: "Dubbing" },
  { id: "audio", name: "Recorded calls" },
];
const PARTS = ["segments", "alerts", "intake", "queues", "operations", "tiers", "losses"];
/** What a part is called when it cannot be read. */
const NAMES = {
  segments: "Your company’s segments",
  alerts: "Alerts",
  intake: "The intake queue",
  queues: "The workers’ queues",
  operations: "Operations",
  tiers: "Where figures are kept",
};
const TITLE = document.title;
// Axes move on also while nothing is told.
const MOVE_ON_MS = 30_000;

const part = (id) => document.getElementById(id);
const box = part("dashboard");
const chip = (name) => document.querySelector(`[data-filter="${name}"]`);
const say = (words) => {
  part("said").textContent = words;
};

let asked = fromAddress(location.search);
/** Part → what was last read of it. */
let shown = {};
/** Part → why it could not be read just now. */
let missing = {};
/** Of the server's clock against this one, in milliseconds. */
let clockOffset = 0;
let seenAt = null;
let loading = null;
/** Whether the socket was closed by what nobody asked for. */
let isLost = false;

const now = () => (Date.now() + clockOffset) / 1000;

const server = new DashboardServer({ address: box.dataset.address, csrfToken: box.dataset.csrfToken });
const tiles = new Tiles(box);
const charts = Object.fromEntries(
  [...box.querySelectorAll("[data-chart]")].map((chart) => [chart.dataset.chart, new Chart(chart, { onStretch: chooseStretch, onLeave: leaveStretch, say })]),
);
const channelTable = new NameTable(part("channels"), { onChoose: (channel) => choose({ channel }) });
const userTable = new NameTable(part("users"), { onChoose: (user) => choose({ user }) });
const operationTable = new OperationTable(part("operations"));
const queueTable = new QueueTable(part("queues"));
const intakeView = new IntakeView(part("intake"));
const tierView = new TierView(part("tiers"));
const alertStrip = new AlertStrip(part("alerts-strip"));
const alertList = new AlertList(part("alerts"), { onAcknowledge: acknowledge });
const pickers = {
  channel: new NamePicker(chip("channel"), part("menu-channel"), { find: "Find a channel", onChoose: (channel) => choose({ channel }) }),
  user: new NamePicker(chip("user"), part("menu-user"), { find: "Find a person", onChoose: (user) => choose({ user }) }),
  pipeline: new NamePicker(chip("pipeline"), part("menu-pipeline"), { find: "Find a pipeline", onChoose: (pipeline) => choose({ pipeline }) }),
};

// --- What is asked ---

function choose(changes) {
  go({ ...asked, ...changes });
}

function chooseRange(range) {
  choose({ range, since: null, until: null });
}

function chooseStretch(from, to) {
  const [since, until] = stretchOf(from, to, shown.segments.step_seconds, now());
  choose({ since, until });
}

function leaveStretch() {
  if (asked.since !== null) choose({ since: null, until: null });
}

/** Each choice is a step back in the browser's history. */
function go(wanted) {
  if (toAddress(wanted) === toAddress(asked)) return;
  asked = wanted;
  history.pushState(null, "", `${location.pathname}${toAddress(asked)}${location.hash}`);
  load();
}

addEventListener("popstate", () => {
  const before = toAddress(asked);
  asked = fromAddress(location.search);
  if (toAddress(asked) !== before) load();
});

function showAsked() {
  for (const button of document.querySelectorAll("[data-range]")) {
    const { range } = button.dataset;
    button.ariaPressed = String(asked.since === null && range === rangeOf(asked));
    button.disabled = isTooShort(range, asked.user);
    button.title = button.disabled ? "Not kept by the minute for one person" : "";
  }
  part("stretch").hidden = asked.since === null;
  if (asked.since !== null) write(part("stretch").querySelector(".chip-words"), stretch(asked.since, asked.until));
  pickers.channel.show(shown.segments?.channels ?? [], asked.channel);
  pickers.user.show(shown.segments?.users ?? [], asked.user);
  pickers.pipeline.show(PIPELINES, asked.pipeline);
  part("clear").hidden = !isNarrowed(asked);
  const fault = faultOf(location.search);
  part("link-fault").hidden = !fault;
  write(part("link-fault"), fault);
}

// --- Reading ---

async function load() {
  loading?.abort();
  loading = new AbortController();
  const { signal } = loading;
  connection.stop();
  showAsked();
  box.ariaBusy = "true";
  let found;
  try {
    found = await server.read(asked, signal);
  } catch {
    // Something else is asked meanwhile.
    return;
  }
  if (signal.aborted) return;
  box.ariaBusy = "false";
  const { status, answer } = found;
  if (status === 200) {
    part("stale").hidden = true;
    take(answer);
  } else {
    showFault(status, answer);
  }
  if (status !== 401 && status !== 403 && document.visibilityState === "visible") connection.start();
}

function showFault(status, answer) {
  const faults = {
    0: "The server does not answer.",
    401: "You are signed out.",
    403: "This page is no longer open to you.",
  };
  const kept = seenAt ? ` What you see is as of ${localClock(seenAt)}.` : "";
  write(part("stale-words"), `${faults[status] ?? answer.error?.message ?? "The figures could not be read."}${kept}`);
  part("stale").hidden = false;
}

function take(reading) {
  clockOffset = Date.parse(reading.at) - Date.now();
  seenAt = new Date();
  for (const name of PARTS) if (name in reading) shown[name] = reading[name];
  if ("missing" in reading) missing = Object.fromEntries(reading.missing.map(({ part: name, message }) => [name, message]));
  show();
}

const connection = new Connection({
  open: () => new WebSocket(socketAddress(`${box.dataset.socket}?${toServer(asked)}`)),
  onFrame: (frame) => {
    if (frame.type !== "reading") return;
    part("stale").hidden = true;
    take(frame);
  },
  onState: ({ name }) => {
    if (name === "waiting") isLost = true;
    if (name === "live") isLost = false;
    line.show();
  },
  whyRefused,
});
const line = new ConnectionLine(connection, {
  words: (name) =>
    ({
      connecting: isLost ? "Reconnecting …" : "Connecting",
      live: "Live",
      signed_out: "Signed out:",
      refused: "This page is no longer open to you",
      bad_address: "These filters cannot be shown",
    })[name],
  consolation: () => (seenAt ? `what you see is as of ${localClock(seenAt)}` : "nothing is lost meanwhile"),
});

async function whyRefused() {
  const { status } = await server.read(asked).catch(() => ({ status: 0 }));
  return { 401: "signed_out", 403: "refused" }[status] ?? null;
}

async function acknowledge(alertId) {
  const { status, answer } = await server.acknowledge(alertId);
  if (status !== 200) return answer.error?.message ?? "That did not work. Try again.";
  say("Acknowledged");
  load();
  return "";
}

// --- Showing ---

function show() {
  showAsked();
  showMissing();
  if (shown.segments) showSegments();
  if (shown.alerts) showAlerts();
  if (shown.intake) {
    intakeView.show(shown.intake);
    tiles.showIntake(shown.intake, shown.alerts);
  }
  if (shown.queues) {
    queueTable.show(shown.queues);
    part("queues-none").hidden = shown.queues.length > 0;
  }
  if (shown.operations) operationTable.show(shown.operations);
  if (shown.tiers) {
    tierView.show(shown.tiers);
    part("tiers-none").hidden = shown.tiers.length > 0;
    part("tiers").querySelector(".tier-row").hidden = shown.tiers.length === 0;
  }
  if (shown.losses) showLosses(shown.losses);
}

function showSegments() {
  const { segments } = shown;
  const window = windowOf(asked, now());
  const { starts, middles } = timesOf(segments);
  const seconds = segments.step_seconds;
  const running = segments.points.findIndex((point) => point.is_running);
  const frame = {
    starts,
    middles,
    step: segments.step,
    since: Math.min(window[0], starts[0] ?? window[0]),
    until: Math.max(window[1], starts.length ? starts.at(-1) + seconds : 0),
    running: running === -1 ? null : running,
    now: now(),
  };
  tiles.showSegments(segments, shown.alerts, { now: now(), asked });
  const isEmpty = segments.totals.segments === 0;
  part("empty").hidden = !isEmpty;
  part("charts").hidden = part("names").hidden = isEmpty;
  if (isEmpty) return showEmpty();
  const plots = plotsOf(segments);
  for (const [name, chart] of Object.entries(charts)) chart.show(plots[name], frame);
  channelTable.show(segments.channels, asked.channel);
  userTable.show(segments.users, asked.user);
  write(part("channels").querySelector(".names-since"), namesTime(segments, segments.channels_since, now()));
  write(part("users").querySelector(".names-since"), namesTime(segments, segments.users_since, now()));
}

function showEmpty() {
  const isWhole = asked.since === null && asked.range === "90d";
  const isFiltered = isNarrowed(asked);
  write(part("empty-title"), isFiltered ? "No segments match these filters" : isWhole ? "No segments yet" : "No segments in this time");
  write(
    part("empty-words"),
    isFiltered
      ? "There may be others that they leave out."
      : "A segment is one piece of work: a stretch of dubbed video, or a chunk of a recorded call, which counts by itself. Their number, errors, latency, languages and sizes appear here. The first video segment is sent like this:",
  );
  part("empty").querySelector(".command").hidden = isFiltered;
  part("look-back").hidden = isWhole;
  part("show-all").hidden = !isFiltered;
}

function showAlerts() {
  const { ongoing } = shown.alerts;
  alertList.show(shown.alerts, now());
  alertStrip.show(ongoing, now());
  const unknown = ongoing.filter(({ acknowledged_at: at }) => at === null).length;
  part("alerts-told").hidden = ongoing.length === 0;
  write(part("alerts-told").lastElementChild, alertWords(ongoing.length, unknown));
  part("alerts-told").toggleAttribute("data-known", unknown === 0);
  document.title = unknown ? `(${unknown}) ${TITLE}` : TITLE;
}

function alertWords(all, unknown) {
  const alerts = `${count(all)} ${all === 1 ? "alert" : "alerts"}`;
  if (unknown === 0) return `${alerts} acknowledged`;
  return unknown === all ? `${alerts} open` : `${alerts}, ${count(unknown)} open`;
}

function showLosses({ segments_dropped: dropped, hours_lost: lost }) {
  const words = [
    dropped && `${count(dropped)} segments were dropped since ever: Redis could not take them in time, and the work went on.`,
    lost && `Of ${count(lost)} ${lost === 1 ? "hour" : "hours"} segments were lost since ever, because Redis lost them before they were stored.`,
    dropped === 0 && lost === 0 && "No segment was ever dropped or lost.",
  ];
  write(part("losses"), words.filter(Boolean).join(" "));
  part("losses").toggleAttribute("data-any", Boolean(dropped || lost));
}

function showMissing() {
  for (const notice of box.querySelectorAll("[data-away]")) {
    const name = notice.dataset.away;
    const message = missing[name];
    notice.hidden = message === undefined;
    if (message) write(notice, `${NAMES[name]} cannot be read just now. ${message}${name in shown ? " What stands here was read before." : ""}`);
    const content = box.querySelector(`[data-part="${name}"]`);
    if (content) content.hidden = message !== undefined && !(name in shown);
  }
  if ("segments" in missing && !shown.segments) tiles.showNothing(["throughput", "errors", "latency"]);
  if ("intake" in missing && !shown.intake) tiles.showNothing(["queue"]);
  box.toggleAttribute("data-without-segments", "segments" in missing && !("segments" in shown));
}

// --- What the reader does ---

for (const button of document.querySelectorAll("[data-range]")) {
  button.addEventListener("click", () => chooseRange(button.dataset.range));
}
part("stretch").querySelector(".chip-clear").addEventListener("click", () => {
  document.querySelector(`[data-range="${rangeOf(asked)}"]`).focus();
  leaveStretch();
});
for (const id of ["clear", "show-all"]) {
  part(id).addEventListener("click", () => choose({ channel: "", user: "", pipeline: "" }));
}
part("look-back").addEventListener("click", () => chooseRange("90d"));
part("again").addEventListener("click", load);

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open], :popover-open")) return;
  if (event.target.closest("input, select, textarea")) return;
  const range = Object.keys(RANGES)[Number(event.key) - 1];
  if (range && !isTooShort(range, asked.user)) chooseRange(range);
});

// Who does not look needs no figures; who looks again wants those of now.
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") connection.stop();
  else load();
});

onTheme(() => {
  for (const chart of Object.values(charts)) chart.redraw();
});
setInterval(() => {
  if (document.visibilityState === "visible" && shown.segments) show();
}, MOVE_ON_MS);

const offset = new Date().getTimezoneOffset();
write(part("zone"), `${offset === 0 ? "Times are UTC" : `Times are yours, ${zone(offset)}; days are those of UTC`}. What still runs is shaded.`);
load();
