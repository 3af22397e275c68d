// Places in a text, in characters (Unicode code points) as the server counts them. Pure.

/**
 * A text in runs of {text, span}: the span [start, end, …] that the run is, or null for what lies between.
 * Spans are in order; what of one was in another already, or is not in the text, is left out. The runs joined are the
 * text.
 */
export function runs(text, spans) {
  if (!spans.length) return text ? [{ text, span: null }] : [];
  const characters = Array.from(text);
  const found = [];
  let read = 0;
  for (const span of spans) {
    const [start, end] = [Math.max(span[0], read), Math.min(span[1], characters.length)];
    if (end <= start) continue;
    if (start > read) found.push({ text: characters.slice(read, start).join(""), span: null });
    found.push({ text: characters.slice(start, end).join(""), span });
    read = end;
  }
  if (read < characters.length) found.push({ text: characters.slice(read).join(""), span: null });
  return found;
}

/**
 * What of a text is shown where there is room for `most` characters: a piece with the first span in it, cut between
 * words and with … where it was cut. {text, spans}, those of the spans that are in it.
 */
export function excerpt(text, spans, most) {
  const characters = Array.from(text);
  if (characters.length <= most) return { text, spans };
  const wanted = Math.max(0, Math.min((spans[0]?.[0] ?? 0) - Math.floor(most / 3), characters.length - most));
  const start = wanted && afterSpace(characters, wanted, spans[0]?.[0] ?? wanted);
  const end = start + most >= characters.length ? characters.length : beforeSpace(characters, start + most, start);
  const [before, after] = [start > 0 ? "… " : "", end < characters.length ? " …" : ""];
  const moved = before.length - start;
  return {
    text: before + characters.slice(start, end).join("") + after,
    spans: spans
      .filter((span) => span[0] < end && span[1] > start)
      .map((span) => [Math.max(span[0], start) + moved, Math.min(span[1], end) + moved]),
  };
}

/** The first place from `at` on at which a word begins, no later than `latest`; `at` itself when none does. */
function afterSpace(characters, at, latest) {
  for (let place = at; place <= latest; place += 1) {
    if (characters[place - 1] === " ") return place;
  }
  return at;
}

/** The last place up to `at` at which a word has ended, after `earliest`; `at` itself when none has. */
function beforeSpace(characters, at, earliest) {
  for (let place = at; place > earliest; place -= 1) {
    if (characters[place] === " ") return place;
  }
  return at;
}
