"""What can go wrong with a call. `config/errors.py` says what each means over HTTP."""

from typing import ClassVar


class CallError(Exception):
    """`code` is stable and for programs, the message is for people."""

    code: ClassVar[str] = "call_error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.fields = None


class UnknownCall(CallError):
    code = "unknown_call"


class PersonForgotten(UnknownCall):
    """Somebody whom the call is about has been erased; to whoever asks, there is no such call."""


class UnknownFlag(CallError):
    """The call has no such flag, or not any more."""

    code = "unknown_flag"


class CallTaken(CallError):
    """The call holds another recording."""

    code = "call_taken"


class RetryableCallError(CallError):
    """Nothing is wrong with what was asked; a moment later it may work."""

    code = "calls_unavailable"
    retry_after_seconds: ClassVar[int] = 5
