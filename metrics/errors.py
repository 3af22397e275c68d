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
