from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from crm import forgotten, live, people, tokens
from crm.admin.scoping import TenantScoped
from crm.errors import LastAdmin
from crm.models import Tenant, Token, User
from crm.models.people import new_seal
from crm.roles import Role
from metrics import person_keys

# Roles say who may what; groups of Django's would say it a second time, to nobody.
admin.site.unregister(Group)

# Of a person, on the cards of their calls.
_SHOWN = {"username", "first_name", "last_name", "email"}


class RunBySuperusers(TenantScoped):
    """A company's staff may look at their own rows; only who runs the site may change any."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.is_superuser


@admin.register(Tenant)
class TenantAdmin(RunBySuperusers):
    kind = "company"
    tenant_path = "pk"
    list_display = ("name", "created_at")
    sortable_by = ("name",)
    search_fields = ("name",)
    search_help_text = "Name, from its start, as it is written"

    def searched(self, request: HttpRequest, rows: QuerySet[Tenant], term: str) -> QuerySet[Tenant]:
        return rows.filter(name__startswith=term)


@admin.register(User)
class PersonAdmin(RunBySuperusers, UserAdmin[User]):
    kind = "person"
    tenant_path = "tenant"
    list_display = ("username", "email", "tenant", "role", "is_active", "last_login")
    list_filter = ("role", "is_active")
    list_select_related = ("tenant",)
    sortable_by = ("username",)
    lookups = frozenset({"role__exact", "is_active__exact", "tenant__id__exact"})
    search_fields = ("username",)
    search_help_text = "Username, from its start, as it is written; or id"
    filter_horizontal = ()
    # A list of every company there is has no end.
    autocomplete_fields = ("tenant",)
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Access", {"fields": ("tenant", "role", "is_active", "is_superuser")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("username", "usable_password", "password1", "password2", "tenant", "role")}),)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Who only looks does not see a password's hash."""
        if self.has_change_permission(request, obj):
            return super().get_fieldsets(request, obj)
        return ((None, {"fields": ("username",)}), *self.fieldsets[1:])

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """What somebody has recorded and may use stays with the company they were added to."""
        return ("tenant",) if obj is not None and obj.tenant_id is not None else ()

    def get_form(self, request: HttpRequest, obj: Any = None, *args: Any, **options: Any) -> Any:
        form = super().get_form(request, obj, *args, **options)
        if obj is None and "tenant" in form.base_fields:
            form.base_fields["tenant"].required = True
        return form

    def changeform_view(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **options)
        except LastAdmin as last:
            self.message_user(request, last.message, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Also of a password, which does not come by `save_model`."""
        live.rights_changed(obj.pk)
        return super().log_change(request, obj, message)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: Any) -> None:
        if not change:
            obj.pk = forgotten.unused_id(User, obj.tenant_id, person_keys.of_user)
        if change and not obj.is_active:
            # What was open before stays closed when they come back.
            obj.session_seal = new_seal()
        if change and "role" in form.changed_data:
            people.close_former_doors(obj, former=form.initial["role"], role=obj.role)
        if obj.role == Role.INTEGRATION:
            # A program comes with a token.
            obj.set_unusable_password()
        with people.leaving_an_admin(obj.tenant, whose="the"):
            super().save_model(request, obj, form, change)
        if change and _SHOWN & {*form.changed_data}:
            people.shown_otherwise(obj)

    def searched(self, request: HttpRequest, rows: QuerySet[User], term: str) -> QuerySet[User]:
        is_id = term.isascii() and term.isdigit() and len(term) < 19
        return rows.filter(Q(username__startswith=term) | (Q(pk=int(term)) if is_id else Q()))

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        return RunBySuperusers.lookup_allowed(self, lookup, value, request)


@admin.register(Token)
class TokenAdmin(TenantScoped):
    kind = "token"
    tenant_path = "user__tenant"
    list_display = ("name", "hint", "user", "created_at", "expires_at", "last_used_at", "revoked_at")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    search_help_text = "Username of whose it is, from its start, as it is written"
    exclude = ("digest",)
    ordering = ("-pk",)
    actions = ("revoke",)
    lookups: ClassVar = frozenset({"user__id__exact"})

    def searched(self, request: HttpRequest, rows: QuerySet[Token], term: str) -> QuerySet[Token]:
        return rows.filter(user__username__startswith=term)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_authenticated and request.user.may("people.manage"))

    @admin.action(description="Revoke at once", permissions=["revoke"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[Token]) -> None:
        for token in chosen:
            tokens.revoke(token)
            self.write_down(request, "revoked", token)
        self.message_user(request, f"{len(chosen)} revoked. Programs that carry them are refused from now on.")
