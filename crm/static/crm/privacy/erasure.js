// One erasure, kept fresh in place while it is open, and its certificate, opened in the page.

import "../forms.js";
import { showTime } from "../../audio/times.js";

const EVERY_MS = { fast: 2000, slow: 15_000 };

const standing = document.getElementById("standing");
const said = document.getElementById("said");

function current() {
  return standing.querySelector("[data-beat]");
}

function lookAgain() {
  const pause = EVERY_MS[current().dataset.beat];
  if (pause) setTimeout(refresh, pause);
}

async function refresh() {
  if (document.hidden) {
    document.addEventListener("visibilitychange", refresh, { once: true });
    return;
  }
  try {
    const answer = await fetch(standing.dataset.address);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("[data-beat]");
    if (answer.ok && fresh) put(fresh);
  } catch {
    // The next look may get through.
  }
  lookAgain();
}

function put(fresh) {
  showTimes(fresh);
  const shown = current();
  const hadFocus = shown.contains(document.activeElement) ? document.activeElement : null;
  const isNewState = shown.dataset.state !== fresh.dataset.state;
  if (keysOf(shown) === keysOf(fresh)) {
    for (const part of fresh.querySelectorAll("[data-part]")) putPart(partOf(shown, part.dataset.part), part, isNewState);
    Object.assign(shown.dataset, { beat: fresh.dataset.beat, state: fresh.dataset.state });
  } else {
    shown.replaceWith(fresh);
  }
  if (hadFocus && !hadFocus.isConnected) current().querySelector("h1").focus();
  if (isNewState) said.textContent = current().querySelector(".standing").textContent;
}

function putPart(shown, fresh, isNewState) {
  if (shown.outerHTML === fresh.outerHTML) return;
  // Forms carry a token that is another each time; they change with the state alone.
  if (fresh.dataset.part === "actions" && !isNewState) return;
  shown.replaceWith(fresh);
}

function keysOf(within) {
  return [...within.querySelectorAll("[data-part]")].map((part) => part.dataset.part).join();
}

function partOf(within, name) {
  return [...within.querySelectorAll("[data-part]")].find((part) => part.dataset.part === name);
}

function showTimes(within) {
  for (const element of within.querySelectorAll("time[datetime][data-raw]")) {
    showTime(element, new Date(element.dateTime));
  }
}

// --- The certificate ---

async function openCertificate(link) {
  const place = standing.querySelector("[data-certificate]");
  if (!place.hidden) {
    place.hidden = true;
  } else {
    if (!place.firstChild && !(await fetchCertificate(link.href, place))) return location.assign(link.href);
    place.hidden = false;
  }
  link.setAttribute("aria-expanded", String(!place.hidden));
  link.textContent = place.hidden ? "Open certificate" : "Close certificate";
}

async function fetchCertificate(address, place) {
  try {
    const answer = await fetch(address);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const body = page.querySelector("[data-certificate-body]");
    if (!answer.ok || !body) return false;
    showTimes(body);
    place.replaceChildren(body);
    return true;
  } catch {
    return false;
  }
}

standing.addEventListener("click", (event) => {
  const link = event.target.closest("[data-opens-certificate]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  openCertificate(link);
});

lookAgain();
