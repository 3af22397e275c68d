"""What becomes of calls that are one and the same: which one stays, and what it takes over of the others.

Nothing here asks anything; `calls.duplicates` reads and writes.
"""

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from calls.documents import Call, HistoryEntry, Segment, by_time
from calls.old_segments import content

Key = TypeVar("Key", bound=Hashable)

_LONG_AGO = datetime.min.replace(tzinfo=UTC)
# What the one that stays takes from the others where it has nothing itself.
_FILLED = ("subject", "summary", "direction", "session_id", "status_id", "owner_id", "user_id", "assigned_to_id")
# What goes with something that is taken over.
_WITH_SESSION = ("verdict", "speakers")


@dataclass(frozen=True, slots=True)
class Head:
    """A call without its words. `key` is MongoDB's own; `segments` counts those in buckets too."""

    key: Any
    tenant_id: int
    call_id: str
    number: int
    segments: int
    start_time: datetime
    created_at: datetime
    is_deleted: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Calls that are one: the one that stays, and those that go. `needs_number`: its number is another call's."""

    kept: Head
    removed: tuple[Head, ...]
    needs_number: bool = False


@dataclass(frozen=True, slots=True)
class Merged:
    """A call with all that was taken over, and how much that was."""

    call: Call
    segments: int
    corrections: int
    notes: int


def grouped(sharing: Iterable[Collection[Key]]) -> list[frozenset[Key]]:
    """What is one by what several have in common: a with b and b with c make one group of three."""
    parents: dict[Key, Key] = {}

    def root_of(key: Key) -> Key:
        parents.setdefault(key, key)
        while parents[key] != key:
            parents[key] = parents[parents[key]]
            key = parents[key]
        return key

    for keys in sharing:
        first, *others = keys
        for other in others:
            parents[root_of(other)] = root_of(first)
    groups: dict[Key, set[Key]] = {}
    for key in parents:
        groups.setdefault(root_of(key), set()).add(key)
    return [frozenset(group) for group in groups.values() if len(group) > 1]


def ranked(heads: Iterable[Head]) -> list[Head]:
    """The one to keep first: of those that nobody has deleted the longest, and of those the newest."""
    return sorted(
        heads,
        key=lambda head: (not head.is_deleted, head.segments, head.start_time, head.created_at, str(head.key)),
        reverse=True,
    )


def divided(heads: Iterable[Head], recorded: Collection[str]) -> list[Group]:
    """What is done to the calls of one group.

    A recording stays with its call: of several call_ids that have one each, every one stays a call, and those that are
    not the best get a number of their own.
    """
    in_order = ranked(heads)
    with_recording = list(dict.fromkeys(head.call_id for head in in_order if head.call_id in recorded))
    apart = [call_id for call_id in with_recording if call_id != in_order[0].call_id]
    if in_order[0].call_id not in recorded:
        # The best one takes over the recording of the next.
        apart = apart[1:]
    first, *others = [head for head in in_order if head.call_id not in apart]
    groups = [Group(first, tuple(others))]
    for call_id in apart:
        kept, *same = [head for head in in_order if head.call_id == call_id]
        groups.append(Group(kept, tuple(same), needs_number=True))
    return [group for group in groups if group.removed or group.needs_number]


