"""One's own page: who one is, one's password, tokens and browsers."""

from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import add_never_cache_headers
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters

from crm import passwords, people, tokens
from crm.errors import DeskError, UnknownToken
from crm.forms import ChangePasswordForm, ProfileForm, TokenForm
from crm.models import Token, User
from crm.pages import DeskPage, made

# What a page lists of somebody's tokens; the rest is to be had over REST.
MOST_SHOWN = 200


class _OnProfile(DeskPage):
    """The page as it stands after what was posted; whoever comes back to such an address sees the page itself."""

    capability: ClassVar = "profile.edit"

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        return redirect("profile-page")

    def show(self, **shown: Any) -> HttpResponse:
        person = self.person
        page = {
            "profile_form": ProfileForm({"name": person.name, "email": person.email}),
            "password_form": ChangePasswordForm(self.request, person),
            "password_rules": passwords.rules(),
            "token_form": TokenForm(tenant=self.tenant, auto_id="token_%s"),
            "tokens": Token.objects.of(person)[:MOST_SHOWN],
            "may_make_tokens": tokens.may_make(person),
            **shown,
        }
        response = render(self.request, "crm/profile.html", page)
        add_never_cache_headers(response)
        return response


class ProfilePage(_OnProfile):
    audits: ClassVar = {"POST": "profile.changed"}

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        return self.show()

    def post(self, request: HttpRequest) -> HttpResponse:
        form = ProfileForm(request.POST)
        if not form.is_valid():
            return self.show(profile_form=form)
        people.change(self.person, **form.cleaned_data)
        messages.success(request, "Saved.")
        return redirect("profile-page")


@method_decorator(sensitive_post_parameters(), name="dispatch")
class ChangePassword(_OnProfile):
    audits: ClassVar = {"POST": "profile.password_changed"}

    def post(self, request: HttpRequest) -> HttpResponse:
        form = ChangePasswordForm(request, self.person, request.POST)
        if not form.is_valid():
            return self.show(password_form=form)
        passwords.change(self.person, form.cleaned_data["new_password1"])
        update_session_auth_hash(request, self.person)
        messages.success(request, "Your password is changed. Your other browsers are signed out.")
        return redirect("profile-page")


class MakeToken(_OnProfile):
    audits: ClassVar = {"POST": "token.made"}

    def post(self, request: HttpRequest) -> HttpResponse:
        form = TokenForm(request.POST, tenant=self.tenant, auto_id="token_%s")
        if not form.is_valid():
            return self.show(token_form=form)
        try:
            token, secret = tokens.make(self.person, self.person, **form.cleaned_data)
        except DeskError as refused:
            form.add_error(None, refused.message)
            return self.show(token_form=form)
        return made(self.show(made_token=token, secret=secret), token.pk)


class RevokeToken(_OnProfile):
    audits: ClassVar = {"POST": "token.revoked"}

    def post(self, request: HttpRequest, token_id: int) -> HttpResponse:
        tokens.revoke(token_of(self.person, token_id))
        messages.success(request, "The token is revoked. Programs that carry it are refused from now on.")
        return redirect("profile-page")


class SignOutEverywhere(_OnProfile):
    audits: ClassVar = {"POST": "access.signed_out_everywhere"}

    def post(self, request: HttpRequest) -> HttpResponse:
        people.sign_out_everywhere(self.person, revoke_tokens="tokens" in request.POST)
        request.session.flush()
        messages.success(request, "You are signed out everywhere.")
        return redirect("sign-in")


def token_of(person: User, token_id: int) -> Token:
    """A token that this person may revoke; no page for any other."""
    try:
        return tokens.find_for(person, token_id)
    except UnknownToken as unknown:
        raise Http404(unknown.message) from unknown
