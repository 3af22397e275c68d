// The look before a call: may we, can we hear, is there room, is the server there. Pure: facts in, lines out.

import { percent } from "../format.js";

const HEARD_FROM = 0.01;
const ROOM_FOR_A_DAY = 600 * 2 ** 20;

/** Lines of {name, tone: "good" | "bad" | "open", text, act?}; `act`: "allow" asks for the microphone. */
export function checks({ permission, device, level, storage, isOnline, isServerThere }) {
  return [
    { name: "permission", ...permissionLine(permission) },
    { name: "device", ...(device ? { tone: "good", text: device } : { tone: "open", text: "Microphone not looked at yet" }) },
    { name: "level", ...levelLine(device, level) },
    { name: "storage", ...storageLine(storage) },
    { name: "connection", ...connectionLine(isOnline, isServerThere) },
  ];
}

function permissionLine(permission) {
  if (permission === "granted") return { tone: "good", text: "Microphone allowed" };
  if (permission === "denied") return { tone: "bad", text: "Microphone not allowed: click the icon beside the address, then allow it" };
  return { tone: "open", text: "The browser will ask for the microphone", act: "allow" };
}

function levelLine(device, level) {
  if (!device) return { tone: "open", text: "Level not known yet" };
  if (level >= HEARD_FROM) return { tone: "good", text: `You are heard, ${percent(Math.min(1, level))}` };
  return { tone: "open", text: "Say something: nothing is heard yet" };
}

function storageLine(storage) {
  if (storage === null) return { tone: "bad", text: "This browser keeps nothing: do not close the page before all is sent" };
  const free = storage.quota - storage.usage;
  if (free < ROOM_FOR_A_DAY) return { tone: "bad", text: `Only ${Math.floor(free / 1e6)} MB free on this device` };
  return { tone: "good", text: "Room on this device for more than a day" };
}

function connectionLine(isOnline, isServerThere) {
  if (!isOnline) return { tone: "bad", text: "Offline: recordings are kept here and sent later" };
  if (isServerThere === null) return { tone: "open", text: "Asking the server" };
  return isServerThere
    ? { tone: "good", text: "The server answers" }
    : { tone: "bad", text: "The server does not answer: recordings are kept here and sent later" };
}
