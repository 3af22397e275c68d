// The right column's figures: who spoke how much, what was silent, how it felt by estimate, what is missing.

import { element, icon } from "../../audio/dom.js";
import { count, duration, percent } from "../../audio/format.js";
import { toSecond } from "./lines.js";
import { shownName, sideOf } from "./row.js";
import { bandOf } from "./band.js";
import { causeWords, isFault, rangeWords, verdictSentence } from "./verdict.js";

const MOST_SPEAKERS = 8;
const MOST_GAPS = 50;
const BAND_CELLS = 60;

/** `box` is the section; hidden while nobody speaks. */
export function showFigures(box, { figures, sides, call }) {
  const { parts } = figures;
  box.hidden = !parts.length;
  if (!parts.length) return;
  const shares = parts.slice(0, MOST_SPEAKERS).map((one) => shareOf(one, { areTimesKnown: !call.times_estimated, side: sideOf(one.speaker, sides) }));
  if (parts.length > MOST_SPEAKERS) {
    shares.push(element("li", { className: "muted", textContent: `and ${parts.length - MOST_SPEAKERS} others` }));
  }
  box.querySelector(".shares").replaceChildren(...shares);
  const facts = [
    figures.silence !== null && ["Silence", `${percent(figures.silence_share)} · ${duration(figures.silence)}`],
    figures.crosstalk !== null && ["Both at once", duration(figures.crosstalk)],
    figures.interruptions !== null && ["Interruptions", interruptions(figures)],
    ["Speaker changes", figures.changes.toLocaleString("en")],
  ].filter(Boolean);
  box.querySelector("dl").replaceChildren(
    ...facts.map(([name, value]) =>
      element("div", {}, element("dt", { textContent: name }), element("dd", { textContent: value })),
    ),
  );
}

function shareOf({ speaker, seconds, share, words, words_per_minute: rate }, { areTimesKnown, side }) {
  const bar = element("span", { className: "share-bar", ariaHidden: "true" });
  bar.style.setProperty("--share", share);
  const known = areTimesKnown ? [duration(seconds)] : [];
  const told = [...known, rate === null ? count(words, "word") : `${Math.round(rate)} words a minute`].join(" · ");
  const item = element(
    "li",
    {},
    element("span", { className: "share-name" }, element("bdi", { textContent: shownName(speaker) })),
    element("span", { className: "share-figure", textContent: percent(share) }),
    bar,
    element("span", { className: "share-more muted", textContent: told }),
  );
  item.dataset.speaker = side;
  return item;
}

function interruptions({ interruptions: all, parts }) {
  const by = parts.filter((part) => part.interruptions).map((part) => `${shownName(part.speaker)} ${part.interruptions}`);
  return by.length && by.length <= 2 ? `${all} (${by.join(", ")})` : String(all);
}

/** `onSeek(seconds)`: a place of the band was chosen. */
export function showEmotions(box, { emotions, call, recording }, { onSeek }) {
  const shares = Object.entries(emotions.shares).sort(([, one], [, other]) => other - one);
  box.hidden = !shares.length;
  if (!shares.length) return;
  const seconds = Math.max(call.duration, recording?.duration ?? 0);
  const band = box.querySelector(".emotion-band");
  const cells = bandOf(emotions.stretches, seconds, BAND_CELLS).map((emotion) => {
    const cell = element("span");
    cell.dataset.emotion = emotion ?? "none";
    return cell;
  });
  band.replaceChildren(...cells);
  band.onclick = ({ clientX }) => {
    const { left, width } = band.getBoundingClientRect();
    onSeek(((clientX - left) / width) * seconds);
  };
  box.querySelector("ul").replaceChildren(
    ...shares.map(([emotion, share]) => {
      const item = element("li", {}, element("span", { className: "emotion-mark", ariaHidden: "true" }), emotionName(emotion), " ", element("span", { className: "muted", textContent: percent(share) }));
      item.dataset.emotion = emotion;
      return item;
    }),
  );
}

export function emotionName(emotion) {
  return emotion[0].toUpperCase() + emotion.slice(1);
}

export function showVerdict(box, { verdict }) {
  box.hidden = !verdict;
  if (!verdict) return;
  box.querySelector("p").textContent = verdictSentence(verdict);
  const gaps = verdict.gaps.slice(0, MOST_GAPS).map((gap) => {
    const link = element("a", { href: `?t=${toSecond(gap.start)}`, textContent: rangeWords(gap) });
    link.dataset.seeks = gap.start;
    const sign = icon(isFault(gap) ? "alert" : "pause");
    return element("li", {}, sign, element("span", {}, link, " ", element("span", { className: "muted", textContent: causeWords(gap) })));
  });
  if (verdict.gaps.length > MOST_GAPS) {
    gaps.push(element("li", { className: "muted", textContent: `and ${count(verdict.gaps.length - MOST_GAPS, "more gap")}` }));
  }
  box.querySelector("ul").replaceChildren(...gaps);
}
