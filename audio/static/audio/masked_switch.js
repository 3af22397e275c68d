// The switch that has masked parts played: there for who may hear them, and shown once something is masked.

/** `player` plays what is to be heard. Returns what is told of what is masked: `show(masked)`. */
export function useMaskedSwitch(player) {
  const box = document.getElementById("masked-switch");
  const choice = box?.querySelector("input");
  choice?.addEventListener("change", () => player.useOriginals(choice.checked));
  return (masked) => {
    // What one has switched on can be switched off, whatever has become of it.
    if (box) box.hidden = masked.length === 0 && !choice.checked;
  };
}
