// The microphone, and the shared tab or system sound beside it: asking for them, naming them, and why they are refused.

const PROCESSED = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
const RAW = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };

export async function openMicrophone({ deviceId = "", raw = false, devices = navigator.mediaDevices } = {}) {
  const wanted = {
    ...(raw ? RAW : PROCESSED),
    channelCount: { ideal: 1 },
    ...(deviceId ? { deviceId: { exact: deviceId } } : {}),
  };
  const stream = await devices.getUserMedia({ audio: wanted });
  return stream.getAudioTracks()[0];
}

/**
 * The sound of a tab or of the computer that the person chooses, {sound, end}; `sound` is null when they shared none.
 * `end()` ends the sharing.
 */
export async function openSharedSound(devices = navigator.mediaDevices) {
  const wanted = { video: true, audio: { ...RAW, suppressLocalAudioPlayback: false }, systemAudio: "include" };
  const stream = await devices.getDisplayMedia(wanted).catch((cause) => {
    throw Object.assign(new Error("Nothing was shared", { cause }), { name: "NotSharedError" });
  });
  const end = () => stream.getTracks().forEach((track) => track.stop());
  const [sound = null] = stream.getAudioTracks();
  // Only sound is recorded. The picture's track has to live on: in some browsers the sound ends with it.
  for (const track of stream.getVideoTracks()) track.enabled = false;
  if (sound === null) end();
  return { sound, end };
}

export async function microphones(devices = navigator.mediaDevices) {
  const found = await devices.enumerateDevices();
  return found.filter(({ kind, deviceId }) => kind === "audioinput" && deviceId !== "");
}

/** "granted", "denied", "prompt"; "prompt" too where the browser does not tell. */
export async function permission(permissions = navigator.permissions) {
  try {
    return (await permissions.query({ name: "microphone" })).state;
  } catch {
    return "prompt";
  }
}

/** Calls `act` whenever the permission changes, as beside the address; never where the browser does not tell. */
export async function onPermission(act, permissions = navigator.permissions) {
  const status = await permissions?.query({ name: "microphone" }).catch(() => null);
  status?.addEventListener?.("change", act);
}

/** What happened and what to do, by the name of the error that asking for a microphone raised. */
export function refusal({ name }) {
  const words = {
    NotAllowedError: "The microphone is not allowed here. Click the icon beside the address, allow the microphone, then try again.",
    NotFoundError: "No microphone was found. Plug one in, then try again.",
    NotReadableError: "The microphone is in use by another program, or switched off. Close that program, then try again.",
    OverconstrainedError: "The chosen microphone is gone. Choose another one.",
    AbortError: "The microphone did not start. Try again.",
    NotSharedError: "Nothing was shared, so nothing is recorded yet. Start again and choose a tab with its sound, or untick the other side.",
    SecurityError: "Recording needs a secure address (https). Ask whoever runs this server.",
  };
  return words[name] ?? "The microphone could not be started. Try again, or try another browser.";
}
