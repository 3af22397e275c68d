"""The whole recording as one file that one can seek in: made as it is read, and never stored.

1. The manifest says where on the recording's line each chunk's sound lies (`Recording.of`). So the file's length is
   known before anything is read, and which chunks a range of its bytes touches.
2. Those chunks are fetched one after another and decoded piece by piece, at 48 kHz, and each is cut or padded to the
   room that it has on the line. Gaps are silence. The head of the file marks them (`wav.py`).
3. One resampler goes over the joined line (`downsampling.py`), so that no joint clicks. A range that begins in the
   middle gives the very bytes that the whole file has there.
4. What is masked in the transcript is silence (`masked.py`, `silencing.py`), to the frame, and marked as well; with
   `originals`, for who may hear it, nothing is. What is not transcribed yet is not known to be masked, and is heard.

Whatever changes the manifest or what is masked changes the file and its entity tag. A chunk that becomes Opus in
mid-play does not. A recording is what it was when it was asked, all the while it is read.
"""

import hashlib
import uuid
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeAlias

import numpy as np
import structlog
from numpy.typing import NDArray

from audio import chunk_bytes, downsampling, masked, sessions, wav
from audio.analysis import decoding
from audio.downsampling import IN_RATE, LEAD, OUT_RATE, RATIO
from audio.errors import NothingRecorded, TooLong, Undecodable
from audio.manifest import MOST_NAMED, Gap, Manifest
from audio.masked import Masked
from audio.models import AudioChunk, AudioSession
from audio.silencing import Quiet, Silencer

log = structlog.get_logger("earshot.playback")

# A second of one channel: what is decoded at once for one listener, and sent.
PIECE_BYTES: Final = 32_000
# Goes into the entity tag: another number says that the same chunks make other bytes than before.
_MADE: Final = "1"

