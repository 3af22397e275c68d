"""What can go wrong with measurements. `config/errors.py` says what each means over HTTP."""

from typing import ClassVar


class MetricsError(Exception):
    """`code` is stable and for programs, the message is for people."""

    code: ClassVar[str] = "metrics_error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.fields = None


class RetryableMetricsError(MetricsError):
    """Nothing is wrong with what was asked; a moment later it may work."""

    code = "metrics_unavailable"
    retry_after_seconds: ClassVar[int] = 5


class BadPersonKey(MetricsError):
    """No person can be named so: of no known kind, empty, or too long."""

    code = "bad_person_key"


class ArchiveConflict(MetricsError):
    """The archive holds something else under this name, and what is archived is not changed."""

    code = "archive_conflict"


class ArchiveUnavailable(RetryableMetricsError):
    """The archive did not take or give what was asked."""

    code = "archive_unavailable"


class KeyringLost(RetryableMetricsError):
    """The archive has no root secret, or another than this database was filled with.

    It is the wrong archive, or it was emptied. Every digest would be another one and nobody would be found forgotten,
    so nothing is answered until the right one is back.
    """

    code = "keyring_lost"
