"""What older installations wrote down of what was said, read as segments. Pure.

Two collections held it, one for each side of a call; a document is a segment, or a list of them in `segments`. The
programs that wrote them differed: times are numbers or texts, of seconds unless the field's name says milliseconds; the
end, the confidence and ids may be missing.

A segment's id follows from the row alone, so that reading it now, moving it, and moving it again name it alike. Ids
that a row brings were unique on one side at best; the side is put before them.
"""

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from calls.documents import Segment, by_time
from calls.segment_rules import IDENTITY, LATEST_SECONDS
from metrics import person_keys

Side = Literal["agent", "client"]
SIDES: tuple[Side, ...] = ("agent", "client")

# Some rows hold all that one side said; more than this is no speech.
LONGEST_TEXT = 100_000
# Calls are opened, and rows written, by machines whose clocks may differ.
YOUNGER_AT_MOST = timedelta(days=1)
# What nothing is known of is neither sure nor wrong.
UNKNOWN_CONFIDENCE = 0.5

_SECONDS: Mapping[str, tuple[str, ...]] = {"start": ("start_time", "start"), "end": ("end_time", "end")}
_MILLISECONDS: Mapping[str, tuple[str, ...]] = {
    "start": ("start_time_ms", "start_ms", "startTimeMs", "startMs"),
    "end": ("end_time_ms", "end_ms", "endTimeMs", "endMs"),
}
_CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,3}):(\d{1,2}(?:[.,]\d+)?)")


@dataclass(frozen=True, slots=True)
class Row:
    """A segment as an older program wrote it: where it lies, for reports, and what it says.

    `tenant_id` is None where it says no company, and 0, which is nobody's, where that is no number.
    """

    side: Side
    place: str
    values: Mapping[str, Any]
    tenant_id: int | None = None
    written_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Bad:
    """A row that cannot be a segment, and why."""

    row: Row
    why: str


@dataclass(frozen=True, slots=True)
class Read:
    """Rows of one call as segments, in order of time, each once; and what was not taken."""

    segments: list[Segment] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)
    duplicates: int = 0


class _Unreadable(Exception):
    pass


def rows_in(document: Mapping[str, Any], side: Side, place: str, *, written_at: datetime | None) -> list[Row]:
    """The rows of one document, which tells the company of all that it lists."""
    tenant_id = _company(document.get("tenant_id"))
    inside = document.get("segments")
    if not isinstance(inside, list):
        return [Row(side, place, document, tenant_id, written_at)]
    return [
        Row(side, f"{place}[{position}]", one if isinstance(one, Mapping) else {}, tenant_id, written_at)
        for position, one in enumerate(inside)
    ]


def owner(row: Row, made: Mapping[int, datetime], *, unnamed: int | None) -> int | None:
    """Whose row it is: the company that it names, else `unnamed`, else the one whose call it can be of.

    `made`: the companies that have a call of the row's id, and since when. A call that came into being long after the
    row was written is not the one that was meant: whoever gave theirs an old id would be shown somebody else's words.
    None where that leaves no company, or several.
    """
    if row.tenant_id is not None:
        return row.tenant_id
    if unnamed is not None:
        return unnamed
    if row.written_at is None:
        return None
    earlier = [company for company, since in made.items() if since <= row.written_at + YOUNGER_AT_MOST]
    return earlier[0] if len(earlier) == 1 else None


def read(rows: Iterable[Row]) -> Read:
    """All rows of one call as segments. What the same side says twice, at the same time, is there once."""
    bad: list[Bad] = []
    taken: list[tuple[Row, Segment]] = []
    for row in rows:
        try:
            taken.append((row, _segment(row)))
        except _Unreadable as why:
            bad.append(Bad(row, str(why)))
    # Of several that say the same, always the same one gives its name, whatever order they come in.
    taken.sort(key=lambda one: one[1]["segment_id"], reverse=True)
    by_content = {content(segment): (row, segment) for row, segment in taken}
    # An id that several rows have which say different things names none of them.
    times_named = Counter(segment["segment_id"] for _, segment in by_content.values())
    segments = []
    for row, segment in by_content.values():
        if times_named[segment["segment_id"]] > 1:
            segment["segment_id"] = _derived(row.side, segment, own=segment["segment_id"])
        segments.append(segment)
    return Read(
        segments=sorted(segments, key=by_time),
        bad=bad,
        duplicates=len(taken) - len(segments),
    )


