"""The forms of the desk's pages. What they hold is checked as over REST; the verbs do the rest."""

import re
from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm, SetPasswordForm
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError

from calls.models import CallStatus
from crm import passwords, sign_in
from crm.errors import TooManyAttempts
from crm.models import AccessPolicy, Tenant
from crm.policies import Policy
from crm.roles import CHOICES, Role

_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
_SPELLED_AS_TYPED = {"autocapitalize": "none", "spellcheck": "false", "autocomplete": "off"}


class SignInForm(AuthenticationForm):
    """`retry_after_seconds` is set when the attempt was refused unread."""

    retry_after_seconds: int | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].validators.append(passwords.LengthLimit().validate)

    def clean(self) -> dict[str, Any]:
        username, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if username and password:
            request = self.request
            if request is None:
                raise ValueError("Signing in takes the request, for the address it came from.")
            try:
                self.user_cache = sign_in.check(request, username=username, password=password)
            except TooManyAttempts as too_many:
                self.retry_after_seconds = too_many.retry_after_seconds
                raise ValidationError(too_many.message, code=too_many.code) from too_many
            if self.user_cache is None:
                raise self.get_invalid_login_error()
        return self.cleaned_data


class ProfileForm(forms.Form):
    name = forms.CharField(max_length=150, required=False, widget=forms.TextInput({"autocomplete": "name"}))
    email = forms.EmailField(
        label="E-mail", max_length=254, required=False, widget=forms.EmailInput({"autocomplete": "email"})
    )


class ChoosePasswordForm(SetPasswordForm):  # type: ignore[type-arg]
    """A new password, twice."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["new_password1"].help_text = ""
        self.fields["new_password2"].help_text = ""
        self.fields["new_password2"].label = "The same again"


class ChangePasswordForm(ChoosePasswordForm):
    """With the present one, which is asked for as at the sign-in: guesses are counted."""

    password = forms.CharField(
        label="Present password",
        strip=False,
        validators=[passwords.LengthLimit().validate],
        widget=forms.PasswordInput({"autocomplete": "current-password"}),
    )
    field_order = ("password", "new_password1", "new_password2")

    def __init__(self, request: Any, *args: Any, **kwargs: Any) -> None:
        self.request = request
        super().__init__(*args, **kwargs)

    def clean_password(self) -> str:
        given: str = self.cleaned_data["password"]
        try:
            found = sign_in.check(self.request, username=self.user.get_username(), password=given)
        except TooManyAttempts as too_many:
            raise ValidationError(too_many.message, code=too_many.code) from too_many
        if found != self.user:
            raise ValidationError("This is not your present password.")
        return given


class TokenForm(forms.Form):
    """For a token's name and its life, within what the company allows."""

    name = forms.CharField(
        label="What it is for",
        max_length=120,
        widget=forms.TextInput({"autocomplete": "off", "placeholder": "Telephone system, nightly export …"}),
    )
    days = forms.IntegerField(label="Days until it expires", min_value=1)

    def __init__(self, *args: Any, tenant: Tenant, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        longest = AccessPolicy.of(tenant).longest_token_days
        self.fields["days"] = forms.IntegerField(
            label="Days until it expires", min_value=1, max_value=longest, initial=min(90, longest)
        )


def _role_field() -> forms.ChoiceField:
    return forms.ChoiceField(choices=CHOICES, initial=Role.AGENT.value)


class PersonForm(forms.Form):
    name = forms.CharField(max_length=150, required=False, widget=forms.TextInput({"autocomplete": "off"}))
    email = forms.EmailField(
        label="E-mail", max_length=254, required=False, widget=forms.EmailInput({"autocomplete": "off"})
    )
    role = _role_field()


class NewPersonForm(PersonForm):
    username = forms.CharField(
        max_length=150,
        validators=[UnicodeUsernameValidator()],
        help_text="They sign in with it, and it stays. Letters, digits and @ . + - _",
        widget=forms.TextInput(_SPELLED_AS_TYPED),
    )
    field_order = ("username", "name", "email", "role")


class CompanyForm(forms.Form):
    name = forms.CharField(label="Name of the company", max_length=120)


# Calm ones that are told apart, each at least 3:1 against every surface of both themes.
COLORS = {
    "#7c8595": "Slate",
    "#4f83cc": "Blue",
    "#3f8fb5": "Sky",
    "#2f8f93": "Teal",
    "#4a9163": "Green",
    "#85863c": "Olive",
    "#b07d2b": "Amber",
    "#c7703f": "Orange",
    "#cc6166": "Red",
    "#bf6399": "Pink",
    "#8f71cc": "Violet",
    "#6b76d3": "Indigo",
}
_OWN = "own"
# The colour goes round by so many, so that two columns side by side differ.
_COLOR_STEP = 5
JUST_REMOVED = "The status that its calls were to get has just been removed. Choose another one."


class StatusForm(forms.Form):
    """A status' name, description and colour: one of the palette, or one of their own."""

    name = forms.CharField(max_length=80, widget=forms.TextInput({"autocomplete": "off"}))
    description = forms.CharField(
        max_length=400,
        required=False,
        help_text="When a call belongs there.",
        widget=forms.Textarea({"rows": 2}),
    )
    color = forms.ChoiceField(choices=[*COLORS.items(), (_OWN, "Another one")], widget=forms.RadioSelect)
    own_color = forms.CharField(
        label="Another colour",
        max_length=7,
        required=False,
        widget=forms.TextInput({**_SPELLED_AS_TYPED, "placeholder": "#7c8595", "pattern": "#[0-9a-fA-F]{6}"}),
    )

    @classmethod
    def for_new(cls, *, count: int) -> "StatusForm":
        """Empty, with the colour that follows those of `count` statuses."""
        return cls(initial={"color": [*COLORS][(count * _COLOR_STEP) % len(COLORS)]})

    @classmethod
    def about(cls, status: CallStatus) -> "StatusForm":
        own = status.color.lower()
        chosen = {"color": own, "own_color": ""} if own in COLORS else {"color": _OWN, "own_color": own}
        return cls(initial={"name": status.name, "description": status.description, **chosen})

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("color") == _OWN and not _COLOR.fullmatch(given.get("own_color", "")):
            self.add_error("own_color", "A colour is written #rrggbb, such as #7c8595.")
        return given

    @property
    def values(self) -> dict[str, str]:
        given = self.cleaned_data
        color = given["own_color"].lower() if given["color"] == _OWN else given["color"]
        return {"name": given["name"], "description": given["description"], "color": color}


class RemoveStatusForm(forms.Form):
    move_calls_to = forms.TypedChoiceField(
        label="Its calls get",
        coerce=int,
        required=False,
        empty_value=None,
        error_messages={"invalid_choice": JUST_REMOVED},
    )

    def __init__(self, *args: Any, others: Sequence[CallStatus], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", "Choose a status"), *((str(status.pk), status.name) for status in others)]
        self.fields["move_calls_to"].choices = choices  # type: ignore[attr-defined]


def policy_form(policy: Policy) -> type[forms.ModelForm[Any]]:
    """The form for one policy's row, made from its model."""
    return forms.modelform_factory(policy.model, fields=policy.fields)
