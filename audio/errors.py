"""What can go wrong with sound. `config/errors.py` says what each means over HTTP."""

from typing import Any, ClassVar


class AudioError(Exception):
    """`code` is stable and for programs, the message is for people, `fields` points at what to correct."""

    code: ClassVar[str] = "audio_error"

    def __init__(self, message: str, *, fields: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fields = fields


# --- The recording ---


class UnknownSession(AudioError):
    code = "unknown_session"


class PersonForgotten(UnknownSession):
    """Whoever recorded it has been erased; to whoever asks, there is no such session."""


class SoundRemoved(AudioError):
    """Its sound was removed because it was older than the company keeps any; what was said is there still."""

    code = "sound_removed"


class UnknownChunk(AudioError):
    code = "unknown_chunk"


class SessionConflict(AudioError):
    """The session id is taken, or what is asked contradicts what is known."""

    code = "session_conflict"


class ChunksOwed(AudioError):
    """The recording is declared complete but chunks are still missing; `fields["owed"]` lists their indexes."""

    code = "chunks_owed"


# --- The upload ---


class BadChunk(AudioError):
    """An index, header or form field that parses but cannot be right."""

    code = "bad_chunk"


class BadGap(AudioError):
    """A gap that cannot be where it is said to be."""

    code = "bad_gap"


class ConsentRequired(AudioError):
    """The company records nobody without consent, and there is none for this sound."""

    code = "consent_required"


class EmptyBody(AudioError):
    code = "empty_body"


class BodyTooLarge(AudioError):
    code = "body_too_large"


class WrongDigest(AudioError):
    code = "wrong_digest"


class ChunkConflict(AudioError):
    """Other bytes are already stored under this index."""

    code = "chunk_conflict"


# --- The sound ---


class ChunkBusy(AudioError):
    """The chunk is being heard at this moment and cannot be changed meanwhile."""

    code = "chunk_busy"


class NotAudio(AudioError):
    code = "not_audio"


class NoAudio(AudioError):
    code = "no_audio"


class TooLong(AudioError):
    code = "audio_too_long"


class Undecodable(AudioError):
    code = "undecodable"


# --- The recording as one stream ---


class NothingRecorded(AudioError):
    """None of the recording's chunks is stored, so there is nothing to play."""

    code = "nothing_recorded"


class NoSuchRange(AudioError):
    """None of the bytes that are asked for are there; there are `size`."""

    code = "no_such_range"

    def __init__(self, message: str, *, size: int) -> None:
        super().__init__(message)
        self.size = size


# --- What may work a moment later ---


class RetryableAudioError(AudioError):
    """Nothing is wrong with the request; `retry_after_seconds` says when to send it again."""

    retry_after_seconds: int = 2


class EventsAway(RetryableAudioError):
    """What has happened in sessions lately cannot be read for a moment."""

    code = "events_away"


class StateAway(RetryableAudioError):
    """What a Redis holds of recordings can be neither counted nor removed for a moment."""

    code = "state_away"


class TooManyUploads(RetryableAudioError):
    """More chunks within a minute than one user may send."""

    code = "too_many_uploads"

    def __init__(self, message: str, *, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class UploadInProgress(RetryableAudioError):
    """The same bytes are being stored at this moment by another request."""

    code = "upload_in_progress"


class StoreUnavailable(RetryableAudioError):
    """The object store did not take or give the bytes."""

    code = "store_unavailable"
    retry_after_seconds = 5


class TranscriberAway(RetryableAudioError):
    """The transcription server did not answer, or not now."""

    code = "transcriber_away"

    def __init__(self, message: str, *, retry_after_seconds: int = 5) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class EngineUnavailable(AudioError):
    """An engine of hearing that is set cannot be used: its model, its package or its key is missing, or is wrong."""

    code = "engine_unavailable"


class ModelNotFetched(AudioError):
    """A model could not be had from where models are, or not be put where it belongs."""

    code = "model_not_fetched"
