"""What can go wrong with a call. `config/errors.py` says what each means over HTTP."""

from collections.abc import Mapping, Sequence
from typing import ClassVar


class CallError(Exception):
    """`code` is stable and for programs, the message is for people."""

    code: ClassVar[str] = "call_error"

    def __init__(self, message: str, *, fields: Mapping[str, Sequence[str]] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fields = fields


class UnknownCall(CallError):
    code = "unknown_call"


class AmbiguousCall(CallError):
    """Several companies have a call of this id."""

    code = "ambiguous_call"


class PersonForgotten(UnknownCall):
    """Somebody whom the call is about has been erased; to whoever asks, there is no such call."""


class UnknownFlag(CallError):
    """The call has no such flag, or not any more."""

    code = "unknown_flag"


class CallTaken(CallError):
    """The call holds another recording."""

    code = "call_taken"


class UnknownSegment(CallError):
    """The call has no such segment, or not any more."""

    code = "unknown_segment"


class Faulty(CallError):
    """What parses but cannot be; `fields` says where."""


class UnknownColleague(Faulty):
    """Nobody at the company has that id."""

    code = "unknown_colleague"


class UnknownStatus(CallError):
    """The company has no such status, or has deleted it."""

    code = "unknown_status"


class NotAStatus(Faulty):
    """What was given for a status is none of the company's, or not any more."""

    code = "unknown_status"


class StaleVersion(CallError):
    """Somebody else changed the call first."""

    code = "stale_version"


class CallExists(CallError):
    """The company has had a call of this id."""

    code = "call_exists"


class DuplicateCalls(CallError):
    """A company has several calls of one id, so that an index which would forbid it cannot be made."""

    code = "duplicate_calls"


class CallFull(CallError):
    """The call keeps as much of this as it may."""

    code = "call_full"


class CallTooLarge(CallError):
    """More than one document holds."""

    code = "call_too_large"


class MalformedCall(CallError):
    """An older program wrote the call, without what every call has; nothing can be written to it."""

    code = "malformed_call"


class BadSegments(Faulty):
    """Segments that cannot be: backwards in time, endless, twice."""

    code = "bad_segments"


class StatusInUse(CallError):
    """Calls have the status; they need another one before it can go."""

    code = "status_in_use"


class StatusNameTaken(CallError):
    code = "status_name_taken"


class RetryableCallError(CallError):
    """Nothing is wrong with what was asked; a moment later it may work."""

    code = "calls_unavailable"
    retry_after_seconds: ClassVar[int] = 5


class EmbedderAway(RetryableCallError):
    """What makes vectors of texts is out of reach, or not what the settings say."""

    code = "embedder_unavailable"


class BadText(CallError):
    """A text that no vector can be made of."""

    code = "bad_text"


class IntakeFull(RetryableCallError):
    """As many conversations wait as may."""

    code = "intake_full"


class IntakeAway(RetryableCallError):
    """The Redis that conversations wait in does not answer."""

    code = "intake_away"


class UnknownConversation(CallError):
    """No conversation of this id has been sent, or it is another company's."""

    code = "unknown_conversation"


class BadTranscript(Faulty):
    """A conversation cannot be taken as it was sent; `fields` says what to mend."""

    code = "bad_transcript"
