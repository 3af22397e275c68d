// How the server does that all companies share: the queue of conversations and the three tiers of figures.

import { element, write } from "../../audio/dom.js";
import { bytes, count, milliseconds, rate } from "./words.js";

const HEALTH_WORDS = { healthy: "Healthy", warning: "Needs a look", critical: "Critical" };
const ROWS = [["enqueue", "Taken in"], ["wait", "Waited"], ["store", "Stored, a batch"]];
const clock = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const moment = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

export class IntakeView {
  constructor(box) {
    this.box = box;
  }

  show(intake) {
    const part = (name) => this.box.querySelector(`.intake-${name}`);
    const waiting = intake.queued + intake.processing;
    write(part("words"), `${count(waiting)} of at most ${count(intake.most_queued)} wait${waiting ? `, the oldest for ${milliseconds(intake.oldest_seconds * 1000)}` : ""}`);
    part("fill").style.width = `${Math.min(100, (100 * waiting) / intake.most_queued)}%`;
    this.box.dataset.health = intake.health;
    write(part("health"), HEALTH_WORDS[intake.health]);
    const rows = this.box.querySelectorAll("tbody tr");
    ROWS.forEach(([key], place) => {
      const cells = rows[place].querySelectorAll("td");
      ["p50", "p95", "p99"].forEach((quantile, at) => write(cells[at], milliseconds(intake[key][quantile] || null)));
    });
    const facts = [
      ["Stored", `${rate(intake.stored_per_second)} a second, ${count(intake.completed)} in all`],
      ["Consumers", count(intake.consumers)],
      ["Dead letters", count(intake.dead)],
    ];
    const list = part("facts");
    facts.forEach(([name, value], place) => {
      if (!list.children[place]) list.append(element("div", {}, element("dt", { textContent: name }), element("dd")));
      write(list.children[place].lastChild, value);
    });
    const alarms = part("alarms");
    const said = intake.alerts.map(({ message }) => message);
    if (alarms.textContent !== said.join("")) alarms.replaceChildren(...said.map((message) => element("li", { textContent: message })));
  }
}

/** What comes into a tier at a time. */
const UNITS = { mongodb: "hour", archive: "day" };

/** Three boxes, from the newest figures to the oldest; between them how far each has been filled from the one before. */
export class TierView {
  constructor(box) {
    this.box = box;
  }

  show(tiers) {
    for (const tier of tiers) {
      const place = this.box.querySelector(`[data-tier="${tier.name}"]`);
      if (!place) continue;
      const part = (name) => place.querySelector(`.tier-${name}`);
      write(part("size"), bytes(tier.bytes));
      write(part("span"), spanOf(tier));
      const filled = tier.filled_until === null ? null : Date.parse(tier.filled_until) / 1000;
      write(part("filled"), wordsOf(tier, filled));
      place.toggleAttribute("data-late", tier.is_late);
      part("late").hidden = !tier.is_late;
    }
  }
}

function spanOf({ oldest, newest }) {
  if (!oldest || !newest) return "nothing yet";
  return `${clock.format(new Date(oldest))} – ${clock.format(new Date(newest))}`;
}

function wordsOf(tier, filled) {
  if (tier.name === "redis") return tier.newest ? `newest at ${moment.format(new Date(tier.newest))}` : "";
  if (filled === null) return "nothing to fill yet";
  const behind = tier.behind ? `, ${count(tier.behind)} ${UNITS[tier.name]}${tier.behind === 1 ? "" : "s"} to come` : "";
  return `filled until ${clock.format(new Date(filled * 1000))}${behind}`;
}
