"""Bearer tokens: issued once, looked up by digest, revoked."""

import secrets
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from crm import live, people
from crm.errors import TokenLifeOutOfBounds, TokensNotAllowed, TooManyTokens, UnknownPerson, UnknownToken
from crm.models import AccessPolicy, Tenant, Token, User, digest_of
from crm.roles import Role
from metrics.prepared import Prepared

PREFIX = "ear_"  # Lets secret scanners and people recognise one.
DEFAULT_LIFETIME = timedelta(days=90)
# More than anybody has programs; a loop that makes one a second is stopped.
MOST_USABLE = 100
# `last_used_at` is for people who tidy up; written at most this often, so that reading stays reading.
LAST_USED_PRECISION = timedelta(minutes=5)
# Asked at every request of a program.
_usable: Prepared[Token] = Prepared(
    lambda digest, at: (
        Token.objects.usable(at=at).filter(digest=digest).order_by().select_related("user__tenant__access_policy")
    ),
    str,
    datetime,
)


def issue(user: User, *, name: str, lifetime: timedelta = DEFAULT_LIFETIME) -> str:
    """Make a token and return its secret, which cannot be shown again. No token outlives what its company allows."""
    _, secret = _make(user, name=name, lifetime=min(lifetime, AccessPolicy.of(user.tenant).longest_token_life))
    return secret


def make(maker: User, owner: User, *, name: str, days: int | None = None) -> tuple[Token, str]:
    """A token and its secret, for oneself or for a program of one's company.

    Raises TokensNotAllowed when the company keeps agents from it, TokenLifeOutOfBounds for more days than it allows,
    TooManyTokens. Without `days`, 90 or as many as are allowed.
    """
    policy = AccessPolicy.of(owner.tenant)
    if not may_make(maker):
        raise TokensNotAllowed("Your company does not let agents make tokens. Ask an admin for one.")
    if days is None:
        days = min(DEFAULT_LIFETIME.days, policy.longest_token_days)
    if not 1 <= days <= policy.longest_token_days:
        bounds = f"From 1 to {policy.longest_token_days} days."
        raise TokenLifeOutOfBounds(f"A token of your company lives {bounds.lower()}", fields={"days": [bounds]})
    with transaction.atomic():
        # Counted and made under a lock, so that many requests at once stay under the limit too.
        User.objects.select_for_update().get(pk=owner.pk)
        if Token.objects.filter(user=owner).usable(at=timezone.now()).count() >= MOST_USABLE:
            raise TooManyTokens(f"There are {MOST_USABLE} tokens already. Revoke those that nobody uses any more.")
        return _make(owner, name=name, lifetime=timedelta(days=days))


def may_make(maker: User) -> bool:
    return maker.role != Role.AGENT or AccessPolicy.of(maker.tenant).agents_may_make_tokens


def owner_for(asker: User, user_id: int | None) -> User:
    """Whose tokens somebody means: their own, or, for who manages people, those of a program of the company.

    Raises TokensNotAllowed, UnknownPerson.
    """
    if user_id is None or user_id == asker.pk:
        return asker
    if not asker.may("people.manage"):
        raise TokensNotAllowed("Only who manages people may manage the tokens of programs.")
    owner = people.find(asker, user_id)
    if owner.role != Role.INTEGRATION:
        raise UnknownPerson("There is no integration with this id in your company.")
    return owner


def find_for(asker: User, token_id: int) -> Token:
    """A token that somebody may revoke: their own, or, for who manages people, a program's. Raises UnknownToken."""
    token = Token.objects.filter(pk=token_id).select_related("user").first() if token_id <= people.HIGHEST_ID else None
    if token is not None:
        try:
            owner_for(asker, token.user_id)
            return token
        except (TokensNotAllowed, UnknownPerson):
            pass
    raise UnknownToken("You have no token with this id.")


def find(secret: str) -> Token | None:
    """The usable token with this secret: neither expired nor revoked, of an active user."""
    now = timezone.now()
    token = _usable.first(digest_of(secret), now)
    if token is None:
        return None
    if token.last_used_at is None or now - token.last_used_at > LAST_USED_PRECISION:
        Token.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


def revoke(token: Token) -> None:
    """End a token at once; again is the same as once."""
    if Token.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()):
        live.rights_changed(token.user_id)


def shorten(tenant: Tenant) -> None:
    """Let no token of a company live longer than it allows by now.

    Nobody is told: a request is refused at once, a socket that an ended token opened is closed within
    EARSHOT_RIGHTS_SECONDS.
    """
    longest = AccessPolicy.of(tenant).longest_token_life
    too_long = Token.objects.filter(user__tenant=tenant, expires_at__gt=F("created_at") + longest)
    too_long.update(expires_at=F("created_at") + longest)


def _make(user: User, *, name: str, lifetime: timedelta) -> tuple[Token, str]:
    secret = PREFIX + secrets.token_urlsafe(32)
    token = Token.objects.create(
        user=user,
        name=name,
        digest=digest_of(secret),
        hint=secret[-4:],
        expires_at=timezone.now() + lifetime,
    )
    return token, secret
