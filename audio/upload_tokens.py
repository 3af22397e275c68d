"""The upload token: lets a recorder go on with one recording after its cookie has expired or its laptop has slept.

It is good for a quarter of an hour, and for a day it can be exchanged for a fresh one, also once it has expired. It
opens nothing but its own recording, and it ends when its user is deactivated, signs out everywhere or takes a new
password. Nothing is stored: it is signed, and what it says is looked at anew each time.
"""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core import signing
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from audio import sessions
from audio.models import AudioSession
from metrics.prepared import Prepared

PREFIX = "up_"  # Lets people and secret scanners recognise one.
LIFE = timedelta(minutes=15)
RENEWABLE = timedelta(hours=24)
_SALT = "audio.upload_tokens"
# Of the user's session hash, so much tells one from another.
_SEAL_CHARACTERS = 16
_active_user: Prepared[Any] = Prepared(
    lambda user_id: get_user_model()._default_manager.select_related("tenant").filter(pk=user_id, is_active=True), int
)


@dataclass(frozen=True, slots=True)
class UploadToken:
    """`first_issued_at` is when the first in a row of renewed ones was made, which bounds them all."""

    secret: str
    session_id: uuid.UUID
    first_issued_at: datetime
    issued_at: datetime

    @property
    def expires_at(self) -> datetime:
        return self.issued_at + LIFE

    @property
    def renewable_until(self) -> datetime:
        return self.first_issued_at + RENEWABLE


def issue(user: Any, session: AudioSession, *, first_issued_at: datetime | None = None) -> UploadToken:
    """A token for this user and recording; `first_issued_at` when it takes the place of an older one.

    Raises PersonForgotten when the recording takes nothing in any more.
    """
    sessions.refuse_forgotten(session)
    now = timezone.now().replace(microsecond=0)
    first = first_issued_at or now
    told = [str(session.pk), user.pk, int(first.timestamp()), int(now.timestamp()), _seal_of(user)]
    secret = PREFIX + signing.Signer(salt=_SALT).sign_object(told)
    return UploadToken(secret, session.pk, first, now)


def read(secret: str, *, also_expired: bool = False) -> tuple[Any, UploadToken] | None:
    """The user and the token; None for one that is not ours, is over or whose user has lost it.

    `also_expired` takes one that can still be renewed.
    """
    try:
        told = signing.Signer(salt=_SALT).unsign_object(secret.removeprefix(PREFIX))
        session_id, user_id, first, issued, seal = told
        token = UploadToken(
            secret, uuid.UUID(session_id), datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(issued, UTC)
        )
    except (signing.BadSignature, ValueError, TypeError):
        return None
    if timezone.now() > (token.renewable_until if also_expired else token.expires_at):
        return None
    user = _active_user.first(user_id)
    if user is None or not constant_time_compare(seal, _seal_of(user)):
        return None
    return user, token


def _seal_of(user: Any) -> str:
    return str(user.get_session_auth_hash())[:_SEAL_CHARACTERS]
