"""The form for a contact, of lists with an entry a line; the admin and the desk's page both ask with it."""

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator

from calls.phone_numbers import is_phone
from crm import contacts
from crm.contacts import Identity
from crm.models import Contact

_LONGEST_LINE = 320


class LinesField(forms.CharField):
    """A list, one entry a line."""

    def __init__(self, *, most: int, help_text: str, label: str | None = None) -> None:
        self.most = most
        super().__init__(
            label=label,
            required=False,
            max_length=most * _LONGEST_LINE,
            strip=False,
            widget=forms.Textarea({"rows": 3, "dir": "auto", "class": "vLargeTextField"}),
            help_text=help_text,
        )

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether a line has; browsers end them as they like."""
        shown: str = self.prepare_value(initial or "")
        return shown.splitlines() != (data or "").splitlines()

    def clean(self, value: Any) -> list[str]:
        """The lines as they stand in the field, but for empty ones."""
        lines = [line for line in super().clean(value).splitlines() if line.strip()]
        if len(lines) > self.most:
            raise ValidationError(f"At most {self.most} lines.")
        return lines


class ContactForm(forms.ModelForm[Contact]):
    """Whatever nobody touched stays as it is kept, also where it came over REST and lines cannot say it."""

    names = LinesField(most=contacts.MOST_NAMES, help_text="One a line.")
    phones = LinesField(most=contacts.MOST_PHONES, help_text="One a line, as people write it.")
    emails = LinesField(label="E-mails", most=contacts.MOST_EMAILS, help_text="One a line.")
    identities = LinesField(
        label="Ids on platforms",
        most=contacts.MOST_IDENTITIES,
        help_text="What platforms call this customer: a platform, a space and the id there, one pair a line.",
    )

    class Meta:
        model = Contact
        fields: ClassVar[list[str]] = []

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.kept: dict[str, Identity] = {}
        if self.instance.pk:
            kept = self.instance
            for one in kept.identities.all():
                self.kept[f"{one.platform} {one.external_user_id}"] = Identity(one.platform, one.external_user_id)
            self.initial.update(names=kept.names, phones=kept.phones, emails=kept.emails, identities=[*self.kept])

    def clean_names(self) -> list[str]:
        return self._typed("names", lambda name: len(name) <= 255, "is too long")

    def clean_phones(self) -> list[str]:
        return self._typed("phones", is_phone, "is not a phone")

    def clean_emails(self) -> list[str]:
        return self._typed("emails", is_email, "is not an e-mail address")

    def clean_identities(self) -> list[Identity]:
        if "identities" not in self.changed_data:
            return [*self.kept.values()]
        if any(len(line.splitlines()) > 1 for line in self.kept):
            raise ValidationError("One of the ids has a line break in it: change them over REST.")
        lines = self._typed("identities", self._is_identity, "is not a platform, a space and an id")
        return [self.kept.get(line) or identity_in(line) for line in lines]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if not self.errors and not any(given.values()):
            raise ValidationError("Give at least a name, a phone, an e-mail or an identity.")
        return given

    def _typed(self, field: str, is_right: Callable[[str], bool], wrong: str) -> list[str]:
        if field not in self.changed_data:
            kept: list[str] = self.initial.get(field, [])
            return kept
        # Only a line that is new may have spaces around it by mistake.
        lines = [line if line in self.kept else line.strip() for line in self.cleaned_data[field]]
        for line in lines:
            if not is_right(line):
                raise ValidationError(f"{line[:64]} {wrong}.")
        return lines

    def _is_identity(self, line: str) -> bool:
        identity = self.kept.get(line) or identity_in(line)
        is_word = len(identity.platform.split()) == 1 or line in self.kept
        return is_word and len(identity.platform) <= 64 and 0 < len(identity.external_user_id) <= 255


def identity_in(line: str) -> Identity:
    platform, _, external_user_id = line.partition(" ")
    return Identity(platform, external_user_id.strip())


def is_email(text: str) -> bool:
    try:
        EmailValidator()(text)
    except ValidationError:
        return False
    return len(text) <= 254
