"""Getting in and out: the sign-in page, choosing a password by a link, signing out."""

from typing import Any, ClassVar

from django.contrib.auth import views
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.cache import add_never_cache_headers
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.debug import sensitive_post_parameters

from crm import browser_sessions, live, passwords, welcome
from crm.errors import LinkUsedUp
from crm.forms import ChoosePasswordForm, SignInForm
from crm.models import User


class SignInPage(views.LoginView):
    capability = None  # It is where one becomes somebody.
    audits: ClassVar = {"POST": "access.signed_in"}
    template_name = "crm/sign_in.html"
    form_class = SignInForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        # Who posts a name and a password is asked for them, whoever was signed in before.
        self.redirect_authenticated_user = request.method != "POST"
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponseRedirect:
        browser_sessions.begin(self.request, form.get_user())
        return HttpResponseRedirect(self.get_success_url())

    def form_invalid(self, form: Any) -> HttpResponse:
        response = super().form_invalid(form)
        if form.retry_after_seconds:
            response.status_code = 429
            response.headers["Retry-After"] = str(form.retry_after_seconds)
        return response


class SignOut(views.LogoutView):
    capability = None  # Who is signed out already is no worse off.
    audits: ClassVar = {"POST": "access.signed_out"}

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        user_id = request.user.pk
        response = super().post(request, *args, **kwargs)
        if user_id is not None:
            live.rights_changed(user_id)
        return response


@method_decorator(sensitive_post_parameters(), name="dispatch")
class WelcomePage(View):
    """Whoever has the link chooses a password and is signed in with it."""

    capability = None  # The link is what lets in.
    audits: ClassVar = {"POST": "access.password_chosen"}

    def get(self, request: HttpRequest, uid: str, token: str) -> HttpResponse:
        try:
            person = welcome.person_behind(uid, token)
        except LinkUsedUp:
            return self._gone(request)
        return self._show(request, person, ChoosePasswordForm(person))

    def post(self, request: HttpRequest, uid: str, token: str) -> HttpResponse:
        try:
            person = welcome.person_behind(uid, token)
            form = ChoosePasswordForm(person, request.POST)
            if not form.is_valid():
                return self._show(request, person, form)
            person = welcome.choose_password(uid, token, form.cleaned_data["new_password1"])
        except LinkUsedUp:
            return self._gone(request)
        browser_sessions.begin(request, person)
        return redirect("home")

    def _show(self, request: HttpRequest, person: User, form: ChoosePasswordForm) -> HttpResponse:
        response = render(
            request, "crm/welcome.html", {"person": person, "form": form, "password_rules": passwords.rules()}
        )
        add_never_cache_headers(response)
        return response

    def _gone(self, request: HttpRequest) -> HttpResponse:
        return render(request, "crm/welcome_gone.html", {"days": welcome.LIFE.days}, status=410)
