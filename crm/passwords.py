"""Passwords: the rules for new ones, which hold wherever one is chosen, and changing one's own."""

from django.contrib.auth.password_validation import password_validators_help_texts, validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.functional import Promise

from crm import live
from crm.models import User

# Longer than anything a password manager makes; beyond it only work for the server.
LONGEST = 256


class LengthLimit:
    """The validator for settings: at most 256 characters."""

    def validate(self, password: str, user: User | None = None) -> None:
        if len(password) > LONGEST:
            raise ValidationError(f"This password is too long: at most {LONGEST} characters.", code="password_too_long")

    def get_help_text(self) -> str:
        return f"Your password can have at most {LONGEST} characters."


def rules() -> list[str | Promise]:
    """What a new password has to be, a sentence each."""
    return list(password_validators_help_texts())


def change(person: User, new_password: str) -> None:
    """Give somebody a new password; every browser session that the old one opened ends.

    Raises ValidationError when the password is against the rules.
    """
    validate_password(new_password, person)
    with transaction.atomic():
        person.set_password(new_password)
        person.save(update_fields=["password"])
        live.rights_changed(person.pk)
