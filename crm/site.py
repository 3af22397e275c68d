from django.contrib import admin
from django.http import HttpRequest

from crm.models import User


class DeskSite(admin.AdminSite):
    """The one admin site. It stands beside `crm.admin` because that package registers on it while it is imported."""

    site_header = "Earshot"
    site_title = "Earshot"
    index_title = "Administration"

    def has_permission(self, request: HttpRequest) -> bool:
        return isinstance(request.user, User) and request.user.may("admin.use")
