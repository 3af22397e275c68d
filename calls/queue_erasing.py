"""Takes conversations out of the queue for good, or parts of them, whoever holds them; a part of the queue's door.

What the queue counts stays true: what was taken out was neither stored, nor did it fail.
"""

from collections.abc import Iterator, Sequence

import orjson

from calls import queue_scripts
from calls.queue import (
    ATTEMPTS_KEY,
    BYTES_KEY,
    DEAD_KEY,
    GROUP,
    STANDINGS_KEY,
    STREAM_KEY,
    DeadLetter,
    Entry,
    Queued,
    count_dead,
    dead_letters,
    entries_from,
    field_of,
    run,
)

_ANEW_KEY = f"{STREAM_KEY}:anew"
_KEYS = (STREAM_KEY, STANDINGS_KEY, BYTES_KEY, ATTEMPTS_KEY)
_PAGE = 500
# So many are copied within Redis in some hundredths of a second, in which nothing else is done there.
MOST_COMPACTED = 20_000


def waiting(tenant_id: int) -> Iterator[Entry]:
    """A company's entries, held or not, in order. Raises IntakeAway."""
    start = "-"
    while page := entries_from(start, most=_PAGE):
        yield from (entry for entry in page if entry.tenant_id == tenant_id)
        start = f"({page[-1].entry_id}"


def given_up(tenant_id: int) -> list[DeadLetter]:
    """A company's dead letters. Raises IntakeAway."""
    found: list[DeadLetter] = []
    for first in range(0, count_dead(tenant_id), _PAGE):
        found += dead_letters(tenant_id, first=first, most=_PAGE)[0]
    return found


def drop(entries: Sequence[Entry]) -> int:
    """Take entries away with all that is kept of them. How many were still there."""
    dropped = 0
    for start in range(0, len(entries), _PAGE):
        words = [
            word
            for entry in entries[start : start + _PAGE]
            for word in (entry.entry_id, field_of(entry.tenant_id, entry.conversation_id))
        ]
        dropped += int(run(queue_scripts.DROP, _KEYS, GROUP, *words))
    return dropped


def rewrite(entry: Entry, conversation: Queued) -> bool:
    """Have an entry say something else; it goes to the queue's end. False when it is not there any more."""
    done = run(
        queue_scripts.REWRITE,
        _KEYS,
        GROUP,
        entry.entry_id,
        field_of(entry.tenant_id, entry.conversation_id),
        entry.tenant_id,
        entry.conversation_id,
        orjson.dumps(conversation),
    )
    return bool(done)


def rewrite_dead(letter: DeadLetter, conversation: Queued) -> bool:
    """The same for a dead letter, which keeps its place."""
    body = orjson.dumps(conversation)
    anew = {**letter, "body": body.decode()}
    field = field_of(letter["tenant_id"], letter["conversation_id"])
    keys = [STANDINGS_KEY, BYTES_KEY, DEAD_KEY]
    return bool(run(queue_scripts.REWRITE_DEAD, keys, field, orjson.dumps(anew), len(body)))


def compact() -> bool:
    """Have what was taken out leave Redis' memory. False when too much waits: it leaves with what came beside it."""
    return bool(run(queue_scripts.COMPACT, [STREAM_KEY, _ANEW_KEY], GROUP, MOST_COMPACTED))
