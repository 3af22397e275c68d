"""What can go wrong with measurements. `config/errors.py` says what each means over HTTP."""

from collections.abc import Mapping, Sequence
from typing import ClassVar


class MetricsError(Exception):
    """`code` is stable and for programs, the message is for people, `fields` says what to mend."""

    code: ClassVar[str] = "metrics_error"

    def __init__(self, message: str, *, fields: Mapping[str, Sequence[str]] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fields = fields


class RetryableMetricsError(MetricsError):
    """Nothing is wrong with what was asked; a moment later it may work."""

    code = "metrics_unavailable"
    retry_after_seconds: ClassVar[int] = 5


class TooManySegments(MetricsError):
    """A batch of more segments than are taken at once, or of more bytes."""

    code = "too_many_segments"


class NoSegments(MetricsError):
    """A batch with nothing in it."""

    code = "no_segments"


class BucketAway(RetryableMetricsError):
    """The object store did not give or take what a backup is made of."""

    code = "bucket_unavailable"


class SegmentsAway(RetryableMetricsError):
    """Redis did not take or give segments."""

    code = "segments_unavailable"
    retry_after_seconds = 1


class NoRoomForSegments(SegmentsAway):
    """Redis has other things that it needs what is left of its memory for."""

    code = "no_room_for_segments"
    retry_after_seconds = 30


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


class UnknownAlert(MetricsError):
    code = "unknown_alert"


class UnknownAlertRule(MetricsError):
    code = "unknown_alert_rule"


class UnknownDestination(MetricsError):
    code = "unknown_destination"


class BadDestination(MetricsError):
    """Nobody can be told there: no address, or one into a private network."""

    code = "bad_destination"


class DestinationTaken(MetricsError):
    """The company has it already, or as many as it may."""

    code = "destination_taken"


class UnknownDelivery(MetricsError):
    code = "unknown_delivery"


class DeliveryBusy(MetricsError):
    """It is on its way already."""

    code = "delivery_busy"


class ArchiveDamaged(MetricsError):
    """An archived day is gone, or is not what was archived."""

    code = "archive_damaged"


class TiersDisagree(MetricsError):
    """Two tiers count the same segments differently, so that nothing may be made of them."""

    code = "tiers_disagree"


class BadQuestion(MetricsError):
    """What is asked of the tiers cannot be answered: it is no SQL that reads, or takes too much time or room."""

    code = "bad_question"


class UnknownUser(MetricsError):
    """Nothing was measured of anybody of this id."""

    code = "unknown_user"


class UnknownDubbingSession(MetricsError):
    code = "unknown_dubbing_session"


class DubbingPersonForgotten(UnknownDubbingSession):
    """Whose it would be has been erased; to whoever asks, there is no such session."""


class DubbingSessionConflict(MetricsError):
    """The id is another person's."""

    code = "dubbing_session_conflict"


class DubbingSessionEnded(MetricsError):
    """It is over, and takes nothing any more."""

    code = "dubbing_session_ended"
