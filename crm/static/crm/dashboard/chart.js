// One chart: drawn by uPlot, read with the mouse or the keyboard, with its figures as a table too.

import { element, write } from "../../audio/dom.js";
import { colour, faint } from "./palette.js";
import { alone, ceiling, finished, spread } from "./plots.js";
import { NONE, stepTime, tick, utcTime } from "./words.js";

const HEIGHT = 184;
const AXIS_WIDTH = 56;
/** Beside a plot: room for the last mark of the axis of time, or for the labels of lines, at most so much. */
const BARE_WIDTH = 20;
const LABEL_WIDTH = 124;
const NARROW_LABEL_WIDTH = 106;
/** As long as values are that stand beside a name. */
const LONG_VALUE = "9,999 ms";
/** The radius of what goes on, in pixels. */
const DOT = 2.5;
/** Labels at the ends of lines stand so far apart, in pixels. */
const LABEL_GAP = 14;
const FONT = '12px system-ui, "Segoe UI", Inter, sans-serif';
/** All charts of the page share their cursor. */
const SYNC = "dashboard";
/** A drag that is shorter was a click. */
const SHORTEST_DRAG = 6;
/** How far apart the lines behind the figures may be where those are whole numbers. */
const WHOLE = Array.from({ length: 12 }, (_, place) => [1, 2, 5].map((step) => step * 10 ** place)).flat();
const KEYS = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };
const narrow = matchMedia("(max-width: 720px)");
const measuring = document.createElement("canvas").getContext("2d");

export class Chart {
  /** The step whose values stand beside the plot. */
  #told = null;