def content(segment: Segment) -> tuple[str, float, float, str]:
    """What makes two segments the same: side, times, text."""
    return segment["speaker"], segment["start_time"], segment["end_time"], segment["text"]


def id_given(segment_id: str, side: Side) -> str:
    """A segment's id as its row has it: without the side before it."""
    return segment_id.removeprefix(f"{side}-")


def _segment(row: Row) -> Segment:
    """Raises _Unreadable."""
    text = row.values.get("text")
    if not isinstance(text, str) or not (text := text.replace("\0", "").strip()):
        raise _Unreadable("It has no text.")
    if len(text) > LONGEST_TEXT or not person_keys.is_encodable(text):
        raise _Unreadable(f"Its text is longer than {LONGEST_TEXT} characters, or no text.")
    start = _seconds(row.values, "start")
    if start is None:
        raise _Unreadable("It says no time at which it begins.")
    end = _seconds(row.values, "end")
    if end is None:
        end = start
    if end < start:
        raise _Unreadable("It ends before it begins.")
    if end > LATEST_SECONDS:
        raise _Unreadable(f"Its times are beyond {LATEST_SECONDS:.0f} seconds.")
    segment = Segment(
        segment_id="",
        speaker=row.side,
        text=text,
        start_time=start,
        end_time=end,
        confidence=_confidence(row.values.get("confidence")),
    )
    segment["segment_id"] = _given(row) or _derived(row.side, segment)
    return segment


def _company(value: Any) -> int | None:
    if value is None or value == "":
        return None
    try:
        return int(str(value))
    except ValueError:
        return 0


def _given(row: Row) -> str | None:
    """The id that the row brings, if it is one that can be kept."""
    for name in ("segment_id", "id"):
        value = row.values.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool):
            own = f"{row.side}-{value}"
            return own if IDENTITY.fullmatch(own) else None
    return None


def _derived(side: Side, segment: Segment, *, own: str = "") -> str:
    said = "\0".join([own, *(str(part) for part in content(segment))])
    return f"{side}-{round(segment['start_time'] * 1000)}-{hashlib.sha256(said.encode()).hexdigest()[:10]}"


def _seconds(values: Mapping[str, Any], which: str) -> float | None:
    """None where the row says nothing of it. Raises _Unreadable."""
    for names, per_second in ((_SECONDS, 1.0), (_MILLISECONDS, 1000.0)):
        for name in names[which]:
            value = values.get(name)
            if value is not None and value != "":
                seconds = _number(value, name) / per_second
                if not math.isfinite(seconds):
                    raise _Unreadable(f"Its {name} is no finite number.")
                if seconds < 0:
                    raise _Unreadable(f"Its {name} is before the call.")
                return round(seconds, 3)
    return None


def _number(value: Any, name: str) -> float:
    """A number, however it is written; texts also as the hours, minutes and seconds of a clock."""
    if type(value) is float or type(value) is int:
        return float(value)
    if isinstance(value, bool | datetime | Mapping | list):
        raise _Unreadable(f"Its {name} is no number of seconds.")
    text = str(value).strip()
    if clock := _CLOCK.fullmatch(text):
        hours, minutes, seconds = clock.groups()
        return int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds.replace(",", "."))
    try:
        return float(text.replace(",", ".", 1))
    except ValueError:
        raise _Unreadable(f"Its {name} is no number of seconds.") from None


def _confidence(value: Any) -> float:
    """0 to 1; what is above that is taken for per cent."""
    try:
        confidence = value if type(value) is float else float(str(value))
    except ValueError:
        return UNKNOWN_CONFIDENCE
    if 1 < confidence <= 100:
        confidence /= 100
    return confidence if 0 <= confidence <= 1 else UNKNOWN_CONFIDENCE
