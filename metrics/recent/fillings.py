"""Fillings of an hour, each named where Redis keeps the hour, so that it is known which of them Redis still knows of.

A Redis that was restored from an older copy knows less than MongoDB has been told, and goes on counting from there.
"""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, cast

from metrics.recent import clients, layout, scripts
from metrics.recent.reading import HourReading
from metrics.segments import Hour

# Of one hour; late segments have it filled a dozen times.
MOST_NAMES: Final = 64


@dataclass(frozen=True, slots=True)
class HourState:
    """How far an hour has come, and the names of its fillings in the order in which they were begun.

    `waits_since`: when the first segment came that no filling has taken, which says nothing once one has.
    """

    epoch: str
    revision: int
    fillings: Sequence[str]
    waits_since: datetime | None = None


def begin_filling(hour: Hour, reading: HourReading) -> Sequence[str] | None:
    """The names of the hour's fillings, of which that of this reading is the last; None when something came since."""
    arguments = [reading.epoch, reading.revision, reading.token, secrets.token_hex(8), MOST_NAMES]
    with clients.answered():
        names = clients.run(scripts.BEGIN_FILLING, [f"{layout.prefix_of(hour)}state"], arguments)
    return None if names is None else [name.decode() for name in cast("list[bytes]", names)]


def states(hours: Collection[Hour]) -> dict[Hour, HourState]:
    """Those of the hours that are there."""
    if not hours:
        return {}
    with clients.answered():
        pipeline = clients.patient().pipeline(transaction=False)
        for hour in hours:
            pipeline.hmget(f"{layout.prefix_of(hour)}state", "epoch", "revision", "fillings", "waits_since")
        answers = pipeline.execute()
    return {
        hour: HourState(
            epoch.decode(),
            int(revision),
            (names or b"").decode().split(),
            None if since is None else datetime.fromtimestamp(float(since), UTC),
        )
        for hour, (epoch, revision, names, since) in zip(hours, answers, strict=True)
        if epoch is not None
    }
