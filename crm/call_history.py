"""What people did to a call, told in words. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, TypedDict

from calls.documents import HistoryEntry
from calls.editing import TOLD_FIELDS

NOBODY: Final = "nobody"
NO_STATUS: Final = "no status"
# Of one who has been erased, or whom a program wrote as.
SOMEBODY: Final = "Somebody"
_ACTS: Final = {
    "opened": "opened the call",
    "moved": "changed the status",
    "text_corrected": "corrected a line",
    "speaker_corrected": "said who speaks in a line",
    "speaker_renamed": "renamed a speaker",
    "flag_judged": "judged a flag",
    "noted": "wrote a note",
    "deleted": "deleted the call",
}
_FIELDS: Final = {
    "subject": "subject",
    "summary": "summary",
    "type": "type",
    "direction": "direction",
    "language": "language",
    "owner_id": "owner",
    "assigned_to_id": "assignee",
    "external_user_id": "customer's id",
    "phone": "phone",
    "contact_id": "contact",
    "metadata": "metadata",
}
PEOPLE: Final = frozenset({"owner_id", "assigned_to_id"})


class Told(TypedDict):
    """One thing somebody did: who, what in words, and where both are known what was before and is now."""

    by: str
    at: datetime
    did: str
    before: str | None
    after: str | None
    # The line it was done to.
    line: str | None


def told(
    entries: Iterable[HistoryEntry],
    *,
    people: Mapping[int, str],
    statuses: Mapping[str, str],
    flags: Mapping[str, str] | None = None,
) -> list[Told]:
    """The newest first. `people`, `statuses` and `flags`: names by id; who has none is somebody, a status its number.

    An entry in which several fields were changed becomes one for each.
    """
    found: list[Told] = []
    for entry in entries:
        found += _told(entry, people, statuses, flags or {})
    return found[::-1]


def _told(
    entry: HistoryEntry, people: Mapping[int, str], statuses: Mapping[str, str], flags: Mapping[str, str]
) -> list[Told]:
    by = people.get(entry["by"] or 0, SOMEBODY)
    act, at = entry["act"], entry["at"]
    before, after = entry.get("before"), entry.get("after")
    if act == "changed":
        return [
            Told(by=by, at=at, did=f"changed the {_FIELDS.get(name, name)}", before=was, after=now, line=None)
            for name, was, now in _changes(before, after, people)
        ]
    did = _ACTS.get(act, act.replace("_", " "))
    if act == "speakers_merged":
        did, before, after = f"merged {_speaker(before)} into {_speaker(after)}", None, None
    if act == "flag_judged" and (rule := flags.get(entry.get("about", ""))):
        did = f"judged the flag “{rule}”"
    if act == "moved":
        before, after = (_status(one, statuses) for one in (before, after))
    if act in {"speaker_corrected", "speaker_renamed"}:
        before, after = (_speaker(one) for one in (before, after))
    line = entry.get("about") if act in {"text_corrected", "speaker_corrected"} else None
    return [
        Told(
            by=by,
            at=at,
            did=did,
            before=_text(before),
            after=_text(after),
            line=line,
        )
    ]


def _changes(before: Any, after: Any, people: Mapping[int, str]) -> Iterable[tuple[str, str | None, str | None]]:
    """Of each field, what it was and is; of entries from before these were kept, None twice."""
    if not isinstance(after, Mapping):
        return [(str(name), None, None) for name in after or []]
    was = before if isinstance(before, Mapping) else {}
    return [
        (name, _value(name, was.get(name), people), _value(name, after[name], people))
        if name in TOLD_FIELDS
        else (name, None, None)
        for name in after
    ]


def _value(name: str, value: Any, people: Mapping[int, str]) -> str:
    if name in PEOPLE:
        return NOBODY if value is None else people.get(value, f"person {value}")
    return _text(value) or "nothing"


def _status(status_id: Any, statuses: Mapping[str, str]) -> str:
    return NO_STATUS if status_id in (None, "") else statuses.get(str(status_id), f"status {status_id}")


def _speaker(name: Any) -> str | None:
    """As the lines show it: "Speaker 3" for speaker_3."""
    shown = str(name or "").replace("_", " ")
    return shown[:1].upper() + shown[1:] or None


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
