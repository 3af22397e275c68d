"""One side of a call, taken out of it. Pure.

A call is its document and its buckets, as they lie in the store. Who speaks is as the source says; where people have
said that a line of the other side is this one's, it goes as well. What the other side said stays as it is, but for the
exact addresses of whoever goes.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from calls.documents import Correction, Segment
from calls.erasing import addresses, naming
from calls.store.expressions import Document

Side = Literal["agent", "client"]
OTHER: Mapping[Side, Side] = {"agent": "client", "client": "agent"}
# What a call knows of its client, and what is there in its place.
_OF_CLIENT: Mapping[str, Any] = {
    "contact_id": None,
    "external_user_id": None,
    "phone": None,
    "phone_key": None,
    "contact_match": None,
    "subject": "",
    "summary": "",
    "metadata": {},
    "notes": [],
}
# By what one knows who the other side is.
_PEOPLE: Mapping[Side, Sequence[str]] = {
    "agent": ("user_id",),
    "client": ("contact_id", "external_user_id", "phone", "phone_key"),
}
_TEXTS = ("subject", "summary", "metadata")
_RENAMING = {"speaker_renamed", "speakers_merged"}
_OF_LINES = {"text_corrected", "speaker_corrected"}
# What such a line says is no word of anybody's, nor about anybody.
_OF_NOBODY = {"moved", "flag_judged", "merged"}


@dataclass(frozen=True, slots=True)
class Going:
    """Which side goes; the id of a colleague who does, and the addresses of whoever it is, in lower case."""

    side: Side
    user_id: int | None = None
    emails: tuple[str, ...] = ()


def without(head: Document, buckets: Sequence[Document], going: Going) -> tuple[Document, list[Document]]:
    """The call without the side: its document, and its buckets in their order. Again is the same as once."""
    said = [segment for one in (head, *buckets) for segment in one.get("conversation", [])]
    names = _names(head.get("renamed", {}), going.side)
    left = {id(segment) for segment in _going(said, head.get("corrections", []), going.side, names)}
    staying = {segment["segment_id"] for segment in said if id(segment) not in left}
    kept = [_kept(one, left, going) for one in buckets]
    after = _kept(head, left, going)
    after |= _of_call(head, [segment for segment in said if id(segment) in left], staying, names, going)
    if "spilled" in head:
        after["spilled"] = {**head["spilled"], **_held(kept)}
    if going.side == "client":
        after |= _OF_CLIENT
        after.pop("contact_sought", None)
    after = naming.without(after, going.user_id) if going.user_id is not None else after
    if going.side == "agent" and after.get("user_id") == going.user_id:
        after["user_id"] = None
    after["erased_side"] = going.side
    return after, kept


def is_nobodys(head: Document, buckets: Iterable[Document], side: Side) -> bool:
    """Whether nothing is left of a side: nothing that it said, and nobody who it was."""
    if any(head.get(name) not in (None, "") for name in _PEOPLE[side]):
        return False
    of_lines = [correction["heard_as"] for correction in head.get("corrections", [])]
    said = [segment["speaker"] for one in (head, *buckets) for segment in one.get("conversation", [])]
    return side not in (*of_lines, *said)


def _names(renamed: Mapping[str, str], side: Side) -> set[str]:
    """What the source and people call the side; a name that both sides have is nobody's."""
    return {side} | ({renamed[side]} if side in renamed and renamed[side] != OTHER[side] else set())


def _going(
    said: Iterable[Segment], corrections: Sequence[Correction], side: Side, names: Collection[str]
) -> Iterator[Segment]:
    claimed = [one for one in corrections if one["heard_as"] != side and one.get("speaker") in names]
    for segment in said:
        if segment["speaker"] == side or any(_is_at(segment, correction) for correction in claimed):
            yield segment


def _is_at(segment: Segment, correction: Correction) -> bool:
    """Whether a correction is of a segment, whatever it is called by now."""
    if segment["segment_id"] == correction["segment_id"]:
        return True
    if segment["speaker"] != correction["heard_as"]:
        return False
    common = min(segment["end_time"], correction["end_time"]) - max(segment["start_time"], correction["start_time"])
    return common > 0 and common >= (segment["end_time"] - segment["start_time"]) / 2


