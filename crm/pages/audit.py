"""The audit log for people: what was done, day by day, and whether it is as it was sealed."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.dateparse import parse_datetime
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from crm.audit import naming, reading, verifying, words
from crm.audit.exporting import Format
from crm.audit.naming import Names
from crm.audit.reading import Asked
from crm.models import User
from crm.pages import DeskPage
from crm.pagination import NewestFirst

ON_A_PAGE: Final = 100
# Of more people whoever is looked for is clicked on in the log, or named in the address.
MOST_PEOPLE: Final = 1000
# Who looks through the log turns many pages; that is one reading.
ONE_READING: Final = timedelta(minutes=10)
_EARLIEST_YEAR, _LATEST_YEAR = 1970, 2999
# What somebody may look for by its id.
_THINGS: Final = ("recording", "call", "person", "contact", "token", "conversation", "erasure", "hold", "person_export")


class _Paging(NewestFirst):
    ordering = ("-at", "-pk")
    page_size = ON_A_PAGE

    def get_page_size(self, request: Request) -> int:
        return self.page_size


class FiltersForm(forms.Form):
    """The filters as the address has them; `kind` and `id` are how a form gives `about`."""

    act = forms.CharField(max_length=64, required=False)
    who = forms.CharField(max_length=64, required=False)
    about = forms.CharField(max_length=reading.LONGEST_ABOUT, required=False)
    kind = forms.CharField(max_length=32, required=False)
    id = forms.CharField(max_length=255, required=False)
    via = forms.CharField(max_length=16, required=False)
    since = forms.DateField(required=False)
    until = forms.DateField(required=False)

    def filters(self) -> dict[str, str]:
        """Those that can be told, as an address has them; what makes no sense asks for nothing."""
        self.full_clean()
        given = dict(self.cleaned_data)
        if given.get("kind") and given.get("id"):
            given["about"] = f"{given['kind']}:{given['id'].strip()}"
        known = {
            "act": given.get("act") in {*words.KINDS, *words.all_acts()},
            "who": reading.is_actor(given.get("who") or ""),
            "about": reading.is_subject(given.get("about") or ""),
            "via": given.get("via") in words.DOORS,
            "since": _is_a_day(given.get("since")),
            "until": _is_a_day(given.get("until")),
        }
        return {name: str(given[name]) for name, makes_sense in known.items() if makes_sense}


class AuditPage(DeskPage):
    capability: ClassVar = "audit.read"
    audits: ClassVar = {"GET": "audit.read"}
    same_act_for = ONE_READING

    def get(self, request: HttpRequest) -> HttpResponse:
        form = FiltersForm(request.GET)
        filters = form.filters()
        if request.GET.get("kind") or request.GET.get("id"):
            return redirect(f"{reverse('audit-page')}?{urlencode(filters)}")
        names = Names(self.tenant.pk)
        paging = _Paging()
        try:
            found = reading.find(self.tenant.pk, _asked(filters))
            entries = paging.paginate_queryset(found, Request(request)) or []
        except NotFound as unknown:
            raise Http404(str(unknown.detail)) from unknown
        verification = verifying.standing(self.tenant.pk)
        shown = {
            "days": list(_by_day(_with_addresses(reading.told(entries, names), filters))),
            "chips": list(self._chips(filters, names)),
            "filters": filters,
            "exports": [
                (form, f"{reverse('audit-export')}?{urlencode({**_exact(filters), 'format': form})}") for form in Format
            ],
            "verification": verification,
            "verified_at": parse_datetime(verification["heard_at"]) if verification else None,
            "newer": paging.get_previous_link(),
            "older": paging.get_next_link(),
        }
        response = render(request, "crm/audit.html", shown)
        add_never_cache_headers(response)
        return response

    def _chips(self, filters: dict[str, str], names: Names) -> Iterator[dict[str, Any]]:
        """Each filter: what it is called, what it is set to in words, what it may be, and the address without it."""
        people = [(f"user:{user.pk}", _named(user)) for user in _people(self.tenant.pk)]
        yield _chip("act", "What", filters, value=_act_words(filters), groups=_ACT_GROUPS)
        yield _chip("who", "Who", filters, value=self._who(filters, names), people=people)
        yield _chip("about", "About", filters, value=self._about(filters, names), things=_things())
        yield _chip("via", "Through", filters, value=words.of_door(filters.get("via", "")), doors=words.DOORS.items())
        yield _chip("days", "When", filters, value=_days_words(filters), shortcuts=_shortcuts(filters))

    def _who(self, filters: Mapping[str, str], names: Names) -> str:
        who = filters.get("who", "")
        if not who:
            return ""
        if who == reading.COMMAND:
            return naming.COMMAND
        told = names.person(who)
        return f"{told.name} {told.short}" if told.is_erased and told.pseudonym else told.name

    def _about(self, filters: Mapping[str, str], names: Names) -> str:
        about = filters.get("about", "")
        if not about:
            return ""
        told = names.subject(about)
        return told.name if told.name and told.id else f"{words.of_thing(told.kind)} {told.short}"


class VerifyAudit(DeskPage):
    capability: ClassVar = "audit.read"
    audits: ClassVar = {"GET": None, "POST": "audit.verified"}

    def get(self, request: HttpRequest) -> HttpResponse:
        return redirect("audit-page")

    def post(self, request: HttpRequest) -> HttpResponse:
        verifying.begin(self.tenant.pk)
        return redirect("audit-page")


def _asked(filters: Mapping[str, str]) -> Asked:
    asked = Asked(
        act=filters.get("act", ""),
        who=filters.get("who", ""),
        about=filters.get("about", ""),
        via=filters.get("via", ""),
    )
    if "since" in filters:
        asked = replace(asked, since=_midnight(filters["since"]))
    if "until" in filters:
        # The whole of that day.
        asked = replace(asked, until=_midnight(filters["until"]) + timedelta(days=1))
    return asked


def _exact(filters: Mapping[str, str]) -> dict[str, str]:
    """The filters as REST takes them."""
    asked = _asked(filters)
    exact = {**filters, "since": asked.since, "until": asked.until}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in exact.items() if value}


def _is_a_day(given: date | None) -> bool:
    return given is not None and _EARLIEST_YEAR <= given.year <= _LATEST_YEAR


def _midnight(day: str) -> datetime:
    return datetime.combine(datetime.fromisoformat(day).date(), time.min, tzinfo=UTC)


def _with_addresses(told: list[dict[str, Any]], filters: Mapping[str, str]) -> list[dict[str, Any]]:
    """Each entry with the addresses that show only what its actor did, and only what is about its subject."""

    def with_filter(name: str, value: str) -> str:
        return f"{reverse('audit-page')}?{urlencode({**filters, name: value})}"

    return [
        {
            **entry,
            "door": words.of_door(entry["via"]),
            "of_actor": with_filter("who", entry["actor"].key),
            "of_subject": with_filter("about", entry["subject"].key) if entry["subject"] else "",
        }
        for entry in told
    ]


def _people(tenant_id: int) -> Iterable[User]:
    return User.objects.of(tenant_id).order_by("username")[:MOST_PEOPLE]


def _named(user: User) -> str:
    """As they call themselves, and by what they sign in with where that is something else."""
    return f"{user} ({user.username})" if user.name else user.username


def _by_day(told: Iterable[dict[str, Any]]) -> Iterator[tuple[datetime, list[dict[str, Any]]]]:
    for _, entries in groupby(told, key=lambda entry: entry["at"].astimezone(UTC).date()):
        of_day = list(entries)
        yield of_day[0]["at"], of_day


def _chip(name: str, label: str, filters: Mapping[str, str], *, value: str, **choices: Any) -> dict[str, Any]:
    own = {"about": ("about",), "days": ("since", "until")}.get(name, (name,))
    others = {other: given for other, given in filters.items() if other not in own}
    kind, _, thing = filters.get("about", "").partition(":")
    return {
        "name": name,
        "label": label,
        "value": value,
        "chosen": filters.get(name, ""),
        "kind": kind,
        "thing": thing,
        "since": filters.get("since", ""),
        "until": filters.get("until", ""),
        "others": others,
        "without": f"{reverse('audit-page')}?{urlencode(others)}" if others else reverse("audit-page"),
        **choices,
    }


def _act_words(filters: Mapping[str, str]) -> str:
    act = filters.get("act", "")
    return words.KINDS.get(act) or (words.of_act(act) if act else "")


def _days_words(filters: Mapping[str, str]) -> str:
    since, until = filters.get("since", ""), filters.get("until", "")
    if since and since == until:
        return _day_words(since)
    if since and until:
        return f"{_day_words(since)} to {_day_words(until)}"
    if since:
        return f"since {_day_words(since)}"
    return f"until {_day_words(until)}" if until else ""


def _day_words(day: str) -> str:
    at = _midnight(day)
    return f"{at.day} {at:%b %Y}"


def _shortcuts(filters: Mapping[str, str]) -> list[tuple[str, str]]:
    """What most ask for of days, each with its address."""
    others = {name: value for name, value in filters.items() if name not in {"since", "until"}}
    today = timezone.now().date()
    days = [("Today", 0), ("The last 7 days", 6), ("The last 30 days", 29), ("The last 365 days", 364)]
    return [
        (label, f"{reverse('audit-page')}?{urlencode({**others, 'since': today - timedelta(days=back)})}")
        for label, back in days
    ]


def _things() -> list[tuple[str, str]]:
    return [(kind, words.of_thing(kind).capitalize()) for kind in _THINGS]


# Kind → its name, and its acts in words.
_ACT_GROUPS: Final = [
    (kind, name, [(act, words.of_act(act)) for act in words.all_acts() if act.partition(".")[0] == kind])
    for kind, name in sorted(words.KINDS.items(), key=lambda one: one[1])
]
