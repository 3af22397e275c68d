from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from crm import contacts
from crm.admin.scoping import TenantScoped
from crm.api.asking import tenant_of
from crm.contacts import Identity
from crm.errors import ContactTaken, UnknownContact
from crm.models import Contact

_LONGEST_LINE = 320


class LinesField(forms.CharField):
    """A list, one entry a line."""

    def __init__(self, *, most: int, help_text: str) -> None:
        self.most = most
        super().__init__(
            required=False,
            max_length=most * _LONGEST_LINE,
            strip=False,
            widget=forms.Textarea({"rows": 3, "class": "vLargeTextField"}),
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
    emails = LinesField(most=contacts.MOST_EMAILS, help_text="One a line.")
    identities = LinesField(
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
        return self._typed("phones", lambda phone: len(phone) <= 64 and contacts.is_phone(phone), "is not a phone")

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


@admin.register(Contact)
class ContactAdmin(TenantScoped):
    """For a tenant's own staff: a superuser has no tenant whose customers these would be."""

    kind = "contact"
    tenant_path = "tenant"
    form = ContactForm
    list_display = ("__str__", "phone", "email", "created_at")
    list_filter = ("created_at",)
    sortable_by = ("created_at",)
    lookups = frozenset({"created_at__gte", "created_at__lt"})
    search_fields = ("id",)
    search_help_text = "A word of a name, an e-mail or a phone, from its start; or what a platform calls the customer"
    fields = ("names", "phones", "emails", "identities", "created_at", "updated_at")
    readonly_fields = ("created_at", "updated_at")

    def searched(self, request: HttpRequest, rows: QuerySet[Contact], term: str) -> QuerySet[Contact]:
        return rows & contacts.search(tenant_of(request).pk, term[:255])

    @admin.display(description="Phone")
    def phone(self, contact: Contact) -> str:
        return next(iter(contact.phones), "")

    @admin.display(description="E-mail")
    def email(self, contact: Contact) -> str:
        return next(iter(contact.emails), "")

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_view_permission(request, obj) and not request.user.is_superuser

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_change_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_view_permission(request) and request.user.may("contacts.write")  # type: ignore[union-attr]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_change_permission(request)

    def changeform_view(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **options)
        except ContactTaken as taken:
            whose = ", ".join((taken.fields or {}).get("identities", []))
            self.message_user(request, f"{taken.message} ({whose})", messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Contact, form: Any, change: bool) -> None:  # noqa: FBT001
        tenant_id = tenant_of(request).pk
        if change:
            contacts.change(tenant_id, obj.pk, {name: form.cleaned_data[name] for name in form.changed_data})
        else:
            obj.pk = contacts.create(tenant_id, **form.cleaned_data).pk

    def delete_model(self, request: HttpRequest, obj: Contact) -> None:
        contacts.remove(tenant_of(request).pk, obj.pk)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Contact]) -> None:
        for contact_id in queryset.values_list("pk", flat=True):
            # Somebody else may have been quicker.
            with suppress(UnknownContact):
                contacts.remove(tenant_of(request).pk, contact_id)
