// The order of the statuses: dragged, or moved a step by its buttons; sent as a whole, taken back when it is refused.

const form = document.getElementById("statuses");
const list = form?.querySelector("ol");
const said = document.getElementById("said");
const refused = document.getElementById("order-refused");
// Each order goes out after the one before it, so that the last one is the one that stays.
let sending = Promise.resolve();
let kept = order();
let newest = 0;
// Orders up to this one were made on top of one that was refused, and are taken back with it.
let takenBack = 0;

function rows() {
  return [...(list?.children ?? [])];
}

function order() {
  return rows().map((row) => Number(row.dataset.status));
}

function showEnds() {
  const all = rows();
  for (const [at, row] of all.entries()) {
    const [up, down] = row.querySelectorAll(".status-move");
    setDisabled(up, at === 0);
    setDisabled(down, at === all.length - 1);
  }
}

// Not `disabled`: the focus would be lost at the end of the way.
function setDisabled(button, isDisabled) {
  if (isDisabled) button.setAttribute("aria-disabled", "true");
  else button.removeAttribute("aria-disabled");
}

function put(ids) {
  const byId = new Map(rows().map((row) => [Number(row.dataset.status), row]));
  list.append(...ids.map((id) => byId.get(id)).filter(Boolean));
  showEnds();
}

function tell(row) {
  said.textContent = `${row.dataset.name} is number ${rows().indexOf(row) + 1} of ${rows().length}`;
}

function save(row) {
  const wanted = order();
  const number = (newest += 1);
  showEnds();
  tell(row);
  refused.textContent = "";
  sending = sending.then(async () => {
    if (number <= takenBack) return;
    const fault = await send(wanted);
    if (!fault) {
      kept = wanted;
      return;
    }
    takenBack = newest;
    if (dragged) dragged.before = kept;
    put(kept);
    refused.textContent = fault;
  });
}

/** What is to be said when it was not kept; null when it was. */
async function send(wanted) {
  try {
    const answer = await fetch(form.dataset.address, {
      method: "PATCH",
      headers: { "Content-Type": "application/json", "X-CSRFToken": form.elements.csrfmiddlewaretoken.value },
      body: JSON.stringify({ order: wanted }),
    });
    if (answer.ok) return null;
    if (answer.status === 404) return "Somebody else has changed the statuses. The order is as it was: reload the page.";
    if (answer.status === 401 || answer.status === 403) return "You are signed out, or may not do this any more. The order is as it was.";
  } catch {
    // Said below.
  }
  return "The server did not answer. The order is as it was: try again.";
}

// --- By button ---

form?.addEventListener("submit", (event) => {
  event.preventDefault();
  const button = event.submitter;
  if (!button || button.getAttribute("aria-disabled")) return;
  const row = button.closest("li");
  if (button.name === "up") row.previousElementSibling.before(row);
  else row.nextElementSibling.after(row);
  // Elements that move in the document lose the focus.
  button.focus();
  row.scrollIntoView({ block: "nearest" });
  save(row);
});

// --- By dragging ---

let dragged = null;

function drag(event) {
  for (const row of rows()) {
    if (row === dragged.row) continue;
    const box = row.getBoundingClientRect();
    if (event.clientY < box.top || event.clientY > box.bottom) continue;
    const isBelow = event.clientY > box.top + box.height / 2;
    const place = isBelow ? row.nextElementSibling : row;
    if (place !== dragged.row && place !== dragged.row.nextElementSibling) list.insertBefore(dragged.row, place);
  }
}

function drop(isKept) {
  if (!dragged) return;
  const { row, before, handle, pointer } = dragged;
  dragged = null;
  row.classList.remove("dragged");
  if (handle.hasPointerCapture(pointer)) handle.releasePointerCapture(pointer);
  if (!isKept) put(before);
  else if (order().join() !== before.join()) save(row);
}

for (const handle of list?.querySelectorAll(".status-handle") ?? []) {
  handle.hidden = false;
  handle.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    const row = handle.closest("li");
    dragged = { row, handle, pointer: event.pointerId, before: order() };
    row.classList.add("dragged");
  });
}

// On the page, not on the handle: a row that is put elsewhere loses the pointer it had captured.
addEventListener("pointermove", (event) => {
  if (dragged && event.pointerId === dragged.pointer) drag(event);
});
addEventListener("pointerup", () => drop(true));
addEventListener("pointercancel", () => drop(false));
addEventListener("keydown", (event) => {
  if (event.key === "Escape") drop(false);
});
