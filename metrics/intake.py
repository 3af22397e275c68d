"""Segments taken in: each is checked by itself, and those that are right are kept.

What is answered has been kept: what Redis does not take is answered with an error, and may be sent again, because a
segment counts once however often it comes. A segment of somebody who is forgotten is answered as any other is, and is
kept nowhere; the answer says nothing of who is forgotten.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.utils.dateparse import parse_datetime

from metrics import counters, forgotten, languages, person_keys, recent
from metrics.errors import NoSegments, TooManySegments
from metrics.segments import DUBBING_STAGES, Group, Pipeline, Segment, own_user_of, person_key_of

MOST_IN_BATCH: Final = 1000
LONGEST_ID: Final = 255
LONGEST_PLATFORM: Final = 64
LONGEST_CODE: Final = 64
# So many segments of a group in an hour can have as much and still be added up exactly: `recent.writing`.
LONGEST_MS: Final = 3_600_000
LONGEST_S: Final = 3600
LARGEST_BYTES: Final = 2**32
MOST_RETRIES: Final = 1000
MOST_STAGES: Final = 20
# A segment lives for a day; the clock of who sends it may be a little ahead.
OLDEST: Final = timedelta(hours=24)
CLOCK_AHEAD: Final = timedelta(seconds=60)
USUAL_DURATION_S: Final = 15
USUAL_LANGUAGES: Final = ("he", "en")
USUAL_PLATFORM: Final = "web"

_NO_ROOM: Final = (
    "Its hour has as many segments, channels, sessions or people of your company as are taken; what is new to the hour "
    "is refused first. Send fewer different ids, or have EARSHOT_METRICS_MOST_GROUPS raised."
)
_STAGE = re.compile(r"[a-z][a-z0-9_]{0,39}")
_CODE = re.compile(rf"[A-Za-z0-9_.:-]{{0,{LONGEST_CODE}}}")
_STAGE_FIELDS: Final = {f"{stage}_ms": stage for stage in DUBBING_STAGES}
FIELDS: Final = frozenset(
    {
        *("segment_id", "channel_id", "session_id", "user_id", "platform", "pipeline"),
        *("received_at", "processing_started_at", "processing_ended_at"),
        *(*_STAGE_FIELDS, "stages", "total_ms", "duration_s", "original_bytes", "dubbed_bytes"),
        *("source_language", "target_language", "error", "retry_count"),
    }
)


@dataclass(frozen=True, slots=True)
class ItemError:
    """What is wrong with the item at `index`, from 0; `code` is for programs, `message` for people."""

    index: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """How many items were taken in now, how many had been before, and what is wrong with the others."""

    accepted: int
    duplicates: int
    errors: Sequence[ItemError]


class _Wrong(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def accept(tenant_id: int, items: Sequence[Any], *, now: datetime | None = None) -> Accepted:
    """Keep those of the items that are right; they are as REST has them.

    Raises TooManySegments and NoSegments, with nothing kept, and SegmentsAway.
    """
    if len(items) > MOST_IN_BATCH:
        raise TooManySegments(f"A batch has at most {MOST_IN_BATCH} segments; this one has {len(items)}.")
    if not items:
        raise NoSegments("Send a segment, or a list of them.")
    now = now or datetime.now(UTC)
    errors: list[ItemError] = []
    segments: dict[tuple[str, str, str], Segment] = {}
    places: list[int] = []
    for index, item in enumerate(items):
        try:
            segment = segment_of(item, now)
            name = (segment.group.channel_id, segment.group.session_id, segment.segment_id)
            if name in segments:
                raise _Wrong("repeated", "A segment before it in the batch has this segment_id, channel and session.")
            segments[name] = segment
            places.append(index)
        except _Wrong as wrong:
            errors.append(ItemError(index, wrong.code, wrong.message))
    counted = keep(tenant_id, list(segments.values()), now=now)
    refused = [place for place, is_new in zip(places, counted, strict=True) if is_new is None]
    if refused:
        counters.add(counters.SEGMENTS_REFUSED, len(refused))
        errors += [ItemError(place, "too_many", _NO_ROOM) for place in refused]
        errors.sort(key=lambda one: one.index)
    return Accepted(counted.count(True), counted.count(False), errors)


def keep(tenant_id: int, segments: Sequence[Segment], *, now: datetime | None = None) -> list[bool | None]:
    """Write what is not of somebody forgotten; for each whether it is new, None for what there is no room for.

    Raises SegmentsAway.
    """
    if not segments:
        return []
    keys = {group: person_key_of(group.platform, group.user_id) for group in {one.group for one in segments}}
    # Who is forgotten while this is being written is erased after it.
    with transaction.atomic():
        gone = forgotten.among(tenant_id, set(keys.values()))
        if not gone:
            return recent.write(tenant_id, segments, now=now)
        kept = [place for place, segment in enumerate(segments) if keys[segment.group] not in gone]
        written = recent.write(tenant_id, [segments[place] for place in kept], now=now)
    counted: list[bool | None] = [True] * len(segments)
    for place, is_new in zip(kept, written, strict=True):
        counted[place] = is_new
    return counted


def segment_of(item: Any, now: datetime) -> Segment:
    if not isinstance(item, Mapping):
        raise _Wrong("invalid", "A segment is an object.")
    for name in item:
        if name not in FIELDS:
            raise _Wrong("unknown_field", f"A segment has no field {str(name)[:LONGEST_CODE]!r}.")
    # Nothing is told of what is null.
    given = {name: value for name, value in item.items() if value is not None}
    pipeline = given.get("pipeline", Pipeline.DUBBING)
    if pipeline not in list(Pipeline):
        raise _Wrong("unknown_pipeline", f"`pipeline` is one of {', '.join(Pipeline)}.")
    is_dubbing = pipeline == Pipeline.DUBBING
    group = Group(
        channel_id=_text(given, "channel_id"),
        session_id=_text(given, "session_id"),
        user_id=_user_id(given),
        platform=_platform(given),
        pipeline=str(pipeline),
    )
    segment_id = _text(given, "segment_id")
    received_at = _received_at(given, now)
    started_at, ended_at = _processing(given, received_at, now)
    error = given.get("error", "")
    if not isinstance(error, str) or not _CODE.fullmatch(error):
        raise _Wrong("invalid", f"`error` is a short code of letters, digits and _.:-, at most {LONGEST_CODE} of them.")
    stages = _stages(given, is_dubbing=is_dubbing, has_failed=bool(error))
    total_us = _microseconds(given["total_ms"], "total_ms", 1000, LONGEST_MS) if "total_ms" in given else None
    if total_us is None and stages:
        total_us = sum(stages.values())
    usual_s = USUAL_DURATION_S if is_dubbing else 0
    usual = USUAL_LANGUAGES if is_dubbing else ("", "")
    return Segment(
        group=group,
        segment_id=segment_id,
        received_at=received_at,
        processing_started_at=started_at,
        processing_ended_at=ended_at,
        stages=stages,
        total_us=total_us,
        duration_us=_microseconds(given.get("duration_s", usual_s), "duration_s", 1_000_000, LONGEST_S),
        original_bytes=_whole(given, "original_bytes", LARGEST_BYTES),
        dubbed_bytes=_whole(given, "dubbed_bytes", LARGEST_BYTES),
        source_language=_language(given, "source_language", usual[0]),
        target_language=_language(given, "target_language", usual[1]),
        error=error,
        retry_count=_whole(given, "retry_count", MOST_RETRIES),
    )


def _user_id(given: Mapping[str, Any]) -> str:
    value = _text(given, "user_id")
    if own_user_of(value) is not None:
        raise _Wrong(
            "reserved", "Ids that begin with `user:` are Earshot's own users'. Send what the platform calls them."
        )
    return value


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    if value is None or (isinstance(value, str) and not value.strip()):
        raise _Wrong("missing", f"A segment needs `{name}`.")
    if not isinstance(value, str) or not person_keys.is_encodable(value) or "\0" in value:
        raise _Wrong("invalid", f"`{name}` is text.")
    if len(value) > LONGEST_ID:
        raise _Wrong("too_long", f"`{name}` has at most {LONGEST_ID} characters.")
    return value


def _platform(given: Mapping[str, Any]) -> str:
    value = _text({"platform": USUAL_PLATFORM, **given}, "platform")
    if len(value) > LONGEST_PLATFORM or any(character.isspace() for character in value):
        raise _Wrong("invalid", f"`platform` is one word of at most {LONGEST_PLATFORM} characters.")
    return value


def _time(given: Mapping[str, Any], name: str) -> datetime | None:
    value = given.get(name)
    if value is None:
        return None
    try:
        moment = parse_datetime(value) if isinstance(value, str) else None
        if moment is not None and moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise _Wrong("invalid", f"`{name}` is a time of ISO 8601 with its zone, as 2026-03-01T12:00:00Z.")


def _received_at(given: Mapping[str, Any], now: datetime) -> datetime:
    moment = _time(given, "received_at") or now
    if moment > now + CLOCK_AHEAD:
        raise _Wrong("in_the_future", "`received_at` is in the future.")
    if moment < now - OLDEST:
        raise _Wrong("too_old", "`received_at` is more than 24 hours ago.")
    return moment


def _processing(
    given: Mapping[str, Any], received_at: datetime, now: datetime
) -> tuple[datetime | None, datetime | None]:
    started_at, ended_at = _time(given, "processing_started_at"), _time(given, "processing_ended_at")
    for moment, name in ((started_at, "processing_started_at"), (ended_at, "processing_ended_at")):
        if moment is not None and moment > now + CLOCK_AHEAD:
            raise _Wrong("in_the_future", f"`{name}` is in the future.")
        if moment is not None and moment < received_at - OLDEST:
            raise _Wrong("too_old", f"`{name}` is more than 24 hours before `received_at`.")
    if started_at is not None and ended_at is not None and ended_at < started_at:
        raise _Wrong("out_of_range", "`processing_ended_at` is before `processing_started_at`.")
    return started_at, ended_at


def _stages(given: Mapping[str, Any], *, is_dubbing: bool, has_failed: bool) -> dict[str, int]:
    told = [name for name in _STAGE_FIELDS if name in given]
    if is_dubbing:
        if "stages" in given:
            raise _Wrong("wrong_stages", f"Of `dubbing` the stages are {', '.join(_STAGE_FIELDS)}; leave out `stages`.")
        if len(told) < len(_STAGE_FIELDS) and not has_failed:
            missing = ", ".join(name for name in _STAGE_FIELDS if name not in given)
            raise _Wrong("missing_stages", f"Without an `error` the segment needs {missing}.")
        return {_STAGE_FIELDS[name]: _microseconds(given[name], name, 1000, LONGEST_MS) for name in told}
    if told:
        raise _Wrong("wrong_stages", f"Of `audio` the times are in `stages`; leave out {', '.join(told)}.")
    stages = given.get("stages", {})
    if not isinstance(stages, Mapping) or len(stages) > MOST_STAGES:
        raise _Wrong("invalid", f"`stages` has the milliseconds of at most {MOST_STAGES} stages, by name.")
    if not stages and not has_failed:
        raise _Wrong("missing_stages", "Without an `error` the segment needs `stages`.")
    for name in stages:
        if not isinstance(name, str) or not _STAGE.fullmatch(name):
            raise _Wrong("invalid", "A stage's name is up to 40 of a-z, 0-9 and _, a letter first.")
    return {name: _microseconds(value, f"stages.{name}", 1000, LONGEST_MS) for name, value in stages.items()}


def _microseconds(value: Any, name: str, each: int, most: int) -> int:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or (isinstance(value, float) and math.isnan(value)):
        raise _Wrong("invalid", f"`{name}` is a number.")
    if not 0 <= value <= most:
        raise _Wrong("out_of_range", f"`{name}` is from 0 to {most}.")
    return round(float(value) * each)


def _whole(given: Mapping[str, Any], name: str, most: int) -> int:
    value = given.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _Wrong("invalid", f"`{name}` is a whole number.")
    if not 0 <= value <= most:
        raise _Wrong("out_of_range", f"`{name}` is from 0 to {most}.")
    return value


def _language(given: Mapping[str, Any], name: str, usual: str) -> str:
    value = given.get(name, usual)
    if value == "":
        return ""
    language = languages.canonical(value) if isinstance(value, str) else None
    if language is None:
        raise _Wrong("unknown_language", f"`{name}` is a language of ISO 639, as he or pt-BR.")
    return language
