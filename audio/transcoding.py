"""Makes Opus of what came as something else, so that an hour costs little and every browser plays it.

1. The original is decoded and encoded anew, to the same number of samples.
2. The Opus file is decoded again and compared; then stored, read back and compared.
3. In one transaction the row tells of the new object, and its job is done. Until then the original is the recording.
4. The original goes. Whatever dies before it has, the search for objects that nobody knows finds it.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

import structlog
from django.db import transaction

from audio import blobs, chunk_bytes, jobs, opus, progress, sessions
from audio.analysis import decoding
from audio.analysis.stages import Pipeline
from audio.containers import OGG, WEBM, Container
from audio.errors import StoreUnavailable, Undecodable, UnknownSession
from audio.models import AnalysisJob, AudioChunk

log = structlog.get_logger("earshot.transcoding")

CODEC = "opus"
# Of a second: what two decodings of the same sound may differ by, in length.
TOLERANCE_SECONDS = 0.02


def is_due(chunk: AudioChunk) -> bool:
    """Whether it is something else than Opus, as far as one knows, and decodes."""
    return chunk.codec not in {"", CODEC} and bool(chunk.decoded_seconds)


def transcode(job: AnalysisJob) -> None:
    """Put Opus in the place of the original. Raises Undecodable when that would not last as long; nothing changes."""
    chunk = job.chunk
    original, container = chunk_bytes.read_file(chunk)
    # Another name than the original's, which stays until the last moment.
    target = WEBM if container is OGG else OGG
    pipeline = Pipeline()
    body = pipeline.run(
        transcoding_stage,
        Original(original, container, target, chunk.session.channels),
        lambda body: {"codec_before": chunk.codec, "bytes": len(body)},
    )
    key = blobs.key_of(chunk.session.s3_base_key, chunk.chunk_index, target.extension)
    checksum = hashlib.sha256(body).hexdigest()
    blobs.put(key, body, content_type=target.content_type)
    if blobs.digest_of(key) != checksum:
        raise StoreUnavailable("The object store gave other bytes back than it was given.")
    try:
        with transaction.atomic():
            sessions.refuse_forgotten(chunk.session)
            sessions.lock(chunk.session)
            if not jobs.complete(job):
                return
            changed = progress.change(
                chunk,
                pipeline.results,
                s3_key=key,
                content_type=target.content_type,
                codec=CODEC,
                stored_checksum=checksum,
                compressed_size_bytes=len(body),
                compression_ratio=round(chunk.file_size_bytes / len(body), 3),
            )
    except (UnknownSession, AudioChunk.DoesNotExist):
        # Erased while it was being made: nobody else knows that it is there.
        if not AudioChunk.objects.filter(pk=chunk.pk, s3_key=key).exists():
            blobs.erase(key)
        raise
    chunk_bytes.drop(chunk)
    blobs.erase(chunk.s3_key)
    log.info(
        "chunk_transcoded",
        session_id=str(chunk.session_id),
        chunk_index=chunk.chunk_index,
        bytes=len(body),
        ratio=changed.compression_ratio,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Original:
    """A file, the container it is in, the one its Opus is to be in, and how many channels are wanted."""

    body: bytes
    container: Container
    target: Container
    channels: int


class TranscodingStage:
    """libopus as a stage: a file of the same sound. Raises Undecodable when it would not last as long."""

    name: Final = "transcoding"
    engine: Final = "libopus"
    model: Final = ""

    version: Final = decoding.DecodeStage.version

    def health(self) -> None:
        """It is linked into PyAV, without which nothing starts."""

    def load(self) -> None:
        """There is nothing to load."""

    def run(self, given: Original, /) -> bytes:
        return _opus_of(given.body, given.container, given.target, channels=given.channels)


transcoding_stage = TranscodingStage()


def _opus_of(original: bytes, container: Container, target: Container, *, channels: int) -> bytes:
    def sound() -> decoding.Pieces:
        return decoding.pieces(original, channels=channels, container=container, sample_rate=opus.SAMPLE_RATE)

    width = next(sound()).shape[0]
    seconds = sum(piece.shape[1] for piece in sound()) / opus.SAMPLE_RATE
    body = opus.encode(sound(), channels=width, container=target)
    there = decoding.decode(body, channels=width, container=target)
    if abs(there.duration - seconds) > TOLERANCE_SECONDS or there.samples.shape[0] != width:
        raise Undecodable("Transcoding changed the length of the sound, so the original stays.")
    return body