def merged(kept: Call, others: Sequence[Call], *, at: datetime) -> Merged:
    """The call that stays with what the others have that it has not; of deleted ones nothing, if it is not one itself.

    Two segments are the same by their id, or by who says what when.
    """
    givers = [other for other in others if bool(other.get("deleted")) <= bool(kept.get("deleted"))]
    call = cast("Call", {**kept})
    said, added = _said(kept, givers)
    call["conversation"] = said
    new = {segment["segment_id"] for segment in added}
    estimates = [one for giver in givers for one in giver.get("emotions", []) if one["segment_id"] in new]
    call["emotions"] = sorted(_united([kept.get("emotions", []), estimates], "segment_id"), key=by_time)
    corrections = _united([one.get("corrections", []) for one in (kept, *givers)], "correction_id")
    notes = _united([one.get("notes", []) for one in (kept, *givers)], "note_id")
    call["corrections"] = sorted(corrections, key=_when)
    call["notes"] = sorted(notes, key=_when)
    call["history"] = _history([kept, *givers], others, at)
    call["renamed"] = _laid_over([one.get("renamed", {}) for one in (kept, *givers)])
    call["metadata"] = _laid_over([one.get("metadata", {}) for one in (kept, *givers)])
    if any("suspicion" in one for one in (kept, *givers)):
        call["suspicion"] = _suspicion([kept, *givers])
    call["duration"] = max(one.get("duration", 0.0) for one in (kept, *givers))
    call["end_time"] = max((end for one in (kept, *givers) if (end := one.get("end_time"))), default=None)
    _fill(cast("dict[str, Any]", call), [cast("dict[str, Any]", giver) for giver in givers])
    call["version"] = max(one.get("version", 0) for one in (kept, *others)) + 1
    call["updated_at"] = at
    return Merged(
        call=call,
        segments=len(added),
        corrections=len(corrections) - len(kept.get("corrections", [])),
        notes=len(notes) - len(kept.get("notes", [])),
    )


def _said(kept: Call, givers: Sequence[Call]) -> tuple[list[Segment], list[Segment]]:
    there = list(kept.get("conversation", []))
    ids = {segment["segment_id"] for segment in there}
    contents = {content(segment) for segment in there}
    added = []
    for giver in givers:
        # Whoever says the same twice in one call says it twice: only what the others have is left out.
        new = [
            segment
            for segment in giver.get("conversation", [])
            if segment["segment_id"] not in ids and content(segment) not in contents
        ]
        added += new
        ids |= {segment["segment_id"] for segment in new}
        contents |= {content(segment) for segment in new}
    return sorted([*there, *added], key=by_time), added


def _united(lists: Iterable[Sequence[Any]], identity: str) -> list[Any]:
    """All of them, those of the first lists before the others; of one identity the first."""
    found: dict[Any, Any] = {}
    for items in lists:
        for item in items:
            found.setdefault(item[identity], item)
    return list(found.values())


def _laid_over(mappings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """All of them; of one name the first."""
    return {name: value for mapping in reversed(mappings) for name, value in (mapping or {}).items()}


def _history(givers: Sequence[Call], removed: Sequence[Call], at: datetime) -> list[HistoryEntry]:
    lines: list[HistoryEntry] = []
    for giver in givers:
        lines += [line for line in giver.get("history", []) if line not in lines]
    for other in removed:
        before = {"id": other["id"], "call_id": other["call_id"]}
        lines.append(HistoryEntry(act="merged", by=None, at=at, about=other["call_id"], before=before))
    return sorted(lines, key=_when)


def _suspicion(givers: Sequence[Call]) -> Any:
    known = [cast("dict[str, Any]", one.get("suspicion") or {}) for one in givers]
    return {
        **next((one for one in known if one), {}),
        "reasons": _united([one.get("reasons", []) for one in known], "flag_id"),
        "reviews": _united([one.get("reviews", []) for one in known], "flag_id"),
    }


def _fill(call: dict[str, Any], givers: Sequence[dict[str, Any]]) -> None:
    for giver in givers:
        takes_session = not call.get("session_id") and giver.get("session_id")
        for name in [*_FILLED, *(_WITH_SESSION if takes_session else ())]:
            if call.get(name) in (None, "") and giver.get(name) not in (None, ""):
                call[name] = giver[name]
        # What a platform calls somebody is somebody on that platform alone.
        if call.get("platform") == giver.get("platform") and not call.get("external_user_id"):
            call["external_user_id"] = giver.get("external_user_id")
        if call.get("contact_id") is None and giver.get("external_user_id") == call.get("external_user_id"):
            call["contact_id"] = giver.get("contact_id")


def _when(item: Mapping[str, Any]) -> datetime:
    at: datetime = item.get("at") or _LONG_AGO
    return at
