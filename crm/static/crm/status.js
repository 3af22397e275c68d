// One status' form: a colour of one's own is chosen by typing it, and its dot shows at once.

const field = document.querySelector(".own-color input");
const own = document.querySelector('.swatch input[value="own"]');
const dot = document.querySelector(".status-head circle");
const before = dot?.getAttribute("fill");

function chosen() {
  const value = document.querySelector(".swatch input:checked")?.value;
  return value === "own" ? field.value.trim() : value;
}

function show() {
  if (dot) dot.setAttribute("fill", /^#[0-9a-f]{6}$/i.test(chosen()) ? chosen() : before);
  field.required = own.checked;
}

field?.addEventListener("input", () => {
  own.checked = true;
  show();
});

for (const radio of document.querySelectorAll(".swatch input")) {
  radio.addEventListener("change", () => {
    if (radio === own) field.focus();
    else field.value = "";
    show();
  });
}

if (field) show();
