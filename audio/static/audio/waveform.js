// The waveform of a recording: lanes, gaps, flags and emotions on one line, a place on it that one moves, and a closer
// look at any stretch. It plays nothing: `onSeek` says where to, `setPosition` where the sound is.

import { element } from "./dom.js";
import { count, duration as inFigures } from "./format.js";
import { gainOf, layout, paintAxis, paintBand, paintBars, paintGap, paintSilence, prepared, secondsOfBar } from "./waveform/painting.js";
import { Peaks } from "./waveform/peaks.js";
import { Pins } from "./waveform/pins.js";
import { isIn, isWhole, moved, rangeAt, showing, spoken, toPixels, toSeconds, uncovered, viewOf, zoomed } from "./waveform/scale.js";

const STEP_SECONDS = 5;
const ZOOM = 1.6;
// Of a wheel's own units, how many make one step.
const WHEEL_STEP = 240;
// Somebody sought, and it did not only play on.
const SOUGHT_SECONDS = 2;
const NAMED = 5;
const SILENT = "No sound";
const CAUSES = { pause: "Paused", device: "Device lost", offline: "Offline", never_arrived: "Never arrived" };
const MASKED = { card: "card number", account: "account number", email: "e-mail address", phone: "phone number", spoken_digits: "number" };
const INKS = ["agent", "client", "agent-soft", "client-soft", "line", "sunken", "hatch", "surface", "muted", "line", "positive", "negative", "tense", "excited"];

let made = 0;

export class Waveform {
  /**
   * `box`: an empty element to fill. `address`: of the recording's peaks. `laneNames`: of each channel, above first.
   * `onSeek(seconds)`: somebody chose a place. `onView(start, end)`: another stretch is in view. `onFlag(flag_id)`.
   * `onMasked(masked)`: what of it is masked, [{start, end, channel, kinds}].
   */
  constructor({ box, address, duration = 0, channels = 1, laneNames = null, onSeek, onView = () => {}, onFlag = () => {}, onMasked = () => {} }) {
    Object.assign(this, { box, duration, channels, onSeek, onView, onFlag, onMasked });
    this.laneNames = laneNames ?? (channels === 2 ? ["Agent", "Client"] : []);
    this.view = viewOf(0, duration, duration);
    this.position = 0;
    this.gain = 1;
    this.ink = null;
    this.width = 0;
    /** Where the playhead is dragged to, or null. */
    this.dragged = null;
    this.gaps = [];
    this.masked = [];
    this.flags = [];
    this.emotions = [];
    this.due = null;
    this.ended = new AbortController();
    this.#build();
    this.peaks = new Peaks({
      address,
      onChange: () => this.#take(),
      onFailure: (words) => this.#fail(words),
    });
    this.#listen();
    this.#describe();
    this.#draw();
    this.peaks.load();
  }

  /** Where the sound is, in seconds. */
  setPosition(seconds) {
    const before = this.position;
    if (seconds === before) return;
    this.position = seconds;
    const sought = Math.abs(seconds - before) > SOUGHT_SECONDS;
    // Whoever looks elsewhere is left there while it plays on.
    if (!isIn(seconds, this.view) && (sought || isIn(before, this.view))) {
      this.#look(showing(seconds, this.view, this.duration));
    }
    this.#showPosition();
  }

  /** What each channel is called, above first. */
  setLaneNames(names) {
    if (names.join("\n") === this.laneNames.join("\n")) return;
    this.laneNames = names;
    this.names.replaceChildren(...labelsOf(names));
    this.#describe();
  }

  /** [{start, end, cause, reason}]; one without an end goes on to the end of the recording. */
  setGaps(gaps) {
    this.gaps = gaps.map(({ start, end, cause, reason }) => {
      const words = CAUSES[cause] ?? SILENT;
      return { start, end: end ?? Infinity, cause: words, words: reason ? `${words}: ${reason}` : words };
    });
    this.#describe();
    this.#draw();
  }

