from http import HTTPStatus
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from calls import board, statuses
from calls.errors import StatusInUse, StatusNameTaken, UnknownStatus
from calls.models import CallStatus
from crm.admin.scoping import TenantScoped
from crm.api.asking import tenant_of
from crm.forms import JUST_REMOVED, RemoveStatusForm


class StatusAdminForm(forms.ModelForm[CallStatus]):
    class Meta:
        model = CallStatus
        fields = ("name", "description", "color", "position")


@admin.register(CallStatus)
class CallStatusAdmin(TenantScoped):
    """For a company's own staff. One that is deleted stays in the table, since the history of calls names it."""

    kind = "status"
    tenant_path = "tenant"
    form = StatusAdminForm
    list_display = ("name", "description", "color", "position", "is_kept")
    list_filter = ("deleted",)
    lookups = frozenset({"deleted__exact"})
    ordering = ("deleted", "position", "pk")
    sortable_by = ("position",)
    search_fields = ("name",)
    search_help_text = "A part of a status' name"

    def searched(self, request: HttpRequest, rows: QuerySet[CallStatus], term: str) -> QuerySet[CallStatus]:
        return rows.filter(name__icontains=term[:80])

    @admin.display(description="On the board", boolean=True)
    def is_kept(self, status: CallStatus) -> bool:
        return not status.deleted

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_view_permission(request, obj) and not request.user.is_superuser

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_change_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        is_kept = not (isinstance(obj, CallStatus) and obj.deleted)
        return is_kept and self.has_view_permission(request) and request.user.may("settings.manage")  # type: ignore[union-attr]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_change_permission(request, obj)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """None for many at once: of each, one has to say where its calls go."""
        return {name: action for name, action in super().get_actions(request).items() if name != "delete_selected"}

    def changeform_view(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **options)
        except (StatusNameTaken, StatusInUse, UnknownStatus) as refused:
            self.message_user(request, refused.message, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: CallStatus, form: Any, change: bool) -> None:  # noqa: FBT001
        tenant_id = tenant_of(request).pk
        if change:
            statuses.change(tenant_id, obj.pk, {name: form.cleaned_data[name] for name in form.changed_data})
        else:
            obj.pk = statuses.create(tenant_id, form.cleaned_data).pk

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Asks which status the calls get instead."""
        if not self.has_delete_permission(request):
            raise PermissionDenied
        status = self.get_object(request, unquote(object_id))
        if status is None:
            raise Http404("There is no such row that you may see.")
        if not self.has_delete_permission(request, status):
            raise PermissionDenied
        others = [one for one in statuses.of(status.tenant_id) if one.pk != status.pk]
        form = RemoveStatusForm(request.POST or None, others=others)
        if request.method == "POST" and form.is_valid() and self._removed(request, status, form):
            self.write_down(request, "removed", status)
            return redirect("admin:calls_callstatus_changelist")
        shown = {
            **self.admin_site.each_context(request),
            "title": f"Remove {status}?",
            "status": status,
            "form": form,
            "total_calls": board.counts(status.tenant_id).get(str(status.pk), 0),
        }
        self.write_down(request, "read", status)
        return TemplateResponse(request, "admin/remove_status.html", shown, status=HTTPStatus.OK)

    def _removed(self, request: HttpRequest, status: CallStatus, form: RemoveStatusForm) -> bool:
        try:
            moved = statuses.remove(request.user, status.pk, move_calls_to=form.cleaned_data["move_calls_to"])
        except StatusInUse as refused:
            form.add_error("move_calls_to", refused.message)
            return False
        except UnknownStatus:
            form.add_error("move_calls_to", JUST_REMOVED)
            return False
        self.message_user(request, f"{status} is removed; {moved} calls have moved.", messages.SUCCESS)
        return True