def _kept(one: Document, left: Collection[int], going: Going) -> Document:
    """A document without what the side said."""
    said = [
        addresses.masked_segment(segment, going.emails)
        for segment in one.get("conversation", [])
        if id(segment) not in left
    ]
    ids = {segment["segment_id"] for segment in said}
    after = {**one, "conversation": said}
    if "emotions" in one:
        after["emotions"] = [estimate for estimate in one["emotions"] if estimate["segment_id"] in ids]
    return after


def _of_call(
    head: Document, left: Sequence[Segment], staying: Collection[str], names: Collection[str], going: Going
) -> Document:
    """What the call itself keeps beside its words."""
    emails = going.emails
    after: Document = {name: addresses.masked_in(head[name], emails) for name in _TEXTS if name in head}
    if "corrections" in head:
        after["corrections"] = [
            _masked(one, emails)
            for one in head["corrections"]
            if one["heard_as"] != going.side and one.get("speaker") not in names
        ]
    if "renamed" in head:
        after["renamed"] = {
            heard: called for heard, called in head["renamed"].items() if heard != going.side and called not in names
        }
    if "speakers" in head:
        after["speakers"] = [one for one in head["speakers"] if one["speaker"] != going.side]
    if "notes" in head:
        after["notes"] = addresses.masked_in(head["notes"], emails)
    if "history" in head:
        after["history"] = [*_history(head["history"], staying, going)]
    if head.get("suspicion"):
        after["suspicion"] = _suspicion(head["suspicion"], left, emails)
    return after


def _masked(correction: Document, emails: Sequence[str]) -> Document:
    if not emails or "text" not in correction:
        return correction
    written = {"speaker": "", "start_time": 0.0, "end_time": 0.0, **correction}
    masked: Mapping[str, Any] = addresses.masked_segment(written, emails)  # type: ignore[arg-type]
    return {**correction, **{name: masked[name] for name in ("text", "redactions") if name in masked}}


def _history(history: Iterable[Document], staying: Collection[str], going: Going) -> Iterator[Document]:
    """Each line, without what it says of whoever goes."""
    names: set[Any] = {going.side}
    for entry in history:
        act = entry.get("act")
        is_theirs = going.side == "client" and act not in _OF_NOBODY
        if act in _RENAMING and entry.get("before") in names:
            names.add(entry.get("after"))
            is_theirs = True
        elif act in _OF_LINES:
            is_theirs = is_theirs or entry.get("about") not in staying
        if is_theirs:
            yield {name: value for name, value in entry.items() if name not in ("before", "after")}
        else:
            yield addresses.masked_in(entry, going.emails)


def _suspicion(suspicion: Document, left: Sequence[Segment], emails: Sequence[str]) -> Document:
    """Without what was found while they spoke, and what was said of that."""
    gone = {flag["flag_id"] for flag in suspicion.get("reasons", []) if any(_meet(flag, one) for one in left)}
    reasons = [flag for flag in suspicion.get("reasons", []) if flag["flag_id"] not in gone]
    reviews = [review for review in suspicion.get("reviews", []) if review["flag_id"] not in gone]
    kept = {"reasons": addresses.masked_in(reasons, emails), "reviews": reviews}
    # What is not there stays so: the same again is the same.
    return {**suspicion, **{name: value for name, value in kept.items() if name in suspicion}}


def _meet(flag: Mapping[str, Any], segment: Segment) -> bool:
    if flag["start_time"] == flag["end_time"]:
        return bool(segment["start_time"] <= flag["start_time"] <= segment["end_time"])
    return bool(flag["start_time"] < segment["end_time"] and segment["start_time"] < flag["end_time"])


def _held(buckets: Iterable[Document]) -> Document:
    """What a call knows of its buckets without reading them."""
    seconds: dict[str, float] = {}
    count = 0
    for one in buckets:
        count += len(one["conversation"])
        for estimate in one.get("emotions", []):
            if estimate["emotion"] != "unknown":
                length = estimate["end_time"] - estimate["start_time"]
                seconds[estimate["emotion"]] = seconds.get(estimate["emotion"], 0.0) + length
    emotions = [{"emotion": name, "start_time": 0.0, "end_time": length} for name, length in sorted(seconds.items())]
    return {"segments": count, "emotions": emotions}
