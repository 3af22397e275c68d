"""Bearer tokens: issued once, looked up by digest, revoked."""

import secrets
from datetime import timedelta

from django.utils import timezone

from crm.models import Token, User, digest_of

PREFIX = "ear_"  # Lets secret scanners and people recognise one.
DEFAULT_LIFETIME = timedelta(days=90)
# `last_used_at` is for people who tidy up; written at most this often, so that reading stays reading.
LAST_USED_PRECISION = timedelta(minutes=5)


def issue(user: User, *, name: str, lifetime: timedelta = DEFAULT_LIFETIME) -> str:
    """Make a token and return its secret, which cannot be shown again."""
    secret = PREFIX + secrets.token_urlsafe(32)
    Token.objects.create(
        user=user,
        name=name,
        digest=digest_of(secret),
        hint=secret[-4:],
        expires_at=timezone.now() + lifetime,
    )
    return secret


def find(secret: str) -> Token | None:
    """The usable token with this secret: neither expired nor revoked, of an active user."""
    now = timezone.now()
    token = Token.objects.for_secret(secret).usable(at=now).select_related("user__tenant").first()
    if token is None:
        return None
    if token.last_used_at is None or now - token.last_used_at > LAST_USED_PRECISION:
        Token.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


def revoke(token: Token) -> None:
    """End a token at once; again is the same as once."""
    Token.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now())
