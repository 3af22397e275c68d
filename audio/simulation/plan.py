"""Who records what, and how."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from audio.sending import RecordedChunk


class Manner(StrEnum):
    """How a recorder behaves. All but the first are things that real ones do."""

    STEADY = "steady"
    REPEATS = "repeats chunks"
    SHUFFLES = "sends in any order"
    HASTY = "completes before the last chunk"
    LEAVES = "goes away in the middle of a chunk"


@dataclass(slots=True)
class Recording:
    """One recorder's part: what it sends, and what it has been told so far.

    `session` is the server's last word on it; `acknowledged` are the indexes that the server said it has;
    `refusal` is why the recorder could not go on, if it could not.
    """

    number: int
    token: str
    chunks: Sequence[RecordedChunk]
    manner: Manner = Manner.STEADY
    session_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    call_id: str = ""
    acknowledged: set[int] = field(default_factory=set)
    refusal: str = ""

    @property
    def total_bytes(self) -> int:
        return sum(len(chunk.body) for chunk in self.chunks)

    @property
    def seconds(self) -> float:
        return self.chunks[-1].end_seconds if self.chunks else 0.0


def spread(tokens: Sequence[str], chunks: Sequence[RecordedChunk], *, calls: int, unruly: bool) -> list[Recording]:
    """So many recordings of the same chunks, dealt out to the tokens in turn; when unruly, every second misbehaves."""
    misbehaving = [manner for manner in Manner if manner is not Manner.STEADY]
    return [
        Recording(
            number=number,
            token=tokens[number % len(tokens)],
            chunks=chunks,
            manner=misbehaving[number // 2 % len(misbehaving)] if unruly and number % 2 else Manner.STEADY,
        )
        for number in range(calls)
    ]
