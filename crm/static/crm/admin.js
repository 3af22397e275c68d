// Times in the admin as on our own pages: the reader's own, with UTC on hover.

import { showTime } from "../audio/times.js";

// As config/formats writes them.
const WRITTEN = /^\d{1,2} [A-Z][a-z]{2} \d{4}, \d{2}:\d{2}:\d{2} UTC$/;
const CELLS = "#result_list td, #result_list th, .form-row .readonly";

for (const cell of document.querySelectorAll(CELLS)) {
  // A time in a link stands one deeper.
  const place = cell.querySelector("a") ?? cell;
  const words = place.textContent.trim();
  if (!WRITTEN.test(words)) continue;
  const time = document.createElement("time");
  showTime(time, new Date(words));
  place.replaceChildren(time);
}
