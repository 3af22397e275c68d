"""Masks personal data where segments enter a call, before anything else sees them. Pure.

1. What each speaker says is cut into tokens and joined into lines, as far as it goes on from segment to segment
   (`tokens.py`).
2. Addresses and IBANs are looked for in the tokens; runs of digits, said or written, are what cards, accounts,
   telephone numbers and codes are looked for in (`finding.py` and what it names).
3. Each segment is masked in its place: text, words, and a note of what was there (`masking.py`). What is masked
   already stays so, and is looked through again with what it hides.

    masked = redaction.redact(segments, redaction.KINDS, ("en", "de"))

A number that is said in several segments is found when they are given together, in order of time: whoever takes in
part of a call gives what the call says in the `LONGEST_PAUSE` around it along, masked or not.
"""

from calls.redaction.kinds import KINDS, MASKS
from calls.redaction.masking import redact
from calls.redaction.originals import originals_removed, restored
from calls.redaction.tokens import LONGEST_PAUSE

__all__ = ["KINDS", "LONGEST_PAUSE", "MASKS", "originals_removed", "redact", "restored"]
