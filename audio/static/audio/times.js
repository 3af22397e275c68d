// Puts the times and durations that the server wrote into the reader's own time and words, and keeps them fresh.

import { duration, local, relative, utc } from "./format.js";

const FRESHEN_EVERY_MS = 30_000;

/** Show a moment in a <time>. */
export function showTime(element, date) {
  element.dateTime = date.toISOString();
  element.textContent = local(date);
  element.title = utc(date);
  delete element.dataset.raw;
}

/** Show seconds as a duration. */
export function showDuration(element, seconds) {
  element.textContent = duration(seconds);
  delete element.dataset.raw;
}

/** All of the page's own, at once and from time to time. */
export function showAll() {
  for (const element of document.querySelectorAll("time[datetime][data-raw]")) {
    showTime(element, new Date(element.dateTime));
  }
  for (const element of document.querySelectorAll("[data-seconds][data-raw]")) {
    showDuration(element, Number(element.dataset.seconds));
  }
  showRelative();
  setInterval(showRelative, FRESHEN_EVERY_MS);
}

function showRelative() {
  for (const element of document.querySelectorAll("[data-relative]")) {
    const words = relative(new Date(element.dataset.relative));
    if (element.textContent !== words) element.textContent = words;
  }
}