Samples: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Where a chunk's sound lies on the line, in samples at 48 kHz."""

    index: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Recording:
    """As the manifest was when it was asked. `frames` are the file's, at 16 kHz."""

    session_id: uuid.UUID
    channels: int
    frames: int
    head: bytes
    etag: str
    stretches: tuple[_Stretch, ...]
    quiet: tuple[Quiet, ...]

    @classmethod
    def of(cls, session: AudioSession, *, originals: bool = False) -> "Recording":
        """With silence for what is masked, but for `originals`, which is for those alone who may hear them.

        Raises NothingRecorded when no chunk is stored, SoundRemoved when the sound is not kept any more, and what
        `calls` raises when it cannot tell what is masked.
        """
        sessions.refuse_without_sound(session)
        manifest = sessions.manifest_of(session)
        if not manifest.spans:
            raise NothingRecorded("Nothing of this recording is stored yet.")
        frames = -(-_on_line(manifest.duration) // RATIO)
        silent = () if originals else masked.of(session, manifest)
        marks = [*_marks(manifest, frames), *_marks_of(silent, frames)]
        head = wav.header(frames, channels=session.channels, sample_rate=OUT_RATE, marks=marks)
        stretches = tuple(_Stretch(span.index, _on_line(span.start), _on_line(span.end)) for span in manifest.spans)
        quiet = tuple(Quiet.between(one.start, one.end, one.channel) for one in silent)
        return cls(session.pk, session.channels, frames, head, _etag(session, head, stretches, quiet), stretches, quiet)

    @property
    def size(self) -> int:
        return len(self.head) + self.frames * self._frame_bytes

    @property
    def _frame_bytes(self) -> int:
        return self.channels * wav.BYTES_PER_SAMPLE

    def bytes_between(self, start: int, stop: int) -> Iterator[bytes]:
        """The file's bytes from `start` to before `stop`, in pieces. Reads as it goes.

        Sound that is gone or does not decode is silence, and logged. Raises StoreUnavailable and Django's
        OperationalError: what is only out of reach is not passed off as silence.
        """
        return _gathered(self._bytes(start, stop))

    def _bytes(self, start: int, stop: int) -> Iterator[bytes]:
        if start < len(self.head):
            yield self.head[start:stop]
        first, last = max(0, start - len(self.head)), stop - len(self.head)
        if first >= last:
            return
        first_frame, stop_frame = first // self._frame_bytes, -(-last // self._frame_bytes)
        line = self._line(first_frame * RATIO - LEAD, stop_frame * RATIO + LEAD)
        skipped = (LEAD // RATIO - first_frame) * self._frame_bytes + first
        left = last - first
        heard = downsampling.pcm(line, channels=self.channels)
        silencer = Silencer(self.quiet, channels=self.channels)
        for piece in silencer.over(heard, at=first_frame - LEAD // RATIO):
            wanted = piece[skipped : skipped + left]
            skipped = max(0, skipped - len(piece))
            left -= len(wanted)
            yield wanted
            if not left:
                return

    def _line(self, start: int, stop: int) -> Iterator[Samples]:
        """The line's samples from `start` to before `stop`, of shape (channels, n); silence beyond both its ends."""
        at = start
        for stretch in self.stretches[bisect_right(self.stretches, start, key=lambda one: one.stop) :]:
            if stretch.start >= stop:
                break
            yield from self._silence(stretch.start - at)
            at = max(at, stretch.start)
            end = min(stop, stretch.stop)
            for piece in self._sound(stretch, at, end):
                at += piece.shape[1]
                yield piece
            yield from self._silence(end - at)
            at = end
        yield from self._silence(stop - at)

    def _sound(self, stretch: _Stretch, start: int, stop: int) -> Iterator[Samples]:
        """What the chunk has from `start` to before `stop` on the line, in order; it may end before."""
        at = stretch.start
        try:
            for piece in self._decoded(stretch.index):
                wanted = piece[:, max(0, start - at) : max(0, stop - at)]
                at += piece.shape[1]
                if length := wanted.shape[1]:
                    # Files of floats may hold what is no number. One channel goes to both.
                    yield np.broadcast_to(np.nan_to_num(wanted, posinf=1.0, neginf=-1.0), (self.channels, length))
                if at >= stop:
                    return
        except (Undecodable, TooLong) as error:
            log.warning(
                "chunk_not_played", session_id=str(self.session_id), chunk_index=stretch.index, error=error.code
            )

    def _decoded(self, index: int) -> decoding.Pieces:
        # The row as it is now: the object may be another one than a moment ago.
        chunk = AudioChunk.objects.stored().filter(session_id=self.session_id, chunk_index=index).first()
        if chunk is None:
            raise Undecodable("The chunk has been erased.")
        body, container = chunk_bytes.read_file(chunk)
        return decoding.pieces(body, channels=self.channels, container=container, sample_rate=IN_RATE)

    def _silence(self, samples: int) -> Iterator[Samples]:
        while samples > 0:
            length = min(samples, IN_RATE)
            yield np.zeros((self.channels, length), dtype=np.float32)
            samples -= length


def _on_line(seconds: float) -> int:
    return round(seconds * IN_RATE)


def _marks(manifest: Manifest, frames: int) -> Iterator[wav.Mark]:
    """The gaps that begin before the end of the file, or at it: what has no end is marked there."""
    for gap in manifest.gaps[:MOST_NAMED]:
        start = round(gap.start * OUT_RATE)
        if start <= frames:
            stop = frames if gap.end is None else min(frames, round(gap.end * OUT_RATE))
            yield wav.Mark(start, max(0, stop - start), _words(gap))


def _marks_of(silent: Iterable[Masked], frames: int) -> Iterator[wav.Mark]:
    """What is silent because it is masked."""
    for one in islice(silent, MOST_NAMED):
        start = round(one.start * OUT_RATE)
        if start <= frames:
            stop = min(frames, round(one.end * OUT_RATE))
            yield wav.Mark(start, max(0, stop - start), f"masked: {', '.join(map(masked.name_of, one.kinds))}")


def _words(gap: Gap) -> str:
    cause = gap.cause.value.replace("_", " ")
    return f"{cause}: {gap.reason}" if gap.reason else cause


def _etag(session: AudioSession, head: bytes, stretches: Iterable[_Stretch], quiet: Sequence[Quiet]) -> str:
    """Of what the file is made of: its head, where which chunk lies, what was received, and where it is quiet."""
    checksums = dict(session.chunks.stored().values_list("chunk_index", "checksum"))
    digest = hashlib.sha256(_MADE.encode() + head)
    for one in stretches:
        digest.update(f"{one.index} {one.start} {one.stop} {checksums.get(one.index)}\n".encode())
    for silent in quiet:
        digest.update(f"quiet {silent.start} {silent.stop} {silent.channel}\n".encode())
    return f'"{digest.hexdigest()[:32]}"'


def _gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of PIECE_BYTES and a little more, but for the last."""
    held = bytearray()
    for piece in pieces:
        held += piece
        if len(held) >= PIECE_BYTES:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)
