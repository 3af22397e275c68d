from contextlib import suppress
from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html

from crm import contacts
from crm.admin.scoping import TenantScoped
from crm.api.asking import tenant_of
from crm.contact_forms import ContactForm
from crm.errors import ContactTaken, UnknownContact
from crm.models import Contact


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
    fields = ("names", "phones", "emails", "identities", "calls", "created_at", "updated_at")
    readonly_fields = ("calls", "created_at", "updated_at")

    def searched(self, request: HttpRequest, rows: QuerySet[Contact], term: str) -> QuerySet[Contact]:
        return rows & contacts.search(tenant_of(request).pk, term[:255])

    @admin.display(description="Phone")
    def phone(self, contact: Contact) -> str:
        return next(iter(contact.phones), "")

    @admin.display(description="E-mail")
    def email(self, contact: Contact) -> str:
        return next(iter(contact.emails), "")

    @admin.display(description="Calls")
    def calls(self, contact: Contact) -> str:
        if contact.pk is None:
            return ""
        address = reverse("contact-page", args=[contact.pk])
        return format_html('<a href="{}">Their calls, the newest first</a>', address)

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
