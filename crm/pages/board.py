"""The board of calls: a column for each status."""

from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers

from calls import statuses
from crm.models import User
from crm.pages import DeskPage

# Whom the filters offer. Of a larger company, the others can be asked for by their number in the address alone.
MOST_PEOPLE = 2000


class BoardPage(DeskPage):
    """The columns, still without their cards: those the page asks the API for, which writes down who sees them."""

    capability: ClassVar = "calls.read"
    audits: ClassVar = None

    def get(self, request: HttpRequest) -> HttpResponse:
        response = render(
            request,
            "crm/board.html",
            {
                "columns": statuses.of(self.tenant.pk),
                "people": self._people(),
                "sees_all": self.person.may("calls.read_all"),
                "may_record": self.person.may("recordings.write"),
                "may_manage": self.person.may("settings.manage"),
            },
        )
        add_never_cache_headers(response)
        return response

    def _people(self) -> list[dict[str, Any]]:
        """Oneself alone for who may not read who works here."""
        people = User.objects.of(self.tenant.pk).filter(is_active=True)
        if not self.person.may("people.read"):
            people = people.filter(pk=self.person.pk)
        named = sorted(
            people.order_by("first_name", "last_name", "username")[:MOST_PEOPLE],
            key=lambda person: str(person).casefold(),
        )
        return [{"id": person.pk, "name": str(person)} for person in named]
