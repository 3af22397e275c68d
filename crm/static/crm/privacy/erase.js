// The button that erases can be pressed once the id is typed. Without a script, the server looks whether it was.

const form = document.querySelector("[data-erase]");
const typed = form.querySelector("[data-asked-for]");
const button = form.querySelector(".button-erase");

function look() {
  button.disabled = typed.value.trim() !== typed.dataset.askedFor.trim();
}

typed.addEventListener("input", look);
form.addEventListener("submit", () => {
  button.disabled = true;
});
// Whoever comes back with the browser's button finds what was typed still there.
addEventListener("pageshow", look);
look();
