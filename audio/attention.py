"""Which of the recordings that go on need a look, and why, in plain words. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, TypedDict

# A recorder that has sent nothing for so many chunks' time, and for so long at least, is not slow any more.
SILENT_CHUNKS: Final = 3
SILENT_SECONDS: Final = 60
# Chunks overtake each other on the way, and are sent again: until then one that is missing is no news.
OWED_SECONDS: Final = 60
SLOW_SECONDS: Final = 60
# Two of the usual reasons together.
HIGH_SUSPICION: Final = 0.5


class Reason(StrEnum):
    """Why to look, what is worst first."""

    DEVICE = "device"
    SILENT = "silent"
    OWED = "owed"
    FAILED = "failed"
    SUSPICION = "suspicion"
    SLOW = "slow"


class Need(TypedDict):
    reason: str
    words: str


@dataclass(frozen=True, slots=True)
class Condition:
    """How a recording stands. Moments are None for what is not the case."""

    is_recording: bool
    is_paused: bool
    # When its recorder was last heard of, and how many seconds its chunks have.
    heard_of_at: datetime
    chunk_seconds: float
    has_lost_device: bool
    # Chunks that have not arrived though later ones have, or the recorder counted them; and since when.
    owed: int
    owed_since: datetime | None
    failed: int
    # Since when the oldest chunk that nobody has analysed waits; how long the last one that was had waited.
    waiting_since: datetime | None
    delay_seconds: float | None
    suspicion_score: float | None


def needs(condition: Condition, now: datetime) -> list[Need]:
    """Why somebody should look at the recording now, what is worst first; empty for one that goes well."""
    said = {
        Reason.DEVICE: _device(condition),
        Reason.SILENT: _silence(condition, now),
        Reason.OWED: _owed(condition, now),
        Reason.FAILED: _failures(condition),
        Reason.SUSPICION: _suspicion(condition),
        Reason.SLOW: _delay(condition, now),
    }
    return [Need(reason=reason.value, words=said[reason]) for reason in Reason if said[reason]]


def _device(condition: Condition) -> str:
    return "The microphone is lost: nothing is being recorded." if condition.has_lost_device else ""


def _silence(condition: Condition, now: datetime) -> str:
    if not condition.is_recording or condition.is_paused:
        return ""
    limit = max(SILENT_SECONDS, SILENT_CHUNKS * condition.chunk_seconds)
    if now - condition.heard_of_at <= timedelta(seconds=limit):
        return ""
    return f"Nothing has arrived for over {_span(limit)}: the recorder may be offline or closed."


def _owed(condition: Condition, now: datetime) -> str:
    since = condition.owed_since
    if not condition.owed or since is None or now - since <= timedelta(seconds=OWED_SECONDS):
        return ""
    return f"{_chunks(condition.owed, 'has', 'have')} not arrived, though the recording is further on."


def _failures(condition: Condition) -> str:
    return f"{_chunks(condition.failed, '', '')} could not be heard." if condition.failed else ""


def _suspicion(condition: Condition) -> str:
    score = condition.suspicion_score
    return f"Suspicion is high: {score * 100:.0f} %." if score is not None and score >= HIGH_SUSPICION else ""


def _delay(condition: Condition, now: datetime) -> str:
    waits = condition.waiting_since is not None and now - condition.waiting_since > timedelta(seconds=SLOW_SECONDS)
    if waits:
        return f"Sound has waited for over {_span(SLOW_SECONDS)} to be analysed: the server is behind."
    if condition.delay_seconds is not None and condition.delay_seconds > SLOW_SECONDS:
        return f"The last chunk took over {_span(SLOW_SECONDS)} to be analysed: the server is behind."
    return ""


def _chunks(number: int, one: str, many: str) -> str:
    noun, verb = ("chunk", one) if number == 1 else ("chunks", many)
    return f"{number:,} {noun} {verb}".rstrip()


def _span(seconds: float) -> str:
    """Of a limit, so that what is told stays the same while it lasts."""
    if seconds < 120:
        return "a minute" if seconds < 90 else f"{seconds:.0f} seconds"
    return f"{seconds // 60:.0f} minutes"
