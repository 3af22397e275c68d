"""The company's customers: the list, one of them with their calls, and what is changed of them."""

from typing import Any, ClassVar

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import add_never_cache_headers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from calls import customers, statuses
from calls.documents import Call
from calls.store import Page
from crm import contacts
from crm.contact_forms import ContactForm
from crm.errors import ContactTaken, UnknownContact
from crm.models import Contact, User
from crm.pages import DeskPage, made
from crm.pagination import NewestFirst
from metrics import cursors

ON_A_PAGE = 50
LONGEST_SEARCH = 255


class _Paging(NewestFirst):
    page_size = ON_A_PAGE

    def get_page_size(self, request: Request) -> int:
        return self.page_size


class ContactsPage(DeskPage):
    capability: ClassVar = "contacts.read"
    audits: ClassVar = {"GET": "contact.listed"}

    def get(self, request: HttpRequest) -> HttpResponse:
        words = request.GET.get("q", "").replace("\0", "")[:LONGEST_SEARCH].strip()
        found = contacts.search(self.tenant.pk, words) if words else Contact.objects.of(self.tenant.pk)
        paging = _Paging()
        try:
            page = paging.paginate_queryset(found.prefetch_related("identities"), Request(request)) or []
        except NotFound as unknown:
            raise Http404(str(unknown.detail)) from unknown
        standings = customers.standings(self.tenant.pk, [contact.pk for contact in page])
        shown = {
            "rows": [(contact, standings.get(contact.pk)) for contact in page],
            "most_counted": customers.MOST_COUNTED,
            "words": words,
            "may_write": self.person.may("contacts.write"),
            "newer": paging.get_previous_link(),
            "older": paging.get_next_link(),
        }
        return _fresh(render(request, "crm/contacts.html", shown))


class _OnContact(DeskPage):
    contact: Contact

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        if "contact_id" in kwargs:
            try:
                self.contact = contacts.find(self.tenant.pk, kwargs["contact_id"])
            except UnknownContact as unknown:
                raise Http404(unknown.message) from unknown


class ContactPage(_OnContact):
    capability: ClassVar = "contacts.read"
    audits: ClassVar = {"GET": "contact.read"}

    def get(self, request: HttpRequest, contact_id: int) -> HttpResponse:
        rest = Request(request)
        try:
            direction, position = cursors.place_of(rest)
        except NotFound as unknown:
            raise Http404(str(unknown.detail)) from unknown
        page = customers.calls_of(self.person, contact_id, limit=ON_A_PAGE, **{direction: position})
        ends = [(call["start_time"].isoformat(), call["id"]) for call in page.calls]
        shown = {
            "contact": self.contact,
            "shared_phones": contacts.shared_phones(self.contact),
            "standing": customers.standings(self.tenant.pk, [contact_id]).get(contact_id),
            "most_counted": customers.MOST_COUNTED,
            "rows": self._rows(page),
            "older": cursors.link(rest, ["before", *ends[-1]] if page.has_older and ends else None),
            "newer": cursors.link(rest, ["after", *ends[0]] if page.has_newer and ends else None),
            "may_write": self.person.may("contacts.write"),
            "may_erase": self.person.may("privacy.erase"),
            "may_export": self.person.may("privacy.export"),
        }
        return _fresh(render(request, "crm/contact.html", shown))

    def _rows(self, page: Page) -> list[tuple[Call, User | None, Any]]:
        """Each call with whose it is and its status; one query for all people, one for all statuses."""
        called = {str(status.pk): status for status in statuses.of(self.tenant.pk)} if page.calls else {}
        wanted = {call["user_id"] for call in page.calls if call["user_id"] is not None}
        people = User.objects.of(self.tenant.pk).in_bulk(wanted) if wanted else {}
        return [(call, people.get(call["user_id"] or 0), called.get(str(call["status_id"]))) for call in page.calls]


class _AsksForContact(_OnContact):
    capability: ClassVar = "contacts.write"

    def ask(self, form: ContactForm) -> HttpResponse:
        shown = {"form": form, "contact": form.instance, "may_erase": self.person.may("privacy.erase")}
        return _fresh(render(self.request, "crm/edit_contact.html", shown))


class NewContactPage(_AsksForContact):
    audits: ClassVar = {"GET": None, "POST": "contact.made"}

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.ask(ContactForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = ContactForm(request.POST)
        if not form.is_valid():
            return self.ask(form)
        try:
            contact = contacts.create(self.tenant.pk, **form.cleaned_data)
        except (ContactTaken, UnknownContact) as refused:
            return self.ask(_refused(form, refused))
        messages.success(request, "Added.")
        return made(redirect("contact-page", contact_id=contact.pk), contact.pk)


class EditContactPage(_AsksForContact):
    audits: ClassVar = {"GET": "contact.read", "POST": "contact.changed"}

    def get(self, request: HttpRequest, contact_id: int) -> HttpResponse:
        return self.ask(ContactForm(instance=self.contact))

    def post(self, request: HttpRequest, contact_id: int) -> HttpResponse:
        form = ContactForm(request.POST, instance=self.contact)
        if not form.is_valid():
            return self.ask(form)
        values = {name: form.cleaned_data[name] for name in form.changed_data}
        try:
            contacts.change(self.tenant.pk, contact_id, values)
        except (ContactTaken, UnknownContact) as refused:
            return self.ask(_refused(form, refused))
        messages.success(request, "Saved.")
        return redirect("contact-page", contact_id=contact_id)


class RemoveContact(_AsksForContact):
    audits: ClassVar = {"GET": None, "POST": "contact.removed"}

    def get(self, request: HttpRequest, contact_id: int) -> HttpResponse:
        return redirect("edit-contact-page", contact_id=contact_id)

    def post(self, request: HttpRequest, contact_id: int) -> HttpResponse:
        try:
            contacts.remove(self.tenant.pk, contact_id)
        except UnknownContact as gone:
            raise Http404(gone.message) from gone
        messages.success(request, f"{self.contact} is removed.")
        return redirect("contacts-page")


def _refused(form: ContactForm, refused: ContactTaken | UnknownContact) -> ContactForm:
    """The form with what kept it from being kept, beside the ids, which are what others may have."""
    taken = ", ".join((refused.fields or {}).get("identities", []))
    form.add_error("identities", f"{refused.message} ({taken})" if taken else refused.message)
    return form


def _fresh(response: HttpResponse) -> HttpResponse:
    """Whoever goes back to it sees it as it is by then, and a shared machine keeps no customers."""
    add_never_cache_headers(response)
    return response
