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
from crm.errors import ContactTaken
from crm.models import Contact

_LONGEST_LINE = 320


class LinesField(forms.CharField):
    """A list, one entry a line."""

    def __init__(self, *, most: int, help_text: str) -> None:
        self.most = most
        super().__init__(
            required=False,
            max_length=most * _LONGEST_LINE,
            widget=forms.Textarea({"rows": 3, "class": "vLargeTextField"}),
            help_text=help_text,
        )

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        lines = [line.strip() for line in super().clean(value).splitlines() if line.strip()]
        if len(lines) > self.most:
            raise ValidationError(f"At most {self.most} lines.")
        return lines


class ContactForm(forms.ModelForm[Contact]):
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
        if self.instance.pk:
            kept = self.instance
            identities = [f"{one.platform} {one.external_user_id}" for one in kept.identities.all()]
            self.initial.update(names=kept.names, phones=kept.phones, emails=kept.emails, identities=identities)

    def clean_names(self) -> list[str]:
        return self._each("names", lambda name: len(name) <= 255, "is too long")

    def clean_phones(self) -> list[str]:
        return self._each("phones", lambda phone: len(phone) <= 64 and contacts.is_phone(phone), "is not a phone")

    def clean_emails(self) -> list[str]:
        for email in self.cleaned_data["emails"]:
            EmailValidator(f"{email} is not an e-mail address.")(email)
        return self._each("emails", lambda email: len(email) <= 254, "is too long")

    def clean_identities(self) -> list[Identity]:
        lines = self._each("identities", is_pair, "is not a platform, a space and an id")
        return [Identity(*line.split(maxsplit=1)) for line in lines]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if not self.errors and not any(given.values()):
            raise ValidationError("Give at least a name, a phone, an e-mail or an identity.")
        return given

    def _each(self, field: str, is_right: Any, wrong: str) -> list[str]:
        lines: list[str] = self.cleaned_data[field]
        for line in lines:
            if not is_right(line):
                raise ValidationError(f"{line[:64]} {wrong}.")
        return lines


def is_pair(line: str) -> bool:
    platform, _, identity = line.partition(" ")
    return 0 < len(platform) <= 64 and 0 < len(identity.strip()) <= 255


@admin.register(Contact)
class ContactAdmin(TenantScoped):
    """For a tenant's own staff: a superuser has no tenant whose customers these would be."""

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
        given = {name: form.cleaned_data[name] for name in ("names", "phones", "emails", "identities")}
        if change:
            contacts.change(tenant_of(request).pk, obj.pk, given)
        else:
            obj.pk = contacts.create(tenant_of(request).pk, **given).pk
