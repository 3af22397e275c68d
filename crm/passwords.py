"""Passwords: the rules for new ones, which hold wherever one is chosen, and changing one's own."""

from django.contrib.auth.password_validation import (
    CommonPasswordValidator,
    MinimumLengthValidator,
    UserAttributeSimilarityValidator,
    password_validators_help_texts,
    validate_password,
)
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.functional import Promise

from crm import live
from crm.models import User

# Longer than anything a password manager makes; beyond it only work for the server.
LONGEST = 256


class NotOnesOwnName(UserAttributeSimilarityValidator):
    """Django's, in our words."""

    def get_error_message(self) -> str:
        return "This password is too much like the %(verbose_name)s."

    def get_help_text(self) -> str:
        return "Nothing like your own name, username or e-mail address."


class LongEnough(MinimumLengthValidator):
    """Django's, in our words."""

    def get_error_message(self) -> str:
        return f"This password is too short: at least {self.min_length} characters."

    def get_help_text(self) -> str:
        return f"At least {self.min_length} characters; a few words in a row are easy to keep in mind."


class NotCommon(CommonPasswordValidator):
    """Django's, in our words."""

    def get_error_message(self) -> str:
        return "This password is on the list of those that everybody tries first."

    def get_help_text(self) -> str:
        return "None that everybody tries first."


class LengthLimit:
    """The validator for settings: at most 256 characters."""

    def validate(self, password: str, user: User | None = None) -> None:
        if len(password) > LONGEST:
            raise ValidationError(f"This password is too long: at most {LONGEST} characters.", code="password_too_long")

    def get_help_text(self) -> str:
        return f"At most {LONGEST} characters."


def rules() -> list[str | Promise]:
    """What a new password has to be, a line each."""
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
