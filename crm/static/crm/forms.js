// Pages of forms: times in the reader's own, and a question before what cannot be taken back.

import { showAll } from "../audio/times.js";

showAll();

const dialog = document.getElementById("confirm");
let asked = null;

addEventListener("submit", (event) => {
  const form = event.target;
  if (!dialog || !form.dataset.confirm) return;
  event.preventDefault();
  asked = form;
  document.getElementById("confirm-title").textContent = form.dataset.confirm;
  document.getElementById("confirm-text").textContent = form.dataset.confirmText;
  document.getElementById("confirm-yes").textContent = form.dataset.confirmYes;
  dialog.returnValue = "no";
  dialog.showModal();
});

dialog?.addEventListener("close", () => {
  if (dialog.returnValue === "yes") asked.submit();
});

// What can be seen only now is what one came for.
document.querySelector(".secret .copy")?.focus();
