"""The form that asks for an export of somebody: a colleague, a customer, or an id on a platform."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from crm.models import SubjectKind
from crm.people import HIGHEST_ID


class PersonExportForm(forms.Form):
    kind = forms.ChoiceField(label="Whose data", choices=SubjectKind.choices, widget=forms.RadioSelect)
    user_id = forms.TypedChoiceField(
        label="Colleague",
        coerce=int,
        empty_value=None,
        required=False,
        help_text="Also one who may not sign in any more.",
    )
    contact_id = forms.IntegerField(
        label="Number of the customer",
        required=False,
        min_value=1,
        max_value=HIGHEST_ID,
        help_text="As their page under Contacts says it, which has a link to here, too.",
    )
    platform = forms.RegexField(
        r"^\S+\Z",
        label="Platform",
        required=False,
        max_length=64,
        error_messages={"invalid": "One word, without spaces."},
    )
    external_user_id = forms.CharField(label="Their id there", required=False, max_length=255, strip=False)
    includes_others = forms.BooleanField(
        label="With what others said in the same calls",
        required=False,
        help_text="Where it is known who speaks, usually only their own words and their side of the sound are in it.",
    )

    def __init__(self, *args: Any, colleagues: list[tuple[int, str]], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["user_id"].choices = [("", "Choose somebody"), *colleagues]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        for name in _ASKED.get(given.get("kind", ""), ()):
            if name not in self.errors and given.get(name) in (None, ""):
                self.add_error(name, ValidationError("This is needed."))
        return given

    def asked(self) -> dict[str, Any]:
        """Whom they chose, in the words of `crm.erasure.subjects.asked_of`."""
        return {name: self.cleaned_data[name] for name in _ASKED[self.cleaned_data["kind"]]}


_ASKED: dict[str, tuple[str, ...]] = {
    SubjectKind.USER: ("user_id",),
    SubjectKind.CONTACT: ("contact_id",),
    SubjectKind.EXTERNAL: ("platform", "external_user_id"),
}
