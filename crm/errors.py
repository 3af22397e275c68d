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


class UnknownPerson(DeskError):
    code = "unknown_person"


class UnknownToken(DeskError):
    code = "unknown_token"


class UsernameTaken(DeskError):
    code = "username_taken"


class CompanyNameTaken(DeskError):
    code = "company_name_taken"


class LastAdmin(DeskError):
    """Nobody would be left who could manage people."""

    code = "last_admin"


class CannotSignIn(DeskError):
    """A program has no password, and whoever is deactivated is not let in."""

    code = "cannot_sign_in"


class LinkUsedUp(DeskError):
    """A sign-in link that is mistyped, too old, used, or overtaken by a sign-out everywhere."""

    code = "link_used_up"


class TokensNotAllowed(DeskError):
    """For this person at all, or on behalf of that one."""

    code = "tokens_not_allowed"


class TokenLifeOutOfBounds(DeskError):
    code = "token_life_out_of_bounds"


class TooManyTokens(DeskError):
    code = "too_many_tokens"


# --- Privacy ---


class UnknownSubject(DeskError):
    """Nobody at the company is, or was, who is to be erased, exported or kept."""

    code = "unknown_subject"


class UnknownErasure(DeskError):
    code = "unknown_erasure"


class ErasureOnHold(DeskError):
    """Nothing of theirs may be removed until a legal hold is lifted."""

    code = "erasure_on_hold"


class ErasureNotAllowed(DeskError):
    """Not as far as it is, or not by this person."""

    code = "erasure_not_allowed"


class UnknownHold(DeskError):
    code = "unknown_hold"


class UnknownExport(DeskError):
    code = "unknown_export"


class ExportNotReady(DeskError):
    """It is still being made, or has failed."""

    code = "export_not_ready"


class ExportExpired(DeskError):
    """Its archive is no more: its time is over, or it was removed."""

    code = "export_expired"


# --- What may work a moment later ---


class RetryableDeskError(DeskError):
    """Nothing is wrong with what was asked; a moment later it may work."""

    code = "tickets_unavailable"
    retry_after_seconds: int = 5


class TooManyAttempts(RetryableDeskError):
    """Signing in failed too often from here; the password was not even looked at."""

    code = "too_many_attempts"

    def __init__(self, message: str, *, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
