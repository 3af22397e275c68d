"""Whole recordings removed for another reason than that somebody is erased: their calls are, for one."""

from collections.abc import Collection

from audio.erasing import live, rows, sound, state
from metrics.erasing import Progress, Share, Subject, untold


def remove_whole(tenant_id: int, session_ids: Collection[str], *, progress: Progress = untold) -> int:
    """Remove a company's recordings from every store of this floor; again is the same as once. How many there were.

    `progress` is told of recordings that are gone. Raises RetryableAudioError while a store is away: what is left then
    is removed the next time, since the rows go last.
    """
    removed = 0
    for some in _batches(sorted(session_ids)):
        whole = Subject(tenant_id, sessions=dict.fromkeys(some, Share.WHOLE))
        there = rows.recordings(whole)
        for step in (live, sound, state, rows):
            step.erase(whole)
        progress(there)
        removed += there
    return removed


def _batches(ids: list[str]) -> list[list[str]]:
    return [ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE)]


_AT_ONCE = 100
