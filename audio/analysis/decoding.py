"""Stored bytes → samples. The only place that decodes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import av
import numpy as np
from av import AudioFrame, AudioResampler
from av.container import InputContainer
from av.error import FFmpegError
from numpy.typing import NDArray

from audio.containers import MOST_PACKETS, Container, first_audio, open_container
from audio.errors import NoAudio, NotAudio, TooLong, Undecodable

# What every engine here was trained on.
SAMPLE_RATE = 16_000
# Samples that are handed to the resampler at once. A packet of Opus has 960, and handing them over one by one takes
# longer than decoding them.
_AT_ONCE = 48_000
# float32 in -1…1, of shape (channels, n)
Pieces: TypeAlias = Iterator[NDArray[np.float32]]


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """Samples as float32 in -1…1, of shape (channels, n), `sample_rate` of them a second."""

    samples: NDArray[np.float32]
    sample_rate: int = SAMPLE_RATE

    @property
    def duration(self) -> float:
        """Seconds."""
        return float(self.samples.shape[1] / self.sample_rate)

    @property
    def mono(self) -> NDArray[np.float32]:
        """The mean of the channels, of shape (n,)."""
        mixed: NDArray[np.float32] = self.samples.mean(axis=0, dtype=np.float32)
        return mixed


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """A file as it was stored, and how many channels are wanted of it."""

    body: bytes
    container: Container
    channels: int


class DecodeStage:
    """FFmpeg as a stage: the file as samples."""

    name: Final = "decode"
    engine: Final = "ffmpeg"
    model: Final = "libavcodec"

    version: Final = ".".join(str(number) for number in av.library_versions["libavcodec"])

    def health(self) -> None:
        """It is linked into PyAV, without which nothing starts."""

    def load(self) -> None:
        """There is nothing to load."""

    def run(self, given: Encoded, /) -> Sound:
        return decode(given.body, channels=given.channels, container=given.container)


def decode(body: bytes, *, channels: int, container: Container, longest_seconds: float = 125.0) -> Sound:
    """The first audio stream of `body` at 16 kHz, mixed down to `channels` (1 or 2); a mono file always gives one.

    Damaged or truncated input gives what can be had, without an error: compare `duration` with what was
    declared. Raises Undecodable when nothing can be had; TooLong when it goes on past `longest_seconds`,
    which a container that lies about lengths can do after passing the door.
    """
    found = list(pieces(body, channels=channels, container=container, longest_seconds=longest_seconds))
    return Sound(np.concatenate(found, axis=1))


def pieces(
    body: bytes,
    *,
    channels: int,
    container: Container,
    sample_rate: int = SAMPLE_RATE,
    longest_seconds: float = 125.0,
) -> Pieces:
    """The same sound piece by piece, of shape (channels, n), at `sample_rate`: never all of it in memory.

    Raises what `decode` does, at the latest when it has given all that can be had.
    """
    given = False
    try:
        with open_container(body, container) as source:
            # A mono stream is kept so: FFmpeg would make two channels of it, each 3 dB down.
            layout = "stereo" if first_audio(source).codec_context.channels > 1 else "mono"
            for piece in _bounded(_resampled(source, layout, sample_rate), sample_rate, longest_seconds):
                given = True
                # The mean in place of FFmpeg's own mix, which adds 3 dB and may clip.
                yield piece if channels == 2 else piece.mean(axis=0, keepdims=True, dtype=np.float32)
    except (NoAudio, NotAudio, FFmpegError, ValueError, MemoryError) as error:
        raise Undecodable(f"The {container.name} file cannot be decoded.") from error
    if not given:
        raise Undecodable(f"Nothing in the {container.name} file can be decoded.")


def _resampled(source: InputContainer, layout: str, sample_rate: int) -> Pieces:
    resampler = AudioResampler(format="fltp", layout=layout, rate=sample_rate)
    for frame in _joined(_of_one_shape(_frames(source))):
        for piece in resampler.resample(frame):
            yield piece.to_ndarray().astype(np.float32, copy=False)
    for piece in resampler.resample(None):
        yield piece.to_ndarray().astype(np.float32, copy=False)


def _joined(frames: Iterator[AudioFrame]) -> Iterator[AudioFrame]:
    """The same samples in fewer frames."""
    held: list[AudioFrame] = []
    samples = 0
    for frame in frames:
        held.append(frame)
        samples += frame.samples
        if samples >= _AT_ONCE or frame.layout.name not in {"mono", "stereo"}:
            yield _together(held)
            held, samples = [], 0
    if held:
        yield _together(held)


def _together(frames: list[AudioFrame]) -> AudioFrame:
    first = frames[0]
    if len(frames) == 1:
        return first
    samples = np.concatenate([frame.to_ndarray() for frame in frames], axis=1)
    joined = AudioFrame.from_ndarray(samples, format=first.format.name, layout=first.layout.name)
    joined.sample_rate = first.sample_rate
    return joined


def _of_one_shape(frames: Iterator[AudioFrame]) -> Iterator[AudioFrame]:
    """Where the rate or the channels change in mid-stream, as they do in damaged files, it ends."""
    shape: tuple[int, int] | None = None
    for frame in frames:
        shape = shape or _shape(frame)
        if _shape(frame) != shape:
            return
        yield frame


def _shape(frame: AudioFrame) -> tuple[int, int]:
    return frame.sample_rate, frame.layout.nb_channels


def _frames(source: InputContainer) -> Iterator[AudioFrame]:
    """Decoded frames up to the point where the demuxer fails; packets that do not decode are left out."""
    packets = source.demux(first_audio(source))
    for _ in range(MOST_PACKETS):
        try:
            packet = next(packets, None)
        except FFmpegError:
            return
        if packet is None:
            return
        try:
            yield from packet.decode()
        except FFmpegError:
            continue


def _bounded(pieces: Pieces, sample_rate: int, longest_seconds: float) -> Pieces:
    samples = 0
    for piece in pieces:
        samples += piece.shape[1]
        if samples > longest_seconds * sample_rate:
            raise TooLong(f"The audio is longer than {longest_seconds:g} seconds.")
        yield piece
