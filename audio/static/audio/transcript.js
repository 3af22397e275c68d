// What was said, ready to be shown. Pure.

export const UNSURE_BELOW = 0.5;

const DRAFT_ENGINE = "pocketsphinx";

/** The speaker's name; the empty text when nobody knows who spoke. */
export function speakerName(speaker) {
  if (!speaker || speaker === "unknown") return "";
  const words = speaker.replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
}

/** Whether the engine is one whose words need checking. */
export function isDraft(segments) {
  return segments.some((segment) => segment.engine === DRAFT_ENGINE);
}

/**
 * What is made of segments: id → {emotion, flags}. An emotion that is unknown is none; a flag stands at the segment in
 * which it begins, if it begins in one.
 */
export function marks({ segments, emotions, flags }) {
  const found = new Map(segments.map(({ segment_id: id }) => [id, { emotion: null, flags: [] }]));
  for (const estimate of emotions) {
    const mark = found.get(estimate.segment_id);
    if (mark && estimate.emotion !== "unknown") mark.emotion = estimate;
  }
  for (const flag of flags) {
    const at = segments.findLast((segment) => segment.start_time <= flag.start_time);
    if (at && flag.start_time < at.end_time) found.get(at.segment_id).flags.push(flag);
  }
  return found;
}

/** Whether speakers are told apart by their voices alone. */
export function isGuessingSpeakers(segments) {
  return segments.some((segment) => segment.speaker?.startsWith("speaker_"));
}

/**
 * A segment's text in runs of {text, confidence}: null where the engine was sure, its figure where it was not.
 * The runs joined are the text, whatever the words are.
 */
export function runs({ text, words = [] }) {
  const found = [];
  // Up to `shown` the text is in runs, up to `read` its words are accounted for.
  let [shown, read] = [0, 0];
  for (const word of words) {
    const begins = word.text ? text.indexOf(word.text, read) : -1;
    if (begins === -1) continue;
    read = begins + word.text.length;
    if (word.confidence >= UNSURE_BELOW) continue;
    if (begins > shown) found.push({ text: text.slice(shown, begins), confidence: null });
    found.push({ text: word.text, confidence: word.confidence });
    shown = read;
  }
  if (shown < text.length) found.push({ text: text.slice(shown), confidence: null });
  return found;
}
