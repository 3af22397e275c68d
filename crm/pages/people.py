"""The people of the company: the list, one person, and what an admin does for them."""

from typing import Any, ClassVar

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import add_never_cache_headers

from crm import people, tokens, welcome
from crm.errors import CannotSignIn, DeskError, LastAdmin, UnknownPerson, UsernameTaken
from crm.forms import NewPersonForm, PersonForm, TokenForm
from crm.models import Token, User
from crm.pages import DeskPage, made
from crm.pages.profile import MOST_SHOWN, token_of
from crm.roles import Role

ON_A_PAGE = 50
LONGEST_SEARCH = 100


class PeoplePage(DeskPage):
    capability: ClassVar = "people.manage"
    audits: ClassVar = {"GET": "person.listed"}

    def get(self, request: HttpRequest) -> HttpResponse:
        words = request.GET.get("q", "").replace("\0", "")[:LONGEST_SEARCH].strip()
        found = User.objects.of(self.person.tenant_id).matching(words).with_last_seen()
        page = Paginator(found.order_by("-is_active", "username"), ON_A_PAGE).get_page(request.GET.get("page"))
        return render(request, "crm/people.html", {"page_obj": page, "words": words})


class _OnPerson(DeskPage):
    """One person's page as it stands after what was posted."""

    capability: ClassVar = "people.manage"
    colleague: User

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        if "person_id" in kwargs:
            try:
                self.colleague = people.find(self.person, kwargs["person_id"])
            except UnknownPerson as unknown:
                raise Http404(unknown.message) from unknown

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        return redirect("person-page", person_id=self.colleague.pk)

    def again(self, told: str) -> HttpResponse:
        messages.success(self.request, told)
        return redirect("person-page", person_id=self.colleague.pk)

    def show(self, **shown: Any) -> HttpResponse:
        colleague = User.objects.of(self.person.tenant_id).with_last_seen().get(pk=self.colleague.pk)
        page = {
            "person": colleague,
            "is_program": colleague.role == Role.INTEGRATION,
            "person_form": PersonForm({"name": colleague.name, "email": colleague.email, "role": colleague.role}),
            "token_form": TokenForm(tenant=self.tenant, auto_id="token_%s"),
            "tokens": Token.objects.of(colleague)[:MOST_SHOWN],
            "link_days": welcome.LIFE.days,
            "may_erase": self.person.may("privacy.erase"),
            "may_export": self.person.may("privacy.export"),
            **shown,
        }
        response = render(self.request, "crm/person.html", page)
        add_never_cache_headers(response)
        return response


class PersonPage(_OnPerson):
    audits: ClassVar = {"GET": "person.read", "POST": "person.changed"}

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        return self.show()

    def post(self, request: HttpRequest, person_id: int) -> HttpResponse:
        form = PersonForm(request.POST)
        if not form.is_valid():
            return self.show(person_form=form)
        try:
            people.change(self.colleague, **form.cleaned_data)
        except LastAdmin as last:
            form.add_error("role", last.message)
            return self.show(person_form=form)
        return self.again("Saved.")


class NewPersonPage(_OnPerson):
    audits: ClassVar = {"POST": "person.added"}

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        return self._ask(NewPersonForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = NewPersonForm(request.POST)
        if not form.is_valid():
            return self._ask(form)
        try:
            self.colleague = people.add(self.tenant, **form.cleaned_data)
        except UsernameTaken as taken:
            form.add_error("username", taken.message)
            return self._ask(form)
        if self.colleague.role == Role.INTEGRATION:
            return made(self.again("Added. Now make a token for it."), self.colleague.pk)
        return made(self.show(link=welcome.link_for(self.colleague), is_new=True), self.colleague.pk)

    def _ask(self, form: NewPersonForm) -> HttpResponse:
        return render(self.request, "crm/new_person.html", {"form": form, "link_days": welcome.LIFE.days})


class MakeSignInLink(_OnPerson):
    audits: ClassVar = {"GET": "person.read", "POST": "person.link_made"}

    def post(self, request: HttpRequest, person_id: int) -> HttpResponse:
        try:
            return made(self.show(link=welcome.link_for(self.colleague)), self.colleague.pk)
        except CannotSignIn as refused:
            return self.show(refused=refused.message)


class SignPersonOut(_OnPerson):
    audits: ClassVar = {"GET": "person.read", "POST": "person.signed_out"}

    def post(self, request: HttpRequest, person_id: int) -> HttpResponse:
        people.sign_out_everywhere(self.colleague, revoke_tokens="tokens" in request.POST)
        if self.colleague == self.person:
            return redirect("sign-in")
        if self.colleague.role == Role.INTEGRATION:
            return self.again("All tokens are revoked.")
        return self.again("Signed out everywhere. Sign-in links that were not used are void too.")


class SetActive(_OnPerson):
    audits: ClassVar = {"GET": "person.read", "POST": "person.changed"}

    def post(self, request: HttpRequest, person_id: int) -> HttpResponse:
        is_active = request.POST.get("is_active") == "yes"
        try:
            people.change(self.colleague, is_active=is_active)
        except LastAdmin as last:
            return self.show(refused=last.message)
        return self.again(
            "Active again. They sign in with the password they had." if is_active else "Deactivated, and signed out."
        )


class MakePersonToken(_OnPerson):
    audits: ClassVar = {"GET": "person.read", "POST": "token.made"}

    def post(self, request: HttpRequest, person_id: int) -> HttpResponse:
        form = TokenForm(request.POST, tenant=self.tenant, auto_id="token_%s")
        if not form.is_valid():
            return self.show(token_form=form)
        try:
            owner = tokens.owner_for(self.person, person_id)
            token, secret = tokens.make(self.person, owner, **form.cleaned_data)
        except DeskError as refused:
            return self.show(token_form=form, refused=refused.message)
        return made(self.show(made_token=token, secret=secret), token.pk)


class RevokePersonToken(_OnPerson):
    audits: ClassVar = {"GET": "person.read", "POST": "token.revoked"}

    def post(self, request: HttpRequest, person_id: int, token_id: int) -> HttpResponse:
        tokens.revoke(token_of(self.person, token_id))
        return self.again("The token is revoked. Programs that carry it are refused from now on.")
