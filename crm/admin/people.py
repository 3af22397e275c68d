from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from crm import tokens
from crm.admin.scoping import ForSuperusers, TenantScoped
from crm.models import Tenant, Token, User


@admin.register(Tenant)
class TenantAdmin(ForSuperusers):
    list_display = ("name", "created_at")
    search_fields = ("name",)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(User)
class PersonAdmin(ForSuperusers, UserAdmin[User]):
    list_display = ("username", "email", "tenant", "role", "is_active", "last_login")
    list_filter = ("tenant", "role", "is_active")
    list_select_related = ("tenant",)
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Access", {"fields": ("tenant", "role", "is_active", "is_superuser")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("username", "usable_password", "password1", "password2", "tenant", "role")}),)


@admin.register(Token)
class TokenAdmin(TenantScoped):
    tenant_path = "user__tenant"
    list_display = ("name", "hint", "user", "created_at", "expires_at", "last_used_at", "revoked_at")
    list_select_related = ("user",)
    search_fields = ("name", "user__username")
    exclude = ("digest",)
    actions = ("revoke",)

    @admin.action(description="Revoke at once")
    def revoke(self, request: HttpRequest, chosen: QuerySet[Token]) -> None:
        for token in chosen:
            tokens.revoke(token)
        self.message_user(request, f"{len(chosen)} revoked. Programs that carry them are refused from now on.")
