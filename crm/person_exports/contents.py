"""What is in each file of an archive, and what is left out and why. Pure.

`Share` says what of a call goes in: all of it, or what one side said. A side is told as people say who speaks, and
where they call somebody neither agent nor client, as the source of the words has it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, cast

import orjson

from calls import export as call_files
from calls.corrections import as_people_say, sides_of
from calls.documents import Call, Flag, Segment
from crm.person_exports.packing import Packed
from metrics.erasing import Share
from metrics.hours import HourRow
from metrics.segments import Group
from metrics.segments import Segment as Measured
from metrics.totals import Totals

VERSION: Final = 1
_SIDES: Final = frozenset({"agent", "client"})
_NAMES_OF_AGENT: Final = ("user_id", "owner_id", "assigned_to_id")
_NAMES_OF_CLIENT: Final = ("contact_id", "external_user_id", "phone")


@dataclass(frozen=True, slots=True)
class PartOfCall:
    """A call as it goes into the archive. `others` is how many segments of other people are left out."""

    call: Call
    extras: dict[str, Any]
    others: int


@dataclass(slots=True)
class InArchive:
    """What the manifest says of a call. `part` is `whole` or `own side`; `without` says what it lacks, and why."""

    number: int
    call_id: str
    part: str
    without: list[str] = field(default_factory=list)


def part_of_call(kept: Call, share: Share, *, user_id: int | None) -> PartOfCall:
    """What of a call goes in. `user_id` is the colleague whose archive it is; None for a customer's."""
    call = as_people_say(kept)
    if share is Share.WHOLE:
        return PartOfCall(call, _all_beside(call), 0)
    mine = _own(kept, call, share)
    own: Call = {**call, "conversation": mine}
    ids = {segment["segment_id"] for segment in mine}
    own["emotions"] = [one for one in call.get("emotions", []) if one["segment_id"] in ids]
    speakers = {segment["speaker"] for segment in mine}
    own["speakers"] = [one for one in call.get("speakers", []) if one["speaker"] in speakers]
    # An estimate of the whole call, and one of all that was said in it.
    own.pop("final_emotions", None)
    own.pop("suspicion", None)
    loose = cast("dict[str, Any]", own)
    for name in _NAMES_OF_AGENT if share is Share.CLIENT else _NAMES_OF_CLIENT:
        loose[name] = None
    if share is Share.AGENT:
        loose |= {"subject": "", "summary": "", "metadata": {}}
        # As a colleague one may be named beside whoever has the call by now.
        loose |= {name: None for name in _NAMES_OF_AGENT if call.get(name) != user_id}
    extras = {
        "flags": _flags_at(call, mine),
        "notes": [
            {"text": note["text"], "at": note["at"]}
            for note in call.get("notes", [])
            if share is Share.CLIENT or note["by"] == user_id
        ],
        "history": [
            {"act": entry["act"], "at": entry["at"]}
            for entry in call.get("history", [])
            if share is Share.CLIENT or entry["by"] == user_id
        ],
    }
    return PartOfCall(own, extras, len(call["conversation"]) - len(mine))


def call_json(part: PartOfCall, share: Share) -> bytes:
    """The call as `calls.export` has it, with what people did to it. `part` says what of it this is."""
    document = orjson.loads(call_files.as_json(part.call))
    document |= {"part": part_in_words(share), "deleted": bool(part.call.get("deleted")), **part.extras}
    return _json(document)


def part_in_words(share: Share) -> str:
    return "whole" if share is Share.WHOLE else "own side"


