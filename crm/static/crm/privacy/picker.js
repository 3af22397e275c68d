// Choosing somebody: what is typed is looked for at once, and the arrows lead through who is found.

const TYPING_MS = 200;

const picker = document.querySelector("[data-picker]");
const field = picker.querySelector("input[type=search]");
const found = picker.querySelector("[data-found]");
let asked = 0;
let timer = null;

async function find() {
  const words = field.value.trim();
  const number = (asked += 1);
  const address = `${location.pathname}?${new URLSearchParams({ q: words })}`;
  try {
    const answer = await fetch(address);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("[data-found]");
    // What was typed since is asked for already.
    if (!answer.ok || !fresh || number !== asked) return;
    found.replaceChildren(...fresh.childNodes);
    history.replaceState(null, "", words ? address : location.pathname);
  } catch {
    // The button beside the field still asks, and says what is wrong.
  }
}

field.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(find, TYPING_MS);
});

picker.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
  const places = [field, ...found.querySelectorAll("a")];
  const at = places.indexOf(document.activeElement);
  if (at === -1) return;
  event.preventDefault();
  places[Math.min(places.length - 1, Math.max(0, at + step))].focus();
});

picker.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(timer);
  find();
});
