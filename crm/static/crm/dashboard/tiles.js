// The first row: four numbers, each with a small line of how it came to be, and where it would be too much.

import { write } from "../../audio/dom.js";
import { ceiling, coveredSeconds, sparkline } from "./plots.js";
import { NONE, aStep, bytes, count, milliseconds, perStep, rate, share } from "./words.js";

const [WIDTH, HEIGHT] = [240, 44];
/** Of the queue no past is kept: its line is what this page has seen. */
const MOST_SEEN = 120;

export class Tiles {
  #seen = [];

  constructor(box) {
    this.tiles = Object.fromEntries([...box.querySelectorAll("[data-tile]")].map((tile) => [tile.dataset.tile, tile]));
  }

  /** `segments` as in a reading, `alerts` too or undefined; `now` in seconds, `asked` as an address has it. */
  showSegments(segments, alerts, { now, asked }) {
    const { points, totals, step, step_seconds: seconds } = segments;
    const { pipeline } = asked;
    // Rules look at the company's last minutes: their alerts say nothing of a channel, a person or another time.
    const isOfRules = !asked.channel && !asked.user && asked.since === null;
    const isOpen = (kind) => isOfRules && hasAlert(alerts, kind, pipeline);
    this.#show("throughput", {
      number: rate(totals.segments / (coveredSeconds(segments, now) / seconds)),
      unit: aStep(step),
      beside: `${count(totals.segments)} ${totals.segments === 1 ? "segment" : "segments"}, ${bytes(totals.original_bytes + totals.dubbed_bytes)}`,
      values: points.map((point) => (point.is_missing ? null : point.segments)),
      said: `Segments ${perStep(step)}`,
    });
    const errors = ruleOf(alerts, "error_count", pipeline);
    const tooMany = errors ? errors.threshold / 100 : null;
    this.#show("errors", {
      number: share(totals.error_share),
      unit: "",
      beside: `${count(totals.errors)} failed`,
      limit: errors ? `alert over ${share(tooMany)}${within(errors)}` : "",
      top: tooMany,
      values: points.map((point) => point.error_share),
      isOver: isOpen("error_count"),
      said: `Share of errors ${perStep(step)}`,
    });
    // Of one person's segments only the average is known.
    const isByAverage = totals.p95_ms === null && totals.average_ms !== null;
    const kind = pipeline === "audio" ? "avg_audio_ms" : "avg_total_ms";
    const slow = ruleOf(alerts, kind);
    const average = isByAverage || totals.average_ms === null ? "" : `average ${milliseconds(totals.average_ms)}`;
    const limit = slow ? `${average ? "" : "average: "}alert over ${milliseconds(slow.threshold)}` : "";
    this.#show("latency", {
      name: isByAverage ? "Average latency" : "p95 latency",
      number: milliseconds(isByAverage ? totals.average_ms : totals.p95_ms),
      unit: "",
      beside: [average, limit].filter(Boolean).join(", "),
      limit: slow ? `${pipeline ? "" : "of dubbing"}${within(slow)}`.trim() : "",
      top: isByAverage && pipeline && slow ? slow.threshold : null,
      values: points.map((point) => (isByAverage ? point.average_ms : point.p95_ms)),
      isOver: isOpen(kind) || (!pipeline && isOpen("avg_audio_ms")),
      said: `Latency ${perStep(step)}`,
    });
  }

  /** Of what cannot be read. */
  showNothing(names) {
    for (const name of names) this.#show(name, { number: NONE, unit: "", beside: "Cannot be read just now", values: [], said: "Nothing" });
  }

  showIntake(intake, alerts) {
    const waiting = intake.queued + intake.processing;
    this.#seen = [...this.#seen, waiting].slice(-MOST_SEEN);
    const full = ruleOf(alerts, "queue_percent");
    this.#show("queue", {
      number: count(waiting),
      unit: waiting === 1 ? "conversation" : "conversations",
      beside: `of at most ${count(intake.most_queued)}`,
      limit: full ? `alert over ${share(full.threshold / 100)}` : "",
      top: full ? (full.threshold / 100) * intake.most_queued : null,
      values: this.#seen,
      isOver: hasAlert(alerts, "queue_percent"),
      said: "Waiting conversations since this page was opened",
    });
  }

  #show(name, { name: title, number, unit, beside, limit = "", top = null, values, isOver = false, said }) {
    const tile = this.tiles[name];
    const part = (which) => tile.querySelector(`.tile-${which}`);
    if (title) write(part("title"), title);
    write(part("number"), number);
    write(part("unit"), unit);
    write(part("beside"), beside);
    write(part("limit"), limit);
    tile.toggleAttribute("data-over", isOver);
    part("over").hidden = !isOver;
    const known = values.filter((value) => value !== null);
    // The threshold is in sight unless the figures are so far from it that they would lie flat.
    const largest = Math.max(0, ...known);
    const isInSight = top !== null && top <= Math.max(largest * 4, 1e-9);
    const height = ceiling(isInSight ? Math.max(largest, top) * 1.1 : largest);
    const { line, area, dots } = sparkline(values, height, WIDTH, HEIGHT);
    const spark = part("spark");
    spark.setAttribute("aria-label", `${said}, from ${known.length ? "0" : "nothing"} to the highest of ${known.length} values`);
    set(spark.querySelector(".spark-line"), "d", line);
    set(spark.querySelector(".spark-area"), "d", area);
    set(spark.querySelector(".spark-dots"), "d", dots);
    const limitLine = spark.querySelector(".spark-limit");
    limitLine.toggleAttribute("hidden", !isInSight);
    if (isInSight) set(limitLine, "d", `M0 ${HEIGHT - (top / height) * HEIGHT}H${WIDTH}`);
  }
}

/** The company's rule of this kind, from where on it is too much; undefined when it says nothing. */
function ruleOf(alerts, kind, subject = "") {
  return alerts?.thresholds.find((one) => one.kind === kind && (!subject || one.subjects.includes(subject)));
}

function hasAlert(alerts, kind, subject = "") {
  return Boolean(alerts?.ongoing.some((one) => one.kind === kind && (!subject || one.of === subject)));
}

function within({ window_minutes: minutes }) {
  return minutes === null ? "" : ` within ${minutes} min`;
}

function set(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}
