"""A call as a file that other programs read: JSON, plain text, subtitles (SRT, WebVTT). Pure.

What is written is what the call says to everybody: masks stay, and what they hide is in none of them. `names` are what
speakers are shown as, speaker → name; those that have none are called after their side, "Agent", "Speaker 1".
"""

import json
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from calls.documents import Call, Redaction, Segment, reviewed_flags

# Milliseconds for which a subtitle is shown that has no length of its own.
SHORTEST_SHOWN = 500
# Seconds after which somebody who goes on speaking gets a new line with a new time.
LONGEST_TURN = 60.0
# Seconds. No recording is longer; what says so is wrong, and would make times that no program reads.
_LATEST = 1_000_000.0
_LONGEST_NAME = 100
_LONGEST_SLUG = 60
_EXTENSIONS = frozenset({"json", "txt", "srt", "vtt"})

_OF_CALL = (
    "call_id", "id", "session_id", "subject", "type", "direction", "platform", "language", "status_id", "start_time",
    "end_time", "duration", "owner_id", "user_id", "assigned_to_id", "contact_id", "external_user_id", "phone",
    "status", "summary", "metadata", "emotions", "final_emotions", "speakers", "verdict", "version", "created_at",
    "updated_at",
)  # fmt: skip
_OF_SEGMENT = (
    "segment_id",
    "speaker",
    "text",
    "start_time",
    "end_time",
    "confidence",
    "words",
    "engine",
    "provisional",
)
_OF_REDACTION = ("kind", "start", "end", "start_time", "end_time")

# Marks that turn the direction of what follows until another mark ends it, which one inside a text could do too early.
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
_ISOLATE, _END_OF_ISOLATE = "\u2068", "\u2069"
# Nothing is seen of it and no line is broken at it: what it stands in is not read as a sign.
_JOINER = "\u2060"
# What players of SRT take for an arrow between times, and for styles.
_SIGNS = re.compile(r"--(?=>)|<(?=[A-Za-z/!?])|\{(?=\\)")


class Cue(NamedTuple):
    """What is said by whom from `start` to `end`, milliseconds."""

    start: int
    end: int
    name: str
    text: str


def as_json(call: Call, *, names: Mapping[str, str] | None = None) -> bytes:
    """The call as one object, its fields always in the same order; a field that a call does not have is null."""
    document: dict[str, Any] = {key: call.get(key) for key in _OF_CALL}
    suspicion = call.get("suspicion")
    document["suspicion"] = suspicion and {"score": suspicion["score"], "reasons": reviewed_flags(call)}
    document["conversation"] = [
        {**_segment(segment), "name": _name(segment["speaker"], names)} for segment in call["conversation"]
    ]
    written = json.dumps(_plain(document), ensure_ascii=False, allow_nan=False, indent=2)
    return written.encode("utf-8", errors="replace") + b"\n"


def as_text(call: Call, *, names: Mapping[str, str] | None = None) -> str:
    """A heading, and a line for each turn: `[0:01:23] Agent: …`."""
    turns = _turns(_cues(call, names))
    people = dict.fromkeys(turn.name for turn in turns)
    heading = [
        _shown(_line(call["subject"]) or f"Call {call['id']}"),
        f"Date: {call['start_time'].astimezone(UTC):%Y-%m-%d %H:%M} UTC",
        f"Duration: {_clock(_milliseconds(call['duration']))}",
        f"People: {', '.join(map(_shown, people)) or 'nobody speaks'}",
    ]
    spoken = [f"[{_clock(turn.start)}] {_shown(turn.name)}: {_shown(turn.text)}" for turn in turns]
    return "\n".join([*heading, "", *spoken, ""])


def as_srt(call: Call, *, names: Mapping[str, str] | None = None) -> str:
    """SubRip subtitles, numbered from 1. They have no signs for speakers: the name stands before what is said."""
    return "\n".join(
        f"{number}\n{_time(cue.start, ',')} --> {_time(cue.end, ',')}\n"
        f"{_unsigned(_shown(cue.name))}: {_unsigned(_shown(cue.text))}\n"
        for number, cue in enumerate(_cues(call, names), start=1)
    )


def as_vtt(call: Call, *, names: Mapping[str, str] | None = None) -> str:
    """WebVTT subtitles, each in the voice of its speaker. Players tell the direction of a text by itself."""
    cues = [
        f"{_time(cue.start, '.')} --> {_time(cue.end, '.')}\n<v {_escaped(cue.name)}>{_escaped(cue.text)}</v>\n"
        for cue in _cues(call, names)
    ]
    return "\n".join(["WEBVTT\n", *cues])


