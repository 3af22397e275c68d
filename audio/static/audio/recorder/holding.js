// What a recording holds while it goes on: its session, so that no other tab takes it, and the screen.

/** Resolves to a function that lets go, or to null when another tab has it. */
export function holdSession(id, locks = navigator.locks) {
  // Only secure pages have locks, and only those have a microphone.
  if (!locks) return Promise.resolve(() => {});
  return new Promise((resolve) => {
    locks.request(`earshot-recorder:${id}`, { ifAvailable: true }, (lock) => {
      if (lock === null) return resolve(null);
      return new Promise((release) => resolve(release));
    });
  });
}

/** Keeps the screen on: phones stop the microphone when it goes dark. Returns a function that lets it. */
export function keepAwake() {
  let lock = null;
  let isWanted = true;
  const ask = async () => {
    if (!isWanted || document.visibilityState !== "visible") return;
    lock = await navigator.wakeLock?.request("screen").catch(() => null);
    if (!isWanted) lock?.release();
  };
  // The browser takes it back from a page that is hidden.
  document.addEventListener("visibilitychange", ask);
  ask();
  return () => {
    isWanted = false;
    document.removeEventListener("visibilitychange", ask);
    lock?.release();
  };
}
