"""Signing in with a password, slowed down for whoever guesses.

Failures are counted for a name at an address and for an address as a whole, in windows that begin with the first one.
An attempt is counted before its password is looked at, so that a hundred at once are no better than one after
another; a success takes its own count back. A colleague elsewhere is never locked out by a stranger's guesses.

The counts live in PostgreSQL, where signing in has to ask anyway, and hold for every process.
"""

import ipaddress
from datetime import datetime, timedelta
from importlib import import_module
from math import ceil

import structlog
from django.conf import settings
from django.contrib.auth import authenticate
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac

from crm.errors import TooManyAttempts
from crm.models import SignInFailures, User

log = structlog.get_logger("earshot.sign_in")

# Who has one IPv6 address has this many bits of them.
IPV6_NETWORK_BITS = 64


def check(request: HttpRequest, *, username: str, password: str) -> User | None:
    """Whose name and password these are; None when they are nobody's. The same for names that do not exist.

    Raises TooManyAttempts once there were too many failures, whatever the password.
    """
    address = digest(origin_of(request))
    name = digest(username)
    _count_as_failed(name, address)
    user = authenticate(request, username=username, password=password)
    if not isinstance(user, User):
        return None
    SignInFailures.objects.filter(name_digest=name, address_digest=address).delete()
    SignInFailures.objects.filter(name_digest="", address_digest=address, failures__gt=0).update(
        failures=F("failures") - 1
    )
    return user


def _count_as_failed(name: str, address: str) -> None:
    now = timezone.now()
    limits = [
        ("address", "", settings.EARSHOT_SIGN_IN_FAILURES_PER_ADDRESS),
        ("name", name, settings.EARSHOT_SIGN_IN_FAILURES),
    ]
    try:
        with transaction.atomic():
            for by, name_digest, most in limits:
                # Both rows stay locked until both are counted; a refused attempt counts for neither.
                row = _row(name_digest, address, now)
                if row.failures >= most:
                    raise _TooMany(by, until=row.began_at + _window())
                row.failures += 1
                row.save(update_fields=["failures", "began_at"])
    except _TooMany as too_many:
        log.info("sign_in_throttled", by=too_many.by)
        seconds = max(1, ceil((too_many.until - now).total_seconds()))
        raise TooManyAttempts(
            f"There were too many attempts to sign in. Try again in {_in_words(seconds)}.",
            retry_after_seconds=seconds,
        ) from None


def _row(name: str, address: str, now: datetime) -> SignInFailures:
    rows = SignInFailures.objects.select_for_update()
    row, _ = rows.get_or_create(name_digest=name, address_digest=address, defaults={"began_at": now})
    if row.began_at <= now - _window():
        row.failures, row.began_at = 0, now
    return row


class _TooMany(Exception):
    def __init__(self, by: str, *, until: datetime) -> None:
        super().__init__(by)
        self.by = by
        self.until = until


def sweep() -> None:
    """Forget failures whose window is over, and browser sessions that nobody can use any more."""
    swept, _ = SignInFailures.objects.filter(began_at__lte=timezone.now() - _window()).delete()
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
    if swept:
        log.info("sign_in_failures_swept", rows=swept)


def count(username: str) -> int:
    """How many rows count failures under a name."""
    return SignInFailures.objects.filter(name_digest=digest(username)).count()


def forget(username: str) -> int:
    """Erase what is counted under a name; how many rows that were."""
    erased, _ = SignInFailures.objects.filter(name_digest=digest(username)).delete()
    return erased


def digest(value: str) -> str:
    return salted_hmac("crm.sign_in", value, algorithm="sha256").hexdigest()


def origin_of(request: HttpRequest) -> str:
    """The address a request came from, as the web server tells it; of IPv6 the network, for that is what one has."""
    given = request.META.get("REMOTE_ADDR", "")
    try:
        address = ipaddress.ip_address(given.partition("%")[0])
    except ValueError:
        return str(given)
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, IPV6_NETWORK_BITS), strict=False))
    return str(address)


def _window() -> timedelta:
    return timedelta(seconds=settings.EARSHOT_SIGN_IN_WINDOW_SECONDS)


def _in_words(seconds: int) -> str:
    if seconds <= 60:
        return "a minute"
    return f"{ceil(seconds / 60)} minutes"
