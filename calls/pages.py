from typing import Any, cast

from django.views.generic import TemplateView

from calls import statuses
from calls.queries import LONGEST_QUERY


class SearchPage(TemplateView):
    """The search. What it finds it asks the API for; filters and what was typed stand in its address."""

    capability = "calls.read"
    audits = None  # Nothing is shown yet; what is searched for, the API writes down.
    template_name = "calls/search.html"

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        typed = self.request.GET.get("q", "").replace("\0", "")[:LONGEST_QUERY]
        theirs = statuses.of(cast("Any", self.request.user).tenant_id)
        return super().get_context_data(
            typed=typed,
            longest_query=LONGEST_QUERY,
            statuses=[{"value": str(status.pk), "name": status.name} for status in theirs],
            **context,
        )
