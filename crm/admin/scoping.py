from typing import Any, ClassVar, cast

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from crm.admin.paging import BoundedPaginator
from crm.models import User


class Quick(admin.ModelAdmin[Any]):
    """A list that costs the same however long its table is: bounded count, indexed order, filters and search."""

    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    # Only what an index is in the order of.
    sortable_by: ClassVar[tuple[str, ...]] = ()
    # The lookups that an address may hold. Any other is refused: it could ask about rows that are not to be seen
    # here, or read a table from end to end.
    lookups: ClassVar[frozenset[str]] = frozenset()

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        return lookup in self.lookups and "\0" not in str(value)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """The second value says whether a row may come twice: never."""
        term = search_term.strip()
        return (self.searched(request, queryset, term) if term else queryset), False

    def searched(self, request: HttpRequest, rows: QuerySet[Any], term: str) -> QuerySet[Any]:
        """Those of the rows that somebody means who types the term; along an index."""
        return rows


class TenantScoped(Quick):
    """Shows the rows of the viewer's tenant, and all of them to superusers; by default only to be looked at."""

    audits: ClassVar = {"GET": "row.read", "POST": "row.changed"}
    # The lookup from a row to its tenant's id.
    tenant_path: ClassVar[str]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        if request.user.is_superuser:
            return rows
        viewer = cast("User", request.user)
        return rows.filter(**{self.tenant_path: viewer.tenant_id})

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.is_authenticated and request.user.may("admin.use"))

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ForSuperusers(Quick):
    """What concerns the whole site: tenants, who is in them, and what is done when."""

    audits: ClassVar = {"GET": "row.read", "POST": "row.changed"}

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.is_superuser

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.is_superuser
