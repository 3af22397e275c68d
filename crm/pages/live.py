"""Who records now. The page is a frame; its rows come by the socket `/ws/live`."""

from typing import ClassVar

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from crm.pages import DeskPage


class LivePage(DeskPage):
    capability: ClassVar = "recordings.read_all"
    audits: ClassVar = None  # Nothing is shown yet; that somebody watches, the socket writes down.

    def get(self, request: HttpRequest) -> HttpResponse:
        return render(request, "crm/live.html", {"may_record": self.person.may("recordings.write")})
