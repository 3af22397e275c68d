"""Uploads to measure with: thirty seconds of somebody reading, and how each server wants to be sent them."""

import base64
import io
import uuid
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path

import av
import numpy as np
import orjson
from django.conf import settings

from audio import opus, sending, sessions, upload_tokens
from audio.sending import CHUNK_SECONDS, RecordedChunk
from benchmarks.lines import Answer, Request
from crm.models import User

# An hour of calls; a recording that grew for as long as one measures would be like none.
MOST_OF_A_RECORDING = 120
CONTENT_TYPE = "audio/ogg"
_READING = Path(settings.BASE_DIR) / "crm" / "speech" / "reading.ogg"
_BOUNDARY = "a-line-between-fields"
_SAMPLES = CHUNK_SECONDS * opus.SAMPLE_RATE

# Makes the next upload of a sender. Where its object lies is told by the answer.
Sender = Callable[[], Request]


@cache
def make_sound() -> bytes:
    """Thirty seconds of a man who reads, in Opus at 64 kbit/s on two channels: some 240 KB."""
    resampler = av.AudioResampler(format="fltp", layout="stereo", rate=opus.SAMPLE_RATE)
    with av.open(io.BytesIO(_READING.read_bytes()), mode="r", format="ogg") as source:
        frames = [piece for frame in source.decode(audio=0) for piece in resampler.resample(frame)]
    samples = np.concatenate([frame.to_ndarray() for frame in frames], axis=1)
    times = -(-_SAMPLES // samples.shape[1])
    return opus.encode([np.tile(samples, times)[:, :_SAMPLES].astype(np.float32)], channels=2)


def recorder(user: User) -> Sender:
    """Ours: a recorder of this user, who begins a new recording when an hour is over."""

    def uploads() -> Iterator[Request]:
        while True:
            session, _ = sessions.start(user, channels=2)
            token = upload_tokens.issue(user, session).secret
            for index in range(MOST_OF_A_RECORDING):
                first = index * _SAMPLES
                chunk = RecordedChunk(index, make_sound(), first, first + _SAMPLES - 1)
                headers = {**sending.headers_of(chunk), "Authorization": f"Bearer {token}"}
                yield Request("PUT", sending.address_of(str(session.pk), index), chunk.body, headers, 201)

    return partial(next, uploads())


def form() -> Sender:
    """The plain view: a form with a file."""
    head = (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="audio_chunk"; filename="chunk.ogg"\r\n'
        f"Content-Type: {CONTENT_TYPE}\r\n\r\n"
    )
    body = head.encode() + make_sound() + f"\r\n--{_BOUNDARY}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}
    return lambda: Request("POST", "/upload", body, headers, 201)


def tus() -> Sender:
    """As clients of tus do that send the first piece, here the only one, along with the creation."""
    sound = make_sound()
    headers = {
        "Tus-Resumable": "1.0.0",
        "Upload-Length": str(len(sound)),
        "Content-Type": "application/offset+octet-stream",
    }
    return lambda: Request("POST", "/files", sound, headers, 201)


def body_alone() -> Sender:
    sound = make_sound()
    return lambda: Request("PUT", f"/{uuid.uuid4()}", sound, {"Content-Type": CONTENT_TYPE}, 201)


def key_of(answer: Answer) -> str:
    """Where the object lies, by the answer of any of them."""
    if "location" in answer.headers:
        return base64.urlsafe_b64decode(answer.headers["location"].rpartition("/")[2] + "==").decode()
    return str(orjson.loads(answer.body)["s3_key"])
