"""What a watcher has been told of a session, to be held against what is so. Pure: frames in, an answer out.

An event that nobody could append leaves no trace in the stream, and who should have appended it may have died. The
rows know better: a watcher whose picture differs from them, and stays so, has missed something.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

_ENDED: Final = frozenset({"completed", "failed"})
_UNHEARD: Final = frozenset({"pending", "processing"})

# Its index, its processing status, when it was analysed and when transcribed.
ChunkRow = tuple[int, str, datetime | None, datetime | None]


@dataclass(frozen=True, slots=True)
class Standing:
    """A session as its rows have it: whether it has ended, how many chunks were counted, and how far each has come."""

    is_ended: bool
    total_chunks: int | None
    chunks: Mapping[int, int]

    @classmethod
    def of_rows(cls, status: str, total_chunks: int | None, chunks: Iterable[ChunkRow]) -> "Standing":
        return cls(status in _ENDED, total_chunks, {row[0]: _mark(*row[1:]) for row in chunks})


class Told:
    """The same, as a watcher has it."""

    def __init__(self, session: Mapping[str, Any], chunks: Iterable[Mapping[str, Any]]) -> None:
        """From a snapshot."""
        self._is_ended = session["status"] in _ENDED
        self._total = session["total_chunks"]
        self._chunks = {chunk["chunk_index"]: _mark_of(chunk) for chunk in chunks}

    def add(self, frame: Mapping[str, Any]) -> None:
        """An event that was passed on."""
        if chunk := frame.get("chunk"):
            self._chunks[chunk["chunk_index"]] = _mark_of(chunk)
            if chunk["processing_status"] in _UNHEARD:
                self._is_ended = False
        if "status" in frame:
            self._is_ended = frame["status"] in _ENDED
        if "total_chunks" in frame:
            self._total = frame["total_chunks"]

    def agrees_with(self, standing: Standing) -> bool:
        # That an ended session is at work again nobody announces: the chunk that came late tells it.
        has_ended = self._is_ended or not standing.is_ended
        return has_ended and self._total == standing.total_chunks and self._chunks == standing.chunks


def _mark_of(chunk: Mapping[str, Any]) -> int:
    times = (chunk["analysed_at"], chunk["transcribed_at"])
    return _mark(chunk["processing_status"], *(datetime.fromisoformat(at) if at else None for at in times))


def _mark(processing_status: str, analysed_at: datetime | None, transcribed_at: datetime | None) -> int:
    """A number in place of the values: a socket keeps one for each of up to ten thousand chunks.

    That a worker has taken a chunk is not announced, so pending and processing are one.
    """
    status = "unheard" if processing_status in _UNHEARD else str(processing_status)
    return hash((status, analysed_at, transcribed_at))
