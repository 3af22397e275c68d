"""The two data sets of the archive, column by column. Each field of the schemas says in its metadata what it holds.

Numbers are whole and none is an average: whatever is added up over days, channels and platforms is exact. A later
version may add columns; what is here keeps its name and its meaning.
"""

from typing import Final

import pyarrow as pa

VERSION: Final = "1"
DAYS: Final = "days"
PEOPLE: Final = "people"

# The sums of `metrics.totals.Totals`, by name, and what each is.
SUMS: Final = {
    "segments": "Segments that were processed",
    "errors": "Of them, those that failed",
    "retries": "Attempts beyond the first, of all segments together",
    "duration_us": "How long the segments themselves last together, in microseconds",
    "original_bytes": "Size of what came in, in bytes",
    "dubbed_bytes": "Size of what went out, in bytes",
    "timed": "Segments whose processing was timed: what `total_us` is to be divided by for the average",
    "total_us": "How long processing took from end to end, of the timed segments together, in microseconds",
}
_TEXT_COUNTS = pa.map_(pa.string(), pa.field("value", pa.int64(), nullable=False))
_BUCKET_COUNTS = pa.map_(pa.int32(), pa.field("value", pa.int64(), nullable=False))
_SUMS_OF_ONE = pa.struct([pa.field(name, pa.int64(), nullable=False) for name in SUMS])
# The counters of `Totals`: column → type and what it holds.
COUNTERS: Final = {
    "stage_us": (_TEXT_COUNTS, "Stage → how long it took of all segments that ran it together, in microseconds"),
    "stage_count": (_TEXT_COUNTS, "Stage → segments that ran it: what its time is to be divided by"),
    "source_languages": (_TEXT_COUNTS, "Language that segments were in → segments"),
    "target_languages": (_TEXT_COUNTS, "Language that segments were to be in → segments"),
    "latency": (
        _BUCKET_COUNTS,
        "Bucket → timed segments whose processing took so long: i - 1 < ln(seconds) / ln(1.01 / 0.99) <= i",
    ),
}


def _field(name: str, kind: pa.DataType, description: str, *, nullable: bool = False) -> pa.Field:
    return pa.field(name, kind, nullable=nullable, metadata={"description": description})


def _schema(*fields: pa.Field) -> pa.Schema:
    return pa.schema(fields, metadata={"earshot.schema": VERSION})


_SUM_FIELDS = [_field(name, pa.int64(), description) for name, description in SUMS.items()]

# One row for each channel and pipeline. The company and the day are the folders' names.
DAYS_SCHEMA: Final = _schema(
    _field("channel_id", pa.string(), "The channel, as whoever reported its segments names it"),
    _field("pipeline", pa.string(), "What processed the segments: `dubbing` or `audio`"),
    *_SUM_FIELDS,
    *(_field(name, kind, description) for name, (kind, description) in COUNTERS.items()),
    _field(
        "platforms",
        pa.map_(pa.string(), pa.field("value", _SUMS_OF_ONE, nullable=False)),
        "Platform → the eight sums of its segments; under the empty name those of no platform, or of somebody who was "
        "erased before the day was archived. All platforms together are the row's own sums",
    ),
)

# One row for each pseudonym and pipeline, and one for each pipeline without a pseudonym.
PEOPLE_SCHEMA: Final = _schema(
    _field(
        "pseudonym",
        pa.string(),
        "32 hexadecimal digits for a person on this day, other ones on every other day; null for all segments of "
        "nobody, and of people who were erased before the day was archived",
        nullable=True,
    ),
    _field("pipeline", pa.string(), "What processed the segments: `dubbing` or `audio`"),
    *_SUM_FIELDS,
)
SCHEMAS: Final = {DAYS: DAYS_SCHEMA, PEOPLE: PEOPLE_SCHEMA}


def description_of(field: pa.Field) -> str:
    return str((field.metadata or {})[b"description"].decode())
