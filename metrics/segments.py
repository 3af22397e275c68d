"""What a segment is: one unit of the pipeline's work, as every tier knows it. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from metrics import person_keys

# The stages of the pipeline `dubbing`; SPEC names them, and the time series has a field for each.
DUBBING_STAGES: Final = ("extraction", "dubbing", "reinsertion")


class Pipeline(StrEnum):
    DUBBING = "dubbing"
    AUDIO = "audio"


@dataclass(frozen=True, slots=True, order=True)
class Group:
    """What segments are summed by within an hour; `metadata` of the time series, with the tenant."""

    channel_id: str
    session_id: str
    user_id: str
    platform: str
    pipeline: str


@dataclass(frozen=True, slots=True, order=True)
class Hour:
    """An hour of a tenant's, by when it began: UTC, on the hour. Segments count in that of their `received_at`."""

    start: datetime
    tenant_id: int

    @classmethod
    def of(cls, tenant_id: int, moment: datetime) -> "Hour":
        return cls(moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0), tenant_id)


@dataclass(frozen=True, slots=True, order=True)
class Channel:
    """What percentiles are kept by. A `channel_id` of "" is all of the tenant's channels together."""

    channel_id: str
    pipeline: str


@dataclass(frozen=True, slots=True)
class Segment:
    """Durations are whole microseconds, sizes bytes, times UTC. `segment_id` is unique per tenant, channel and session.

    `total_us` is None only where nothing was timed, as of a segment that failed at once. `error` is a short code or
    empty. The hour that a segment counts in is that of `received_at`.
    """

    group: Group
    segment_id: str
    received_at: datetime
    processing_started_at: datetime | None = None
    processing_ended_at: datetime | None = None
    stages: Mapping[str, int] = field(default_factory=dict)
    total_us: int | None = None
    duration_us: int = 0
    original_bytes: int = 0
    dubbed_bytes: int = 0
    source_language: str = ""
    target_language: str = ""
    error: str = ""
    retry_count: int = 0


def person_key_of(platform: str, user_id: str) -> str:
    """How a segment's person is named to the keyring and the forgotten.

    A user of ours has their person key for an id, which nobody else may send; any other id is the platform's own.
    """
    return user_id if own_user_of(user_id) is not None else person_keys.of_external(platform, user_id)


def own_user_of(user_id: str) -> int | None:
    """Which user of ours it is; None for an id that is a caller's own, be it a number."""
    found = _OWN_USER.fullmatch(user_id)
    return int(found[1]) if found else None


_OWN_USER = re.compile(r"user:([1-9][0-9]{0,18})")