def file_name(call: Call, extension: str) -> str:
    """A name of ASCII letters, digits, hyphens and one dot: `call-1042-2026-11-26-refund.srt`.

    Raises ValueError for an extension that there is no format for.
    """
    if extension not in _EXTENSIONS:
        raise ValueError(f"Calls are not exported as {extension!r}, but as {', '.join(sorted(_EXTENSIONS))}.")
    plain = unicodedata.normalize("NFKD", call["subject"]).encode("ascii", errors="ignore").decode().lower()
    slug = "-".join(re.findall(r"[a-z0-9]+", plain))[:_LONGEST_SLUG].rstrip("-")
    parts = ["call", str(call["id"]), f"{call['start_time'].astimezone(UTC):%Y-%m-%d}", slug]
    return "-".join(part for part in parts if part) + f".{extension}"


def _segment(segment: Segment) -> dict[str, Any]:
    kept = {key: segment[key] for key in _OF_SEGMENT if key in segment}  # type: ignore[literal-required]
    if "redactions" in segment:
        kept["redactions"] = [_redaction(redaction) for redaction in segment["redactions"]]
    return kept


def _redaction(redaction: Redaction) -> dict[str, Any]:
    return {key: redaction[key] for key in _OF_REDACTION}  # type: ignore[literal-required]


def _plain(value: Any) -> Any:
    """As JSON can say it: times in ISO 8601 and UTC, what is no number null."""
    match value:
        case dict():
            return {str(key): _plain(one) for key, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case float():
            return value if math.isfinite(value) else None
        case None | bool() | int() | str():
            return value
        case _:
            return str(value)


def _cues(call: Call, names: Mapping[str, str] | None) -> list[Cue]:
    """What is said, in order of time; both sides may speak at once. Left out is what says nothing."""
    cues = []
    for segment in call["conversation"]:
        text = _line(segment["text"])
        if text:
            start, end = _milliseconds(segment["start_time"]), _milliseconds(segment["end_time"])
            end = end if end > start else start + SHORTEST_SHOWN
            cues.append(Cue(start, end, _name(segment["speaker"], names), text))
    return sorted(cues, key=lambda cue: (cue.start, cue.end))


def _turns(cues: Sequence[Cue]) -> list[Cue]:
    """What one says before another does, in one."""
    turns: list[Cue] = []
    for cue in cues:
        last = turns[-1] if turns else None
        if last is not None and last.name == cue.name and cue.start - last.start < LONGEST_TURN * 1_000:
            turns[-1] = last._replace(end=max(last.end, cue.end), text=f"{last.text} {cue.text}")
        else:
            turns.append(cue)
    return turns


def _name(speaker: str, names: Mapping[str, str] | None) -> str:
    given = _line((names or {}).get(speaker, "")) or _line(speaker.replace("_", " ")) or "speaker"
    return given[0].upper() + given[1:_LONGEST_NAME]


def _line(text: str) -> str:
    """Text in one line, without what is not to be seen and could end it or turn what follows."""
    kept = "".join(
        " " if one.isspace() else "\ufffd" if "\ud800" <= one <= "\udfff" else one
        for one in _TURNING.sub("", text)
        if one.isspace() or unicodedata.category(one) != "Cc"
    )
    return " ".join(kept.split())


def _shown(text: str) -> str:
    """Text by itself where some of it is written from right to left, so that what stands around it keeps its place."""
    is_turned = any(unicodedata.bidirectional(one) in {"R", "AL", "AN"} for one in text)
    return f"{_ISOLATE}{text}{_END_OF_ISOLATE}" if is_turned else text


def _unsigned(text: str) -> str:
    return _SIGNS.sub(lambda sign: sign.group() + _JOINER, text)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _milliseconds(seconds: float) -> int:
    """From the start of the call on; what is no time is its start."""
    return round(min(max(seconds, 0.0), _LATEST) * 1_000) if math.isfinite(seconds) else 0


def _time(milliseconds: int, mark: str) -> str:
    """As 01:02:03,004; a hundred hours and more have more digits."""
    seconds, rest = divmod(milliseconds, 1_000)
    return f"{seconds // 3_600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{mark}{rest:03d}"


def _clock(milliseconds: int) -> str:
    """As 1:02:03, the second that has begun."""
    seconds = milliseconds // 1_000
    return f"{seconds // 3_600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
