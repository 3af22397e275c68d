// What goes on that is too much, to be acknowledged; and what is over.

import { element, icon, write } from "../../audio/dom.js";
import { utc } from "../../audio/format.js";
import { ago, span } from "./words.js";

/** The strip has so many; the list below has all. */
const MOST_IN_STRIP = 3;

/** What goes on, a line each, where the page begins; each leads to the list. */
export class AlertStrip {
  #shown = "";

  constructor(box) {
    this.box = box;
  }

  show(ongoing, now) {
    this.box.hidden = ongoing.length === 0;
    const key = JSON.stringify(ongoing);
    if (key !== this.#shown) {
      const focused = [...this.box.querySelectorAll("a")].indexOf(document.activeElement);
      this.box.replaceChildren(...ongoing.slice(0, MOST_IN_STRIP).map(lineOf));
      if (ongoing.length > MOST_IN_STRIP) this.box.append(element("li", {}, element("a", { href: "#alerts", textContent: `${ongoing.length - MOST_IN_STRIP} more` })));
      this.#shown = key;
      if (focused >= 0) this.box.querySelectorAll("a")[focused]?.focus();
    }
    tellTimes(this.box, now);
  }
}

function lineOf(alert) {
  const line = element(
    "li",
    {},
    icon("alert"),
    element("a", { href: "#alerts", textContent: `${alert.title} · ${alert.subject}` }),
    element("span", { className: "muted" }, `${alert.value} now, threshold ${alert.threshold}, for `, moment(alert.opened_at, false)),
  );
  if (alert.acknowledged_at !== null) line.append(known(alert));
  line.dataset.state = alert.state;
  return line;
}

/** Who knows of it. */
function known({ acknowledged_by: who }) {
  return element("span", { className: "alert-known" }, "Acknowledged", who ? " by " : "", element("bdi", { textContent: who }));
}

function tellTimes(box, now) {
  for (const time of box.querySelectorAll("time")) {
    const seconds = now - Date.parse(time.dateTime) / 1000;
    write(time, "lasts" in time.dataset ? span(seconds) : ago(seconds));
  }
}

export class AlertList {
  #shown = "";

  /** `onAcknowledge(id)` resolves to the empty text, or to why it could not be done. */
  constructor(box, { onAcknowledge }) {
    Object.assign(this, { box, onAcknowledge });
    this.ongoing = box.querySelector(".alerts-ongoing");
    this.past = box.querySelector(".alerts-past");
    this.none = box.querySelector(".alerts-none");
    this.over = box.querySelector(".alerts-over");
  }

  show({ ongoing, past }, now) {
    // Rows are made anew only where one differs: a button that has the focus stays.
    const key = JSON.stringify([ongoing, past]);
    if (key !== this.#shown) {
      const focused = this.ongoing.contains(document.activeElement) ? document.activeElement.closest("li").dataset.id : null;
      this.ongoing.replaceChildren(...ongoing.map((alert) => this.#row(alert)));
      this.past.replaceChildren(...past.map((alert) => this.#row(alert)));
      this.#shown = key;
      if (focused) (this.ongoing.querySelector(`[data-id="${focused}"] button`) ?? this.box).focus();
    }
    this.none.hidden = ongoing.length > 0;
    this.over.hidden = past.length === 0;
    tellTimes(this.box, now);
  }

  #row(alert) {
    const isOver = alert.resolved_at !== null;
    const row = element(
      "li",
      { className: "alert" },
      icon(isOver ? "check" : "alert"),
      element(
        "div",
        { className: "alert-words" },
        element("p", {}, element("strong", { textContent: alert.title }), element("span", { className: "muted", textContent: ` · ${alert.subject}` })),
        element("p", { className: "alert-figures" }, figuresOf(alert, isOver), " · ", isOver ? `${alert.resolution || "Over"} ` : "for ", moment(isOver ? alert.resolved_at : alert.opened_at, isOver)),
      ),
    );
    row.dataset.id = alert.id;
    row.dataset.state = alert.state;
    if (!isOver) row.append(this.#act(alert));
    return row;
  }

  #act(alert) {
    if (alert.acknowledged_at !== null) {
      return known(alert);
    }
    const button = element("button", { type: "button", className: "button button-small", textContent: "Acknowledge" });
    button.ariaLabel = `Acknowledge ${alert.title}, ${alert.subject}`;
    button.addEventListener("click", async () => {
      button.ariaDisabled = "true";
      button.parentElement.querySelector(".alert-fault")?.remove();
      const fault = await this.onAcknowledge(alert.id);
      button.ariaDisabled = "false";
      if (fault) button.after(element("span", { className: "alert-fault", role: "alert", textContent: fault }));
    });
    return button;
  }
}

function figuresOf({ value, worst, threshold }, isOver) {
  return `${isOver ? "" : `${value} now, `}${worst} at worst, threshold ${threshold}`;
}

function moment(at, isOver) {
  const time = element("time", { dateTime: at, title: utc(new Date(at)) });
  if (!isOver) time.dataset.lasts = "";
  return time;
}