  /** [{flag_id, start, end, label, verdict}] */
  setFlags(flags) {
    this.flags = flags;
    this.#describe();
    this.#draw();
  }

  /** [{start, end, emotion}], in order. */
  setEmotions(emotions) {
    this.emotions = emotions;
    this.#draw();
  }

  zoomTo(start, end) {
    this.#look(viewOf(start, end, this.duration));
  }

  /** The recording has become another one. */
  refresh() {
    this.peaks.refresh();
  }

  dispose() {
    this.ended.abort();
    this.peaks.close();
    this.watchingSize.disconnect();
    this.watchingTheme.disconnect();
    cancelAnimationFrame(this.due);
    this.box.replaceChildren();
    this.box.classList.remove("waveform");
  }

  // --- What it is made of ---

  #build() {
    const part = (tag, className, properties = {}, ...children) =>
      element(tag, { className: `waveform-${className}`, ...properties }, ...children);
    this.bars = part("canvas", "bars");
    this.played = part("canvas", "played");
    this.names = part("div", "names", { ariaHidden: "true" }, ...labelsOf(this.laneNames));
    this.playhead = part("div", "playhead");
    this.pointer = part("div", "pointer", { hidden: true });
    this.surface = part("div", "surface", { tabIndex: 0, role: "slider", ariaLabel: "Place in the recording" }, this.bars, this.played, this.pointer, this.playhead);
    const pins = part("div", "pins", { role: "group", ariaLabel: "Flags" });
    this.pins = new Pins({
      box: pins,
      onFlag: (flagId) => this.onFlag(flagId),
      onLook: (start, end) => this.zoomTo(start, end),
      onTell: (...told) => this.#tell("above", ...told),
      onAway: () => this.#pointAway(),
    });
    this.tip = part("div", "tip", { hidden: true });
    this.note = part("p", "note", { role: "status" });
    this.overview = part("canvas", "overview-bars");
    this.frame = part("div", "frame");
    this.strip = part("div", "overview", { ariaHidden: "true" }, this.overview, this.frame);
    this.hint = part("p", "hint", { textContent: "Scroll or press + to look closer" });
    const tool = (label, words, act) => {
      const button = element("button", { type: "button", className: "waveform-tool", textContent: words, ariaLabel: label, title: label });
      button.addEventListener("click", act);
      return button;
    };
    this.tools = {
      out: tool("Zoom out", "−", () => this.#zoom(ZOOM)),
      into: tool("Zoom in", "+", () => this.#zoom(1 / ZOOM)),
      all: tool("Show all of it", "All", () => this.zoomTo(0, this.duration)),
    };
    this.description = part("p", "description", { id: `waveform-${(made += 1)}` });
    this.surface.setAttribute("aria-describedby", this.description.id);
    this.inks = part("div", "inks", { hidden: true }, ...INKS.map((name) => element("i", { className: `waveform-ink-${name}` })));
    this.box.classList.add("waveform");
    Object.assign(this.box.dataset, { state: "loading", lanes: this.channels });
    this.box.replaceChildren(
      pins,
      this.names,
      part("div", "stage", {}, this.surface, this.note, this.tip),
      part("div", "foot", {}, this.strip, this.hint, ...Object.values(this.tools)),
      this.description,
      this.inks,
    );
  }

  #listen() {
    const { signal } = this.ended;
    const on = (target, kind, act, options = {}) => target.addEventListener(kind, act, { signal, ...options });
    on(this.surface, "pointerdown", (event) => this.#press(event));
    on(this.surface, "pointermove", (event) => this.#point(event));
    on(this.surface, "pointerup", (event) => this.#release(event));
    on(this.surface, "pointercancel", () => this.#drop());
    on(this.surface, "pointerleave", () => this.#pointAway());
    on(this.surface, "wheel", (event) => this.#wheel(event), { passive: false });
    on(this.surface, "keydown", (event) => this.#key(event));
    on(this.strip, "pointerdown", (event) => {
      this.strip.setPointerCapture(event.pointerId);
      this.#moveFrame(event);
    });
    on(this.strip, "pointermove", (event) => {
      if (this.strip.hasPointerCapture(event.pointerId)) this.#moveFrame(event);
    });
    const drawAnew = () => {
      this.ink = null;
      this.#draw();
    };
    on(matchMedia("(prefers-color-scheme: dark)"), "change", drawAnew);
    this.watchingTheme = new MutationObserver(drawAnew);
    this.watchingTheme.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    this.watchingSize = new ResizeObserver(() => this.#draw());
    this.watchingSize.observe(this.surface);
  }

  // --- Peaks ---

  #take() {
    const { duration, masked } = this.peaks.whole;
    this.gain = gainOf(this.peaks.whole);
    this.masked = masked.map((one) => ({ ...one, cause: "Masked", words: `Masked: ${one.kinds.map((kind) => MASKED[kind] ?? kind).join(", ")}` }));
    this.onMasked(masked);
    if (duration !== this.duration) {
      const showedAll = isWhole(this.view, this.duration);
      this.duration = duration;
      this.view = showedAll ? viewOf(0, duration, duration) : viewOf(this.view.start, this.view.end, duration);
    }
    this.#describe();
    this.box.dataset.state = "ready";
    this.note.replaceChildren(duration ? "" : "Nothing is recorded yet.");
    this.#draw();
  }

  #fail(words) {
    // What is there is shown still.
    const isStale = this.peaks.whole !== null;
    this.box.dataset.state = isStale ? "stale" : "failed";
    const again = element("button", { type: "button", className: "link-button", textContent: "Try again" });
    again.addEventListener("click", () => {
      this.box.dataset.state = isStale ? "ready" : "loading";
      this.note.replaceChildren();
      this.peaks.load();
    });
    const told = isStale ? "The recording has changed since this was drawn." : "The waveform is not shown.";
    this.note.replaceChildren(`${told} ${words} `, again);
  }

  // --- What is in view ---

  #look(view) {
    if (view.start === this.view.start && view.end === this.view.end) return;
    this.view = view;
    this.#draw();
    this.onView(view.start, view.end);
  }

  #zoom(factor, at = isIn(this.position, this.view) ? this.position : (this.view.start + this.view.end) / 2) {
    this.#look(zoomed(this.view, factor, at, this.duration));
  }

  #moveFrame(event) {
    const { left, width } = this.strip.getBoundingClientRect();
    const middle = toSeconds(event.clientX - left, { start: 0, end: this.duration }, width);
    this.#look(moved(this.view, middle - (this.view.start + this.view.end) / 2, this.duration));
  }

  #wheel(event) {
    if (event.altKey || !this.duration) return;
    const across = event.shiftKey ? event.deltaX || event.deltaY : event.deltaX;
    const isAcross = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
    const seconds = (this.view.end - this.view.start) / this.width;
    const next = isAcross
      ? moved(this.view, across * seconds, this.duration)
      : zoomed(this.view, ZOOM ** (event.deltaY / WHEEL_STEP), this.#secondAt(event), this.duration);
    // Where there is nothing more to see the page scrolls as ever.
    if (next.start === this.view.start && next.end === this.view.end) return;
    event.preventDefault();
    this.#look(next);
  }

  // --- The place in the recording ---

  #secondAt(event) {
    return toSeconds(event.clientX - this.surface.getBoundingClientRect().left, this.view, this.width);
  }

  #press(event) {
    if (event.button !== 0 || !this.duration) return;
    this.surface.setPointerCapture(event.pointerId);
    this.dragged = this.#secondAt(event);
    this.#showPosition();
  }

  #point(event) {
    const at = this.#secondAt(event);
    if (this.dragged !== null) {
      this.dragged = at;
      this.#showPosition();
    }
    this.#showTip(at);
  }

