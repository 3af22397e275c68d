// The audit log: days and times in the reader's own, filters that open below their chips, a verification that goes on.

import { showAll } from "../audio/times.js";
import { openAt } from "./board/popovers.js";

const ASK_EVERY_MS = 2000;

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const dayName = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long", year: "numeric" });

showAll();
showDays(document.getElementById("log"));
followVerification(document.getElementById("verification"));

document.addEventListener("click", (event) => {
  const button = event.target.closest("[popovertarget^='filter-']");
  const popover = button && document.getElementById(button.getAttribute("popovertarget"));
  if (!popover || popover.matches(":popover-open")) return;
  event.preventDefault();
  openAt(popover, button);
  popover.querySelector("select, input:not([type=hidden])")?.focus();
});

/** A form without a day would ask for the empty one. */
document.addEventListener("formdata", (event) => {
  for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
});

/** The server groups by days in UTC; the reader's begin at another hour. */
function showDays(log) {
  if (!log) return;
  const days = new Map();
  for (const time of log.querySelectorAll("time[data-clock]")) {
    const at = new Date(time.dateTime);
    time.textContent = clock.format(at);
    const day = at.toDateString();
    if (!days.has(day)) days.set(day, { at, entries: [] });
    days.get(day).entries.push(time.closest("li"));
  }
  const [pattern] = log.children;
  log.replaceChildren(
    ...[...days.values()].map(({ at, entries }) => {
      const section = pattern.cloneNode(true);
      section.querySelector("h2").textContent = dayWords(at);
      section.querySelector("ol").replaceChildren(...entries);
      return section;
    }),
  );
}

function dayWords(at) {
  const today = new Date();
  const yesterday = new Date(today.getFullYear(), today.getMonth(), today.getDate() - 1);
  if (at.toDateString() === today.toDateString()) return `Today, ${dayName.format(at)}`;
  if (at.toDateString() === yesterday.toDateString()) return `Yesterday, ${dayName.format(at)}`;
  return dayName.format(at);
}

async function followVerification(section) {
  const address = section?.dataset.running;
  while (address) {
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
    const now = await fetch(address, { headers: { Accept: "application/json" } })
      .then((answer) => (answer.ok ? answer.json() : null))
      .catch(() => null);
    if (now && now.state !== "running") return location.reload();
    if (now) document.getElementById("verified-blocks").textContent = now.blocks.toLocaleString("en-GB");
  }
}
