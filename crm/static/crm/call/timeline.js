// The player's line of time: what of it there is, what was found along it, where one is and wants to be.

import { Waveform } from "../../audio/waveform.js";
import { soundOf } from "./lines.js";
import { shownName } from "./row.js";

const SIDES = ["agent", "client"];

export class Timeline {
  /**
   * `seconds` is its length as far as it is known; `onSeek(seconds)` and `onFlag(flagId)`: what was chosen on it;
   * `onMasked(masked)`: what of it is masked.
   */
  constructor({ box, seconds, onSeek, onFlag, onMasked }) {
    const { address, channels } = box.dataset;
    this.sound = null;
    this.waveform = new Waveform({ box, address, duration: seconds, channels: Number(channels), onSeek, onFlag, onMasked });
  }

  show({ recording, verdict, suspicion, emotions, sides, lines }) {
    if (!recording) return;
    if (recording.channels === SIDES.length) this.waveform.setLaneNames(laneNames(sides));
    const sound = soundOf({ recording, verdict, lines });
    // What has come since is drawn too.
    if (this.sound !== null && sound !== this.sound) this.waveform.refresh();
    this.sound = sound;
    this.waveform.setGaps(verdict?.gaps ?? []);
    this.waveform.setFlags(suspicion.flags.map(pinOf));
    this.waveform.setEmotions(emotions.stretches);
  }

  setPosition(seconds) {
    this.waveform.setPosition(seconds);
  }
}

/** Of the two channels: each side by what it is called. */
function laneNames(sides) {
  return SIDES.map((side) => shownName(Object.keys(sides).find((name) => sides[name] === side) ?? side));
}

function pinOf({ flag_id, rule, start_time: start, end_time: end, verdict }) {
  return { flag_id, start, end, label: rule, verdict };
}
