"""What can go wrong at the desk. `config/errors.py` says what each means over HTTP."""

from typing import Any, ClassVar


class DeskError(Exception):
    """`code` is stable and for programs, the message is for people, `fields` points at what to correct."""

    code: ClassVar[str] = "desk_error"

    def __init__(self, message: str, *, fields: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fields = fields


class UnknownContact(DeskError):
    code = "unknown_contact"


class ContactTaken(DeskError):
    """Another contact of the tenant goes by one of the ids; `fields["identities"]` names them."""

    code = "contact_taken"


class RetryableDeskError(DeskError):
    """Nothing is wrong with what was asked; a moment later it may work."""

    code = "tickets_unavailable"
    retry_after_seconds: ClassVar[int] = 5
