"""What was written down against what was said."""

import re


def word_error_rate(reference: str, heard: str) -> float:
    """Words wrong, missing or added, for every word of `reference`: 0 is perfect, more than 1 is possible.

    Capitals and punctuation do not count, apostrophes within words do. When nothing was said, 0 if nothing
    was heard either, else 1.
    """
    said, written = _words(reference), _words(heard)
    if not said:
        return 1.0 if written else 0.0
    # Levenshtein's distance between the two lists, one row of his table at a time.
    row = list(range(len(written) + 1))
    for count, word in enumerate(said, start=1):
        above, row = row, [count]
        for column, other in enumerate(written, start=1):
            row.append(min(above[column] + 1, row[-1] + 1, above[column - 1] + (word != other)))
    return row[-1] / len(said)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+(?:'\w+)*", text.casefold())