  /** `onStretch(from, to)`: seconds that were chosen; `onLeave()`: go back to a longer stretch; `say(words)` reads out. */
  constructor(box, { onStretch, onLeave, say }) {
    Object.assign(this, { box, onStretch, onLeave, say });
    const part = (name) => box.querySelector(`.chart-${name}`);
    this.title = part("title");
    this.readout = part("readout");
    this.toggle = part("toggle");
    this.plot = part("plot");
    this.figures = part("figures");
    this.none = part("none");
    this.uplot = null;
    this.shown = null;
    /** Where the keyboard reads, and where a stretch that it chooses began; indexes of steps. */
    this.at = null;
    this.from = null;
    this.toggle.addEventListener("click", () => this.#showTable(this.figures.hidden));
    this.plot.addEventListener("keydown", (event) => this.#press(event));
    this.plot.addEventListener("blur", () => this.#forget());
    new ResizeObserver(() => this.#resize()).observe(this.plot);
  }

  /** `plot` is one of `plotsOf`; `frame` is {starts, middles, step, since, until, running, now}, the same for all charts. */
  show(plot, frame) {
    const isOther = this.#isOther(plot, frame);
    this.shown = { plot, frame };
    write(this.title, plot.title);
    this.plot.ariaLabel = `${plot.title}. Arrow keys read the values, Shift with them chooses a stretch.`;
    const isEmpty = plot.lines.every(({ values }) => values.every((value) => value === null));
    this.none.hidden = !isEmpty || !this.figures.hidden;
    if (isOther) this.#make();
    else this.uplot.setData(this.#data());
    if (!this.figures.hidden) this.#fillTable();
    this.#read(this.uplot.cursor.idx ?? null);
  }

  redraw() {
    this.uplot?.redraw();
  }

  // --- Drawing ---

  #isOther(plot, { step }) {
    if (this.uplot === null) return true;
    const before = this.shown;
    const names = ({ lines }) => lines.map(({ name }) => name).join("\n");
    return names(before.plot) !== names(plot) || before.frame.step !== step;
  }

  #data() {
    const { plot, frame } = this.shown;
    return [frame.middles, ...plot.lines.map(({ values }) => (plot.isBars ? values : finished(values, frame.running)))];
  }

  #make() {
    this.uplot?.destroy();
    const { plot, frame } = this.shown;
    this.plot.querySelector(".skeleton")?.remove();
    const isDaily = frame.step === "day";
    this.uplot = new globalThis.uPlot(
      {
        width: this.plot.clientWidth || 300,
        height: HEIGHT,
        padding: [12, this.#labelWidth(), 0, 0],
        legend: { show: false },
        cursor: {
          sync: { key: SYNC },
          y: false,
          // On the step whose values are told.
          move: (u, left, top) => (left < 0 ? [left, top] : [Math.round(u.valToPos(u.data[0][u.posToIdx(left)], "x")), top]),
          drag: { x: true, y: false, setScale: false },
          points: { size: 7, width: 2, show: !plot.isBars, stroke: (u, at) => colour(this.#line(at).colour), fill: () => colour("--surface") },
        },
        select: { show: true },
        tzDate: (seconds) => (isDaily ? globalThis.uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC") : new Date(seconds * 1000)),
        scales: {
          x: { time: true, range: () => [this.shown.frame.since, this.shown.frame.until] },
          y: { range: (u, least, largest) => [0, ceiling(Math.max(largest, ...this.#running().map(({ value }) => value)))] },
        },
        axes: [
          {
            stroke: () => colour("--muted"),
            font: FONT,
            size: 28,
            gap: 6,
            space: 64,
            grid: { show: false },
            ticks: { stroke: () => colour("--line"), size: 4 },
            values: (u, splits, axis, space, spacing) => splits.map((seconds) => tick(seconds, { isDaily, spacing })),
          },
          {
            stroke: () => colour("--muted"),
            font: FONT,
            size: AXIS_WIDTH,
            gap: 6,
            space: 36,
            grid: { stroke: () => colour("--line"), width: 1 },
            ticks: { show: false },
            ...(plot.isWhole ? { incrs: WHOLE } : {}),
            values: (u, splits) => splits.map((value) => this.shown.plot.axis(value)),
          },
        ],
        series: [{}, ...plot.lines.map((line, place) => this.#series(line, place, plot.isBars))],
        hooks: {
          drawClear: [(u) => this.#drawRunning(u)],
          draw: [(u) => this.#drawDots(u), (u) => this.#drawLabels(u)],
          setCursor: [(u) => this.#read(u.cursor.idx ?? null)],
          setSelect: [(u) => this.#choose(u)],
        },
      },
      this.#data(),
      this.plot,
    );
  }

  #line(at) {
    return this.shown.plot.lines[at - 1] ?? this.shown.plot.lines[0];
  }

  #series(line, place, isBars) {
    const stroke = () => colour(this.#line(place + 1).colour);
    if (isBars) {
      return {
        stroke,
        width: 0,
        fill: () => faint(this.#line(place + 1).colour, 0.85),
        paths: globalThis.uPlot.paths.bars({ size: [0.78, 40], align: 0, radius: 0.08 }),
        points: { show: false },
      };
    }
    return {
      stroke,
      width: 1.75,
      fill: this.shown.plot.lines.length === 1 ? () => faint(this.#line(place + 1).colour, 0.08) : undefined,
      paths: globalThis.uPlot.paths.linear(),
      points: { show: true, size: 4, width: 1, fill: stroke, filter: (u) => alone(u.data[place + 1]) },
    };
  }

  /** What lines have of the step that goes on: {value, paint} of each that has something. */
  #running() {
    const { plot, frame } = this.shown;
    if (plot.isBars || frame.running === null) return [];
    const found = plot.lines.map(({ values, colour: paint }) => ({ value: values[frame.running], paint }));
    return found.filter(({ value }) => value !== null && value !== undefined);
  }

  #drawDots(u) {
    const { middles, running } = this.shown.frame;
    u.ctx.save();
    for (const { value, paint } of this.#running()) {
      u.ctx.fillStyle = colour(paint);
      u.ctx.beginPath();
      u.ctx.arc(u.valToPos(middles[running], "x", true), u.valToPos(value, "y", true), DOT * devicePixelRatio, 0, 2 * Math.PI);
      u.ctx.fill();
    }
    u.ctx.restore();
  }

  #hasLabels() {
    return !this.shown.plot.isBars && this.shown.plot.lines.length > 1;
  }

  #labelWidth() {
    if (!this.#hasLabels()) return BARE_WIDTH;
    measuring.font = FONT;
    const widths = this.shown.plot.lines.map(({ name }) => measuring.measureText(`${name} ${LONG_VALUE}`).width);
    return Math.min(narrow.matches ? NARROW_LABEL_WIDTH : LABEL_WIDTH, Math.ceil(Math.max(...widths)) + 12);
  }

  /** The step that goes on lies on another ground, so that what looks like a fall is none. */
  #drawRunning(u) {
    const { starts, running, until } = this.shown.frame;
    if (running === null) return;
    const from = Math.max(u.valToPos(starts[running], "x", true), u.bbox.left);
    const to = Math.min(u.valToPos(until, "x", true), u.bbox.left + u.bbox.width);
    u.ctx.save();
    u.ctx.fillStyle = colour("--sunken");
    u.ctx.fillRect(from, u.bbox.top, to - from, u.bbox.height);
    u.ctx.restore();
  }

  #drawLabels(u) {
    if (!this.#hasLabels()) return;
    const ratio = devicePixelRatio;
    const labels = this.shown.plot.lines.flatMap(({ name, values, colour: paint }) => {
      const last = finished(values, this.shown.frame.running).findLastIndex((value) => value !== null && value !== undefined);
      return last === -1 ? [] : [{ name, values, paint, place: u.valToPos(values[last], "y", true) }];
    });
    const top = u.bbox.top + (LABEL_GAP / 2) * ratio;
    const places = spread(labels.map(({ place }) => place), LABEL_GAP * ratio, top, u.bbox.top + u.bbox.height - (LABEL_GAP / 2) * ratio);
    u.ctx.save();
    u.ctx.font = FONT.replace("12px", `${12 * ratio}px`);
    u.ctx.textAlign = "left";
    u.ctx.textBaseline = "middle";
    const at = u.cursor.idx ?? null;
    const width = (this.#labelWidth() - 10) * ratio;
    labels.forEach(({ name, values, paint }, index) => {
      const value = at === null ? "" : ` ${this.#value(values, at)}`;
      // A value is never cut off; its name may be.
      const words = `${fitted(u.ctx, name, width - u.ctx.measureText(value).width)}${value}`;
      u.ctx.fillStyle = colour(paint);
      u.ctx.fillText(words, u.bbox.left + u.bbox.width + 8 * ratio, places[index]);
    });
    u.ctx.restore();
  }

  #resize() {
    const width = this.plot.clientWidth;
    if (this.uplot && width && width !== this.uplot.width) this.uplot.setSize({ width, height: HEIGHT });
  }

  // --- Reading ---

  /** What stands beside the title: the values of a step, or of which the chart is. */
  #read(at) {
    if (this.shown === null) return;
    const { frame } = this.shown;
    const isThere = at !== null && at < frame.starts.length;
    write(this.readout, isThere ? (this.#hasLabels() ? this.#time(at) : this.#words(at)) : "");
    this.readout.title = isThere ? utcTime(frame.starts[at], frame.step) : "";
    // The labels of lines tell their values there.
    if (this.#hasLabels() && this.#told !== at) this.uplot?.redraw(false);
    this.#told = at;
  }

  #time(at) {
    const { step, starts, now, running } = this.shown.frame;
    return [stepTime(starts[at], step, now), ...(at === running ? [`${step} still running`] : [])].join(" · ");
  }

  #words(at) {
    const { plot } = this.shown;
    const values = plot.lines.map(({ name, values: all }) => (plot.lines.length === 1 ? this.#value(all, at) : `${name} ${this.#value(all, at)}`));
    const beside = plot.beside?.(at);
    return [this.#time(at), ...values, ...(beside ? [beside] : [])].join(" · ");
  }

  #value(values, at) {
    return values[at] === null || values[at] === undefined ? NONE : this.shown.plot.format(values[at]);
  }

  #press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || this.shown === null) return;
    const { starts } = this.shown.frame;
    if (event.key === "Enter" && this.from !== null) {
      event.preventDefault();
      this.#zoom(Math.min(this.from, this.at), Math.max(this.from, this.at));
      return;
    }
    if (event.key === "Escape") {
      if (this.from === null) this.onLeave();
      this.#forget();
      return;
    }
    const step = KEYS[event.key];
    if (step === undefined || !starts.length) return;
    event.preventDefault();
    const before = this.at ?? (step > 0 && step !== Infinity ? -1 : starts.length);
    this.at = Math.max(0, Math.min(starts.length - 1, before + step));
    if (!event.shiftKey) this.from = null;
    else this.from ??= Math.max(0, Math.min(starts.length - 1, before));
    this.#point();
    const chosen = this.from === null ? "" : `. Chosen: ${Math.abs(this.at - this.from) + 1} steps, Enter shows them alone`;
    this.say(this.#words(this.at) + chosen);
  }

  #point() {
    const { middles, starts } = this.shown.frame;
    const place = (seconds) => this.uplot.valToPos(seconds, "x");
    // The other charts show theirs too.
    this.uplot.setCursor({ left: place(middles[this.at]), top: 10 }, true, true);
    const seconds = starts.length > 1 ? starts[1] - starts[0] : 60;
    const [first, last] = [Math.min(this.from ?? this.at, this.at), Math.max(this.from ?? this.at, this.at)];
    const left = this.from === null ? 0 : Math.max(0, place(starts[first]));
    const width = this.from === null ? 0 : place(starts[last] + seconds) - left;
    this.uplot.setSelect({ left, width, top: 0, height: this.uplot.bbox.height / devicePixelRatio }, false);
  }

  #forget() {
    this.at = this.from = null;
    this.uplot?.setCursor({ left: -10, top: -10 }, true, true);
    this.uplot?.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
  }

  // --- Choosing a stretch ---

  #choose(u) {
    const { left, width } = u.select;
    if (width < SHORTEST_DRAG) return;
    const [from, to] = [u.posToVal(left, "x"), u.posToVal(left + width, "x")];
    u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    this.onStretch(from, to);
  }

  #zoom(first, last) {
    const { starts } = this.shown.frame;
    const seconds = starts.length > 1 ? starts[1] - starts[0] : 60;
    this.#forget();
    this.onStretch(starts[first], starts[last] + seconds);
  }

  // --- The same as a table ---

  #showTable(isTable) {
    this.figures.hidden = !isTable;
    this.plot.hidden = isTable;
    this.toggle.ariaPressed = String(isTable);
    if (isTable && this.shown) this.#fillTable();
    if (this.shown) this.show(this.shown.plot, this.shown.frame);
  }

  #fillTable() {
    const { plot, frame } = this.shown;
    const head = ["Time", ...plot.columns.map(({ name }) => name)].map((name, place) => element("th", { scope: "col", textContent: name, className: place ? "number" : "" }));
    const rows = frame.starts.map((start, at) => {
      const time = element("time", { dateTime: new Date(start * 1000).toISOString(), title: utcTime(start, frame.step), textContent: stepTime(start, frame.step, frame.now) });
      const cells = plot.columns.map(({ values, format }) => element("td", { className: "number", textContent: format(values[at] ?? null) }));
      const running = at === frame.running ? [element("span", { className: "muted", textContent: " · running" })] : [];
      return element("tr", {}, element("th", { scope: "row" }, time, ...running), ...cells);
    });
    const { scrollTop } = this.figures;
    const table = element("table", { className: "table figures" }, element("caption", { className: "visually-hidden", textContent: `${plot.title}, newest first` }));
    table.append(element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows.toReversed()));
    this.figures.replaceChildren(table);
    this.figures.scrollTop = scrollTop;
  }
}

/** The words, cut off where there is no more room for them. */
function fitted(context, name, width) {
  if (context.measureText(name).width <= width) return name;
  let end = name.length - 1;
  while (end > 1 && context.measureText(`${name.slice(0, end)}…`).width > width) end -= 1;
  return `${name.slice(0, end)}…`;
}
