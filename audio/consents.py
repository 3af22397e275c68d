"""Consent to being recorded: who said what, when, to which words. Kept as it was said; the latest holds."""

import uuid
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from audio import sessions
from audio.errors import ConsentRequired
from audio.models import AudioSession, RecordingConsent, RecordingPolicy
from metrics.prepared import Prepared

# What is said within so much of what was recorded counts as said before it.
CLOCKS_DIFFER_BY = timedelta(seconds=10)
_latest: Prepared[RecordingConsent] = Prepared(
    lambda session_id: RecordingConsent.objects.filter(session=session_id).order_by("-created_at", "-pk")[:1], uuid.UUID
)


def record(session: AudioSession, *, given: bool, by: str, wording: str, at: datetime | None = None) -> None:
    """Put on record what somebody said; the same again is the same as once. `at` is now when it is not told.

    Raises UnknownSession when the session has been erased.
    """
    with transaction.atomic():
        sessions.refuse_forgotten(session)
        session = sessions.lock(session)
        said_at = at or timezone.now()
        if not session.consents.filter(at=said_at, given=given).exists():
            session.consents.create(at=said_at, given=given, by=by, wording=wording)
        sessions.note_life(session)


def latest(session: AudioSession) -> RecordingConsent | None:
    """What holds now: what was told last, whatever clocks say."""
    return _latest.first(session.pk)


def refuse_without(session: AudioSession, *, captured_at: datetime | None, seconds: float) -> None:
    """Raises ConsentRequired for sound that the company does not record without consent.

    Sound that began before consent was withdrawn is taken: it was recorded rightly. `captured_at` is when the chunk
    of so many seconds was cut.
    """
    if not RecordingPolicy.of_session(session).consent_required:
        return
    consent = latest(session)
    if consent is None:
        raise ConsentRequired(
            "Your company records nobody without consent. Put it on record first, then send the chunk again."
        )
    if consent.given:
        return
    began_at = captured_at - timedelta(seconds=seconds) if captured_at else None
    if not (began_at and began_at < consent.at and _was_given_at(session, began_at)):
        raise ConsentRequired("Consent was refused or withdrawn, so what is recorded from then on is not taken.")


def _was_given_at(session: AudioSession, moment: datetime) -> bool:
    """Whether it held then, by what had been said until a little later: the clocks of two machines may differ."""
    said = session.consents.filter(at__lte=moment + CLOCKS_DIFFER_BY).order_by("-at", "-pk").first()
    return said is not None and said.given
