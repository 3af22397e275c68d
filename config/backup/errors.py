"""What can go wrong with a backup, each in a sentence for whoever runs it."""


class BackupError(Exception):
    """What was asked for cannot be done, and why; the message says what to do about it."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class AnotherRuns(BackupError):
    """Somebody else is at work in the same directory."""


class Damaged(BackupError):
    """The backup is not what it was when it was made."""
