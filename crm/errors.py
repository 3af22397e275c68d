"""What can go wrong at the desk. `config/errors.py` says what each means over HTTP."""

from typing import ClassVar


class DeskError(Exception):
    """`code` is stable and for programs, the message is for people."""

    code: ClassVar[str] = "desk_error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.fields = None


class RetryableDeskError(DeskError):
    """Nothing is wrong with what was asked; a moment later it may work."""

    code = "tickets_unavailable"
    retry_after_seconds: ClassVar[int] = 5
