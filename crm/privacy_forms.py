"""The forms of the pages about privacy: whom something is about, and what is said of it."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from crm.models import HoldKind, SubjectKind
from crm.models.privacy import LONGEST_REASON
from crm.people import HIGHEST_ID

NOBODY_NAMED = "Say who: a colleague, a contact, or a platform and the id there."
SEVERAL_NAMED = "Name them in one way only."
HALF_NAMED = "A platform and the id there go together."


def kind_named(given: dict[str, Any]) -> SubjectKind:
    """How somebody is named by what was given. Raises ValueError, with words for people, unless in one way exactly."""
    is_user, is_contact = given.get("user_id") is not None, given.get("contact_id") is not None
    halves = [bool(given.get("platform")), bool(given.get("external_user_id"))]
    ways = [is_user, is_contact, any(halves)]
    if sum(ways) > 1:
        raise ValueError(SEVERAL_NAMED)
    if not any(ways):
        raise ValueError(NOBODY_NAMED)
    if any(halves) and not all(halves):
        raise ValueError(HALF_NAMED)
    if is_user:
        return SubjectKind.USER
    return SubjectKind.CONTACT if is_contact else SubjectKind.EXTERNAL


class SubjectForm(forms.Form):
    """Whom a page is about, as its address or a hidden field says."""

    user_id = forms.IntegerField(min_value=1, max_value=HIGHEST_ID, required=False, widget=forms.HiddenInput)
    contact_id = forms.IntegerField(min_value=1, max_value=HIGHEST_ID, required=False, widget=forms.HiddenInput)
    platform = forms.RegexField(r"^\S+\Z", max_length=64, required=False, widget=forms.HiddenInput)
    external_user_id = forms.CharField(max_length=255, required=False, strip=False, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if not self.errors:
            try:
                kind_named(given)
            except ValueError as wrong:
                raise ValidationError(str(wrong)) from wrong
        return given

    @property
    def ids(self) -> dict[str, Any]:
        """What names them, and nothing else."""
        return {name: value for name, value in self.cleaned_data.items() if value not in (None, "")}

    @property
    def said_wrong(self) -> str:
        """What is wrong with it, in a sentence or two; the fields themselves are not seen."""
        return " ".join(dict.fromkeys(str(word) for errors in self.errors.values() for word in errors))


class HoldSubjectForm(SubjectForm):
    """Somebody, or a call."""

    call_id = forms.CharField(max_length=255, required=False, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        if not self.cleaned_data.get("call_id"):
            return super().clean()
        if any(value not in (None, "") for name, value in self.cleaned_data.items() if name != "call_id"):
            raise ValidationError(SEVERAL_NAMED)
        return self.cleaned_data

    @property
    def kind(self) -> HoldKind:
        return HoldKind.CALL if "call_id" in self.ids else HoldKind(kind_named(self.ids).value)


class EraseForm(forms.Form):
    """`asked_for` is what has to be typed."""

    reason = forms.CharField(
        max_length=LONGEST_REASON,
        required=False,
        help_text="For whoever looks at it meanwhile; it goes with the person.",
        widget=forms.Textarea({"rows": 2, "dir": "auto"}),
    )
    typed = forms.CharField(
        max_length=400,
        required=False,
        strip=False,
        widget=forms.TextInput({"autocapitalize": "none", "spellcheck": "false", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, asked_for: str, **kwargs: Any) -> None:
        self.asked_for = asked_for
        super().__init__(*args, **kwargs)
        self.fields["typed"].label = f"Type {asked_for} to go on"
        self.fields["typed"].widget.attrs["data-asked-for"] = asked_for

    def clean_typed(self) -> str:
        typed: str = self.cleaned_data["typed"]
        if typed.strip() != self.asked_for.strip():
            raise ValidationError("This is not their id. Nothing was erased.")
        return typed


class HoldForm(forms.Form):
    reason = forms.CharField(
        max_length=LONGEST_REASON,
        help_text="Which proceedings, and who asked for it. It stays readable when the hold is lifted.",
        widget=forms.Textarea({"rows": 3, "dir": "auto"}),
    )
