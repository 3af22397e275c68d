"""The sound of recordings: every object of a whole one, with all versions of it; of one side, its channel."""

from collections.abc import Mapping

from audio import blobs
from audio.erasing import shares, silencing
from audio.models import AudioSession
from audio.states import ErasedSide
from metrics.erasing import Progress, Subject, untold

# The second look lists what lies near: objects whose session begins with the same so many characters …
_NEAR = 4
# … unless there are so many recordings that to list everything takes no longer.
_MOST_NEAR = 500


def count(subject: Subject, /) -> int:
    """Objects of whole recordings, versions of them too; and of the others what has that side's sound."""
    found = shares.of(subject)
    whole = sum(blobs.count_all(map(blobs.prefix_of, some)) for some in shares.batches(found.whole))
    return whole + sum(
        silencing.left(some, side) for side in ErasedSide for some in shares.batches(found.of_side(side))
    )


def erase(subject: Subject, /, *, progress: Progress = untold) -> int:
    """Remove them, and silence the others. How many objects went. Raises StoreUnavailable."""
    found = shares.of(subject)
    removed = 0
    for some in shares.batches(found.whole):
        gone = blobs.erase_all(map(blobs.prefix_of, some))
        progress(gone)
        removed += gone
    for session in AudioSession.objects.filter(tenant=subject.tenant_id, pk__in=list(found.sides)).order_by("pk"):
        removed += silencing.silence(session, found.sides[str(session.pk)], progress=progress)
    return removed


def search(subject: Subject, /) -> int:
    """The same by the names of all objects round about, whatever the rows say."""
    found = shares.of(subject)
    whole, sides = set(found.whole), found.sides
    near = {session_id[:_NEAR] for session_id in found.every}
    wanted = [blobs.ROOT] if len(near) > _MOST_NEAR else [f"{blobs.ROOT}{beginning}" for beginning in sorted(near)]
    return sum(_is_theirs(key, whole, sides) for key in blobs.keys_of_all(wanted))


def _is_theirs(key: str, whole: set[str], sides: Mapping[str, ErasedSide]) -> bool:
    parts = set(key.casefold().split("/"))
    if not parts.isdisjoint(whole):
        return True
    return any(blobs.mark_of(sides[session_id]) not in key for session_id in parts & sides.keys())