def array(rows: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """A JSON list, a line for each row, that is never in memory as a whole."""
    yield b"["
    is_first = True
    for row in rows:
        yield (b"\n  " if is_first else b",\n  ") + orjson.dumps(_plain(row))
        is_first = False
    yield b"]\n" if is_first else b"\n]\n"


def document(values: Mapping[str, Any]) -> bytes:
    return _json(values)


def measured(segment: Measured) -> dict[str, Any]:
    """Times in milliseconds, sizes in bytes."""
    return {
        **_of_group(segment.group),
        "segment_id": segment.segment_id,
        "received_at": segment.received_at,
        "started_at": segment.processing_started_at,
        "ended_at": segment.processing_ended_at,
        "stages_ms": {stage: spent / 1000 for stage, spent in segment.stages.items()},
        "total_ms": None if segment.total_us is None else segment.total_us / 1000,
        "duration_ms": segment.duration_us / 1000,
        "original_bytes": segment.original_bytes,
        "dubbed_bytes": segment.dubbed_bytes,
        "source_language": segment.source_language,
        "target_language": segment.target_language,
        "error": segment.error,
        "retries": segment.retry_count,
    }


def hour(start: datetime, group: Group, totals: Totals) -> dict[str, Any]:
    return {
        "hour": start,
        **_of_group(group),
        "segments": totals.segments,
        "errors": totals.errors,
        "retries": totals.retries,
        "duration_ms": totals.duration_us / 1000,
        "total_ms": totals.total_us / 1000,
        "original_bytes": totals.original_bytes,
        "dubbed_bytes": totals.dubbed_bytes,
    }


def hour_of(row: HourRow) -> dict[str, Any]:
    return hour(row.start, row.group, row.totals)


def manifest(
    *,
    export_id: str,
    requested_at: datetime,
    made_at: datetime,
    includes_others: bool,
    files: Sequence[Packed],
    calls: Sequence[InArchive],
    left_out: Sequence[Mapping[str, str]],
) -> bytes:
    """What is in the archive. It cannot tell its own digest: the row of the export tells that of all of it."""
    return _json(
        {
            "version": VERSION,
            "product": "Earshot",
            "export_id": export_id,
            "requested_at": requested_at,
            "made_at": made_at,
            "includes_others": includes_others,
            "files": [{"name": one.name, "about": one.about, "bytes": one.size, "sha256": one.sha256} for one in files],
            "calls": [
                {"number": one.number, "call_id": one.call_id, "part": one.part, "without": one.without}
                for one in calls
            ],
            "left_out": list(left_out),
        }
    )


def left_out(*, others: int, calls: Sequence[InArchive], is_colleague: bool) -> list[dict[str, str]]:
    """What is kept and not in the archive, and why. `others`: segments of other people."""
    found = [
        {
            "what": "What is masked in transcripts, such as card numbers",
            "why": "It stays masked, and is silent in the sound.",
        },
        {
            "what": "Figures of days that have been archived",
            "why": "They are kept under a pseudonym, and their hours are no more.",
        },
        {
            "what": "What others did with this person's data",
            "why": "The audit log names those who did it, and is theirs.",
        },
    ]
    if is_colleague:
        found.append(
            {
                "what": "What they wrote in calls that were somebody else's, such as notes and corrections",
                "why": "It is about the customer of that call, and stays with it.",
            }
        )
    if others:
        found.append(
            {
                "what": f"What others say in the same calls ({others} segments), and their channel of the sound",
                "why": "It is theirs. An export can be asked for that has it too.",
            }
        )
    if any(one.without for one in calls):
        found.append({"what": "Parts of some calls", "why": "Each call says under `without` what it lacks."})
    return found


def readme(*, made_at: datetime, calls: int) -> bytes:
    """In plain words, for somebody who has never heard of us."""
    return f"""What is kept of you
===================

This archive was made by Earshot on {made_at.astimezone(UTC):%d %B %Y at %H:%M} UTC.
It has what is kept of one person, and {calls} call{"" if calls == 1 else "s"} of theirs.

manifest.json      What each file is, how large, and its SHA-256; what was left out, and why.
person.json        Who you are here: names, addresses, what platforms call you.
calls/             A folder for each call.
  transcript.txt   What was said. Opens in any editor.
  audio.mp3        The sound. Opens in any player.
  call.json        The same and more, for programs.
consents.json      What was agreed to before recording.
audit.json         What you did here yourself.
metrics/           What was measured of your sessions.

Where it is known who speaks, a call has only what you said yourself, and only your side of the sound. Where it is
not, or where it was asked for, the call is there as a whole. The manifest says which it is.

Files that end in .json are made for programs and open in any editor. Times are UTC.
To check that a file is as it was made, compute its SHA-256 (sha256sum on Linux, shasum -a 256 on macOS,
Get-FileHash on Windows) and compare it with the manifest.
""".encode()


def _own(kept: Call, shown: Call, share: Share) -> list[Segment]:
    sides = sides_of(kept.get("renamed", {}))
    by_source = {segment["segment_id"]: segment["speaker"] for segment in kept["conversation"]}

    def side_of(segment: Segment) -> str:
        speaker = segment["speaker"]
        if speaker in _SIDES:
            return speaker
        return sides.get(speaker) or by_source.get(segment["segment_id"], "")

    return [segment for segment in shown["conversation"] if side_of(segment) == share.value]


def _flags_at(call: Call, mine: Sequence[Segment]) -> list[dict[str, Any]]:
    """The flags at which nobody else speaks: what is told as evidence may be anybody's words."""
    ids = {segment["segment_id"] for segment in mine}
    suspicion = call.get("suspicion")
    found = suspicion.get("reasons", []) if suspicion else []
    return [cast("dict[str, Any]", flag) for flag in found if _speakers_at(flag, call["conversation"]) <= ids]


def _speakers_at(flag: Flag, conversation: Iterable[Segment]) -> set[str]:
    """Which segments lie in the flag's time; one that it touches counts."""
    start, end = flag["start_time"], flag["end_time"]
    return {one["segment_id"] for one in conversation if one["start_time"] <= end and one["end_time"] >= start}


def _all_beside(call: Call) -> dict[str, Any]:
    return {"notes": call.get("notes", []), "history": call.get("history", [])}


def _of_group(group: Group) -> dict[str, str]:
    return {
        "channel_id": group.channel_id,
        "session_id": group.session_id,
        "platform": group.platform,
        "pipeline": group.pipeline,
    }


def _json(values: Mapping[str, Any]) -> bytes:
    return orjson.dumps(_plain(values), option=orjson.OPT_INDENT_2) + b"\n"


def _plain(value: Any) -> Any:
    """As JSON can say it; times in UTC."""
    match value:
        case dict():
            return {str(key): _plain(one) for key, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case str():
            return value.encode("utf-8", errors="replace").decode()
        case None | bool() | int() | float():
            return value
        case _:
            return str(value)
