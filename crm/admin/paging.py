from functools import cached_property
from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet

# Further than this nobody counts or turns pages; whoever looks for something older filters or searches.
MOST_COUNTED = 10_000


class BoundedPaginator(Paginator[Any]):
    """Counts only so far, so that a page of a table of millions costs what one of thousands does."""

    @cached_property
    def _seen(self) -> int:
        rows = self.object_list
        return rows.order_by()[: MOST_COUNTED + 1].count() if isinstance(rows, QuerySet) else len(rows)

    @cached_property
    def count(self) -> int:
        return min(self._seen, MOST_COUNTED)

    @property
    def counted(self) -> str:
        """The count in words: "10,000+" when there are more."""
        return f"{MOST_COUNTED:,}+" if self._seen > MOST_COUNTED else f"{self._seen:,}"
