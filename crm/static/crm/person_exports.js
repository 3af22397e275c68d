// The list of exports, read anew while one is being made.

import { showTime } from "../audio/times.js";

const LOOK_EVERY_MS = 2000;

const list = document.getElementById("exports");

function lookAgain() {
  if (list.querySelector("[data-busy]")) setTimeout(refresh, LOOK_EVERY_MS);
}

async function refresh() {
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("exports");
    // Whoever is about to press a button there keeps it.
    if (answer.ok && fresh && !list.contains(document.activeElement) && !document.querySelector("dialog[open]")) {
      list.replaceChildren(...fresh.childNodes);
      for (const element of list.querySelectorAll("time[datetime][data-raw]")) {
        showTime(element, new Date(element.dateTime));
      }
    }
  } catch {
    // The next look may get through.
  }
  lookAgain();
}

lookAgain();
