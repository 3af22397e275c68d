"""Writes a ZIP file entry by entry, and remembers of each how long it is and its SHA-256. Holds a little at a time."""

import hashlib
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import BinaryIO, Final, Self

_READABLE: Final = 0o100644
PIECE_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Packed:
    """An entry: its name, what it is in plain words, its bytes before they were packed, and their SHA-256 in hex."""

    name: str
    about: str
    size: int
    sha256: str


class Package:
    """The file that is being written; `packed` are the entries so far. To be closed, or used as a context."""

    def __init__(self, target: BinaryIO, *, made_at: datetime) -> None:
        self._zip = zipfile.ZipFile(target, "w", compression=zipfile.ZIP_DEFLATED, allowZip64=True)
        self._made_at = max(made_at.astimezone(UTC), datetime(1980, 1, 1, tzinfo=UTC))
        self.packed: list[Packed] = []

    def add(self, name: str, pieces: Iterable[bytes], *, about: str, is_compressed: bool = False) -> Packed:
        """`is_compressed`: it is as small as it gets, as sound is."""
        entry = zipfile.ZipInfo(name, self._made_at.timetuple()[:6])
        entry.compress_type = zipfile.ZIP_STORED if is_compressed else zipfile.ZIP_DEFLATED
        entry.external_attr = _READABLE << 16
        digest, size = hashlib.sha256(), 0
        # Nobody knows how long it will be; entries of more than 4 GB are told by ZIP64.
        with self._zip.open(entry, "w", force_zip64=True) as file:
            for piece in pieces:
                file.write(piece)
                digest.update(piece)
                size += len(piece)
        packed = Packed(name, about, size, digest.hexdigest())
        self.packed.append(packed)
        return packed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._zip.close()


def pieces_of(file: BinaryIO) -> Iterator[bytes]:
    """The file's bytes from where it stands."""
    while piece := file.read(PIECE_BYTES):
        yield piece
