// What every page can do: change the theme, list its shortcuts, search, copy what has a copy button.

const COPIED_FOR_MS = 1600;

// --- Theme ---

function showTheme() {
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === document.documentElement.dataset.theme));
  }
}

function chooseTheme(choice) {
  document.documentElement.dataset.theme = choice;
  try {
    localStorage.setItem("theme", choice);
  } catch {
    // It then holds for this page only.
  }
  showTheme();
}

addEventListener("storage", (event) => {
  if (event.key === "theme") {
    document.documentElement.dataset.theme = event.newValue ?? "auto";
    showTheme();
  }
});

// --- Copying ---

async function copy(button) {
  const copied = (await writeToClipboard(button.dataset.copy)) || copyBySelection(button.dataset.copy);
  document.getElementById("said").textContent = copied ? "Copied" : "Copying is not allowed here";
  if (copied) {
    button.dataset.copied = "";
    setTimeout(() => delete button.dataset.copied, COPIED_FOR_MS);
  }
}

async function writeToClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

// Browsers give the clipboard to https pages only; a server on the local network often has none.
function copyBySelection(text) {
  const field = document.createElement("textarea");
  field.className = "visually-hidden";
  field.value = text;
  document.body.append(field);
  const focused = document.activeElement;
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  focused?.focus();
  return copied;
}

// --- Shortcuts ---

function isTyping(target) {
  return target instanceof Element && target.closest("input, textarea, select, [contenteditable]") !== null;
}

function showShortcuts() {
  const list = document.getElementById("shortcuts");
  if (list && !list.open) list.showModal();
}

/** Into the page's own search field; where it has none, to the page that searches. */
function goSearching() {
  const field = document.querySelector('main input[type="search"]');
  if (field) field.select();
  else document.querySelector('.rail [aria-keyshortcuts="/"]')?.click();
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  const act = { "?": showShortcuts, "/": document.querySelector("dialog[open]") ? null : goSearching }[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.themeChoice) chooseTheme(button.dataset.themeChoice);
  if (button?.dataset.copy) copy(button);
  if (button?.dataset.opens === "shortcuts") showShortcuts();
  // A click on the dialog itself, not on what is in it, fell on its backdrop.
  if (event.target instanceof HTMLDialogElement && isOutside(event, event.target)) event.target.close();
});

function isOutside(event, element) {
  const box = element.getBoundingClientRect();
  return event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom;
}

showTheme();
