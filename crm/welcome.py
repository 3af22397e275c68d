"""Sign-in links: whoever has one chooses a password with it, once and within three days.

They are how somebody new gets in, and whoever has forgotten their password: no admin ever knows one.
"""

from datetime import timedelta

from django.conf import settings
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.db import transaction
from django.urls import reverse
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from crm import passwords
from crm.errors import CannotSignIn, LinkUsedUp
from crm.models import User
from crm.roles import Role

LIFE = timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)


class _Links(PasswordResetTokenGenerator):
    """Django's own, void also after a sign-out everywhere or a deactivation."""

    key_salt = "crm.welcome"

    def _make_hash_value(self, user: User, timestamp: int) -> str:
        return super()._make_hash_value(user, timestamp) + user.session_seal


_links = _Links()


def link_for(person: User) -> str:
    """The address where this person chooses a password. Raises CannotSignIn for programs and the deactivated."""
    if person.role == Role.INTEGRATION:
        raise CannotSignIn("An integration is a program: it comes with a token and has no password.")
    if not person.is_active:
        raise CannotSignIn("This person is deactivated. Activate them first.")
    uid = urlsafe_base64_encode(str(person.pk).encode())
    return settings.EARSHOT_URL.rstrip("/") + reverse("welcome", args=[uid, _links.make_token(person)])


def person_behind(uid: str, token: str) -> User:
    """Whose link this is. Raises LinkUsedUp."""
    return _read(uid, token, lock=False)


def choose_password(uid: str, token: str, new_password: str) -> User:
    """Set the password; the link is worth nothing afterwards. Raises LinkUsedUp, and ValidationError for a weak one."""
    with transaction.atomic():
        # Of two who follow the same link at once, the second finds it used.
        person = _read(uid, token, lock=True)
        passwords.change(person, new_password)
    return person


def _read(uid: str, token: str, *, lock: bool) -> User:
    try:
        person_id = int(urlsafe_base64_decode(uid[:32]))
    except (ValueError, UnicodeError):
        person_id = 0
    people = User.objects.filter(is_active=True).exclude(role=Role.INTEGRATION)
    if lock:
        people = people.select_for_update()
    person = people.filter(pk=person_id).first() if 0 < person_id < 2**63 else None
    if person is None or not _links.check_token(person, token):
        raise LinkUsedUp("This link has been used, has expired or is not complete.")
    return person
