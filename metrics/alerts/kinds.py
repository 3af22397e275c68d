"""What each kind of rule measures, in which unit, and from where on it is too much unless a company says otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from metrics import operations
from metrics.models import AlertKind


class Unit(StrEnum):
    PERCENT = "percent"
    MILLISECONDS = "ms"
    GIGABYTES = "gb"


class Source(StrEnum):
    """Where a kind's figures are taken from."""

    SEGMENTS = "segments"
    OPERATIONS = "operations"
    GAUGES = "gauges"


@dataclass(frozen=True, slots=True)
class Kind:
    """`about` is what the rule says to people. `subjects` are the pipelines or operations that are looked at.

    Figures of segments are a company's own. All others are of the whole server, the same for every company on it:
    they say how long and how much, and nothing of whose.
    """

    unit: Unit
    source: Source
    threshold: float
    about: str
    subjects: tuple[str, ...]

    @property
    def is_of_server(self) -> bool:
        return self.source != Source.SEGMENTS

    @property
    def has_window(self) -> bool:
        """Whether it is worked out of many things over a while; a gauge is what it is now."""
        return self.source != Source.GAUGES


KINDS: Mapping[AlertKind, Kind] = {
    AlertKind.ERROR_COUNT: Kind(
        Unit.PERCENT, Source.SEGMENTS, 5.0, "The share of segments that end with an error", ("dubbing", "audio")
    ),
    AlertKind.AVG_TOTAL_MS: Kind(
        Unit.MILLISECONDS, Source.SEGMENTS, 2000.0, "How long a video segment takes on average", ("dubbing",)
    ),
    # As long as a chunk is: what takes longer than the speech falls behind it.
    AlertKind.AVG_AUDIO_MS: Kind(
        Unit.MILLISECONDS, Source.SEGMENTS, 30_000.0, "How long the analysis of a chunk takes on average", ("audio",)
    ),
    AlertKind.EMBEDDING_P99_MS: Kind(
        Unit.MILLISECONDS,
        Source.OPERATIONS,
        500.0,
        "How long making vectors takes, all but the slowest hundredth",
        ("search.embed",),
    ),
    AlertKind.QUERY_P95_MS: Kind(
        Unit.MILLISECONDS,
        Source.OPERATIONS,
        100.0,
        "How long a question to a database takes, all but the slowest twentieth",
        ("mongodb.read", "postgresql.read"),
    ),
    AlertKind.BATCH_INSERT_P95_MS: Kind(
        Unit.MILLISECONDS,
        Source.OPERATIONS,
        50.0,
        "How long storing a batch of conversations takes, all but the slowest twentieth",
        ("intake.store_batch",),
    ),
    AlertKind.QUEUE_PERCENT: Kind(
        Unit.PERCENT, Source.GAUGES, 80.0, "How full the queue of conversations is", ("intake",)
    ),
    AlertKind.STORE_PERCENT: Kind(
        Unit.PERCENT, Source.GAUGES, 80.0, "How full a store is that has an end", ("redis", "mongodb", "disk")
    ),
    AlertKind.STORE_GIGABYTES: Kind(
        Unit.GIGABYTES,
        Source.GAUGES,
        500.0,
        "How much a store holds",
        ("redis", "mongodb", "postgresql", "recordings"),
    ),
}
# Operations have words of their own.
_SUBJECTS: Mapping[str, str] = {
    "dubbing": "Video segments",
    "audio": "Recorded calls",
    "intake": "Conversations on their way",
    "redis": "Redis",
    "mongodb": "MongoDB",
    "postgresql": "PostgreSQL",
    "recordings": "Recordings",
    "disk": "The disk",
}
UNIT_WORDS: Mapping[Unit, str] = {Unit.PERCENT: "%", Unit.MILLISECONDS: "ms", Unit.GIGABYTES: "GB"}


def kind_of(name: str) -> Kind:
    return KINDS[AlertKind(name)]


def subject_words(subject: str) -> str:
    """What a figure is of, for people."""
    return _SUBJECTS.get(subject) or operations.words_of(subject) or subject


def told(kind: str, value: float) -> str:
    """A value in the kind's unit, for people: "7.2 %", "2,310 ms", "0.35 GB"."""
    digits = 0 if value >= 100 else 1 if value >= 1 else 2
    number = f"{value:,.{digits}f}"
    number = number.rstrip("0").rstrip(".") if "." in number else number
    return f"{number} {UNIT_WORDS[kind_of(kind).unit]}"