  #release(event) {
    if (this.dragged === null) return;
    this.dragged = null;
    this.#seek(this.#secondAt(event));
    if (event.pointerType !== "mouse") this.#pointAway();
  }

  #drop() {
    this.dragged = null;
    this.#showPosition();
    this.#pointAway();
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = (this.view.end - this.view.start) / 10;
    const step = event.shiftKey ? 6 * STEP_SECONDS : STEP_SECONDS;
    const to = {
      ArrowLeft: this.position - step,
      ArrowDown: this.position - step,
      ArrowRight: this.position + step,
      ArrowUp: this.position + step,
      PageDown: this.position - page,
      PageUp: this.position + page,
      Home: 0,
      End: this.duration,
    }[event.key];
    if (to !== undefined) this.#seek(to);
    else if (event.key === "+" || event.key === "=") this.#zoom(1 / ZOOM);
    else if (event.key === "-") this.#zoom(ZOOM);
    else if (event.key === "0") this.zoomTo(0, this.duration);
    else return;
    event.preventDefault();
    // The page has keys of its own that do the same.
    event.stopPropagation();
  }

  #seek(to) {
    const seconds = Math.min(this.duration, Math.max(0, to));
    this.setPosition(seconds);
    this.#showPosition();
    this.onSeek(seconds);
  }

  #showPosition() {
    const at = this.dragged ?? this.position;
    const { width } = this;
    const x = Math.min(width, Math.max(0, toPixels(at, this.view, width)));
    this.playhead.style.transform = `translateX(${x.toFixed(1)}px)`;
    this.playhead.hidden = !this.duration || !isIn(at, this.view);
    this.played.style.clipPath = `inset(0 ${(width - x).toFixed(1)}px 0 0)`;
    const whole = Math.round(at);
    if (this.surface.getAttribute("aria-valuenow") === String(whole)) return;
    this.surface.setAttribute("aria-valuenow", whole);
    this.surface.setAttribute("aria-valuetext", `${spoken(at)} of ${spoken(this.duration)}`);
  }

  // --- What is known of the place that is pointed at ---

  #showTip(at) {
    if (!this.duration) return;
    const gap = rangeAt(at, this.#silent());
    const masked = rangeAt(at, this.masked);
    const emotion = rangeAt(at, this.emotions);
    const words = [gap?.words, masked?.words, emotion && `${emotion.emotion}, an estimate`].filter(Boolean);
    const x = toPixels(at, this.view, this.width);
    this.#tell("below", x, inFigures(at), words);
    this.pointer.hidden = false;
    this.pointer.style.transform = `translateX(${x.toFixed(1)}px)`;
  }

  #tell(place, x, time, words) {
    this.tip.dataset.place = place;
    this.tip.replaceChildren(element("strong", { textContent: time }), ...words.map((one) => element("span", { textContent: one })));
    this.tip.hidden = false;
    const half = this.tip.offsetWidth / 2;
    const centre = Math.max(half, Math.min(this.width - half, x));
    this.tip.style.transform = `translateX(${(centre - half).toFixed(1)}px)`;
  }

  #pointAway() {
    if (this.dragged !== null) return;
    this.tip.hidden = true;
    this.pointer.hidden = true;
  }

  // --- Drawing ---

  #draw() {
    this.due ??= requestAnimationFrame(() => {
      this.due = null;
      this.#paint();
    });
  }

  #paint() {
    const { view } = this;
    const { context, width, height } = prepared(this.bars);
    this.width = width;
    if (!width) return;
    this.ink ??= this.#readInk();
    const { inks, font } = this.ink;
    const { lanes, band, axis } = layout(height, this.channels);
    paintAxis(context, { view, width, axis, inks, font });
    paintSilence(context, { width, lanes, ink: inks.line });
    const answer = this.peaks.of(view);
    const soft = [inks["agent-soft"], inks["client-soft"]];
    const played = prepared(this.played);
    if (answer) {
      paintBars(context, { answer, gain: this.gain, view, width, lanes, inks: soft });
      paintBars(played.context, { answer, gain: this.gain, view, width, lanes, inks: [inks.agent, inks.client] });
    }
    const bottom = lanes.at(-1).top + lanes.at(-1).height;
    for (const gap of this.#silent()) {
      paintGap(context, { gap, view, width, top: lanes[0].top, height: bottom - lanes[0].top, inks, font });
    }
    for (const gap of this.masked) {
      const { top, height: tall } = lanes[gap.channel] ?? { top: lanes[0].top, height: bottom - lanes[0].top };
      paintGap(context, { gap, view, width, top, height: tall, inks, font });
    }
    paintBand(context, { emotions: this.emotions, view, width, band, inks });
    this.#paintOverview(soft);
    this.pins.show(this.flags, { view, width, whole: this.duration });
    this.#showTools();
    this.#showPosition();
    this.peaks.want(view, secondsOfBar(view, width));
  }

  /** Colours by name and the font, as the theme has them. */
  #readInk() {
    const inks = Object.fromEntries(INKS.map((name, place) => [name, getComputedStyle(this.inks.children[place]).color]));
    const { fontSize, fontFamily } = getComputedStyle(this.names);
    return { inks, font: `${fontSize} ${fontFamily}` };
  }

  /** Gaps, and what else is missing: it has not been measured, or not come. */
  #silent() {
    const missing = this.peaks.whole?.missing ?? [];
    const known = this.gaps.map((gap) => ({ ...gap, end: Math.min(gap.end, this.duration) }));
    const words = this.peaks.whole?.is_being_made ? "Not measured yet" : SILENT;
    return [...known, ...uncovered(missing, known).map(([start, end]) => ({ start, end, cause: words, words }))];
  }

  #paintOverview(inks) {
    const isCloser = !isWhole(this.view, this.duration);
    this.box.dataset.closer = isCloser;
    if (!isCloser) return;
    const all = { start: 0, end: this.duration };
    const { context, width, height } = prepared(this.overview);
    const lanes = Array(this.channels).fill({ top: 2, height: height - 4 });
    if (this.peaks.whole) paintBars(context, { answer: this.peaks.whole, gain: this.gain, view: all, width, lanes, inks, step: 2 });
    const left = toPixels(this.view.start, all, width);
    const wide = Math.max(6, toPixels(this.view.end, all, width) - left);
    this.frame.style.transform = `translateX(${Math.min(left, width - wide).toFixed(1)}px)`;
    this.frame.style.width = `${wide.toFixed(1)}px`;
  }

  #showTools() {
    this.tools.out.disabled = this.tools.all.disabled = isWhole(this.view, this.duration);
    const closer = zoomed(this.view, 1 / ZOOM, this.view.start, this.duration);
    this.tools.into.disabled = closer.end - closer.start >= this.view.end - this.view.start;
  }

  /** The same in words, for who does not see it. */
  #describe() {
    this.surface.setAttribute("aria-valuemin", 0);
    this.surface.setAttribute("aria-valuemax", Math.round(this.duration));
    const lanes = this.laneNames.length > 1 ? `, ${this.laneNames.join(" above ")}` : "";
    const gaps = this.gaps.map(({ start, end, words }) => `${words} from ${spoken(start)} to ${Number.isFinite(end) ? spoken(end) : "the end"}`);
    const masked = this.masked.map(({ start, end, words }) => `${words} from ${spoken(start)} to ${spoken(end)}`);
    const flags = this.flags.length ? [`${count(this.flags.length, "flag")}, listed before it`] : [];
    const told = [`The waveform of ${spoken(this.duration)}${lanes}`, ...some(gaps, "more gap"), ...some(masked, "more masked part"), ...flags];
    this.description.textContent = `${told.join(". ")}. Arrows move by ${STEP_SECONDS} seconds, plus and minus look closer and less closely.`;
    this.surface.removeAttribute("aria-valuenow");
  }
}

function labelsOf(names) {
  return names.map((name) => element("bdi", { textContent: name }));
}

function some(items, noun) {
  return items.length > NAMED ? [...items.slice(0, NAMED), count(items.length - NAMED, noun)] : items;
}
