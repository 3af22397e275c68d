// What was sent to a destination, kept fresh while something is on its way.

import { showTime } from "../audio/times.js";

const LOOK_EVERY_MS = 2000;
// What takes longer waits for its next attempt, minutes away.
const MOST_LOOKS = 20;

const sent = document.getElementById("sent");
let looks = 0;

function lookAgain() {
  if (sent.querySelector("[data-waiting]") && looks < MOST_LOOKS) setTimeout(refresh, LOOK_EVERY_MS);
}

async function refresh() {
  looks += 1;
  try {
    const answer = await fetch(sent.dataset.address);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    // Whoever is about to press a button there keeps it.
    if (answer.ok && fresh.querySelector(".entries") && !sent.contains(document.activeElement)) {
      sent.replaceChildren(...fresh.body.children);
      showTimes(sent);
    }
  } catch {
    // The next look may get through.
  }
  lookAgain();
}

function showTimes(within) {
  for (const element of within.querySelectorAll("time[datetime][data-raw]")) {
    showTime(element, new Date(element.dateTime));
  }
}

lookAgain();
