from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, ClassVar, cast

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse

from crm.admin.paging import BoundedPaginator
from crm.audit import acts
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
    # What its rows are called in the audit log, which takes the place of the admin's own: that one would keep names.
    kind: ClassVar[str]

    def subject_of(self, row: Any) -> str:
        return f"{self.kind}:{row.pk}"

    def write_down(self, request: HttpRequest, done: str, row: Model | None = None) -> None:
        """Say in the audit log that this was done, to a row or to all that a list shows."""
        self.write_down_about(request, done, self.subject_of(row) if row is not None else "")

    def write_down_about(self, request: HttpRequest, done: str, subject: str) -> None:
        acts.write(f"{self.kind}.{done}", actor=cast("User", request.user), subject=subject, via="admin")

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self.write_down(request, "made", obj)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self.write_down(request, "changed", obj)

    def log_deletions(self, request: HttpRequest, queryset: Iterable[Any]) -> Any:
        for row in queryset:
            self.write_down(request, "removed", row)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        response = super().changelist_view(request, extra_context)
        # Also as the question whether those chosen are to be deleted.
        if response.status_code == HTTPStatus.OK:
            self.write_down(request, "listed")
        return response

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **options: Any) -> HttpResponse:
        return self._with_reading_written_down(
            request, object_id, super().change_view(request, object_id, *args, **options)
        )

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        return self._with_reading_written_down(
            request, object_id, super().delete_view(request, object_id, extra_context)
        )

    def _with_reading_written_down(self, request: HttpRequest, object_id: str, response: HttpResponse) -> HttpResponse:
        """A page about a row shows it, also with a form that was wrong; one that leads elsewhere does not."""
        row = self.get_object(request, unquote(object_id)) if response.status_code == HTTPStatus.OK else None
        if row is not None:
            self.write_down(request, "read", row)
        return response

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> HttpResponse:
        """What Django answers for a row that is not there, or not to be seen: by itself the front page, as if well."""
        raise Http404("There is no such row that you may see.")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Nothing is filled in by an address."""
        return {}

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        raise Http404("The audit log tells what was done.")

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        return lookup in self.lookups and "\0" not in str(value)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """The second value says whether a row may come twice: never."""
        term = search_term.replace("\0", "").strip()
        return (self.searched(request, queryset, term) if term else queryset), False

    def searched(self, request: HttpRequest, rows: QuerySet[Any], term: str) -> QuerySet[Any]:
        """Those of the rows that somebody means who types the term; along an index."""
        return rows


class TenantScoped(Quick):
    """Shows the rows of the viewer's tenant, and all of them to superusers; by default only to be looked at."""

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
