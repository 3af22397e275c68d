"""The forms of the pages about alerts."""

from typing import Any, ClassVar

from django import forms

from metrics.alerts import destinations
from metrics.alerts.kinds import UNIT_WORDS, kind_of
from metrics.errors import BadDestination
from metrics.models import AlertRule, DestinationKind
from metrics.models.deliveries import LONGEST_ADDRESS


class AlertRuleForm(forms.ModelForm[AlertRule]):
    """One rule, without what its kind has no use for."""

    class Meta:
        model = AlertRule
        fields = ("is_on", "threshold", "window_minutes", "least_count", "destinations")
        widgets: ClassVar = {"destinations": forms.CheckboxSelectMultiple}
        labels: ClassVar = {
            "is_on": "Watch this",
            "window_minutes": "Over how many minutes",
            "least_count": "At least so many segments",
            "destinations": "Who is told",
        }
        help_texts: ClassVar = {
            "window_minutes": "The figure is worked out over this long.",
            "least_count": "Of fewer than these nothing is said, so that one failure of two rings no bell.",
            "destinations": "All of them, where none is chosen.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kind = kind_of(self.instance.kind)
        self.fields["threshold"].label = f"Alert above ({UNIT_WORDS[kind.unit]})"
        self.fields["threshold"].widget.attrs["step"] = "any"
        self.initial["threshold"] = f"{self.instance.threshold:g}"
        if not kind.has_window:
            del self.fields["window_minutes"], self.fields["least_count"]
        chosen: Any = self.fields["destinations"]
        chosen.queryset = chosen.queryset.filter(tenant=self.instance.tenant_id)


class DestinationForm(forms.Form):
    kind = forms.ChoiceField(choices=DestinationKind.choices)
    address = forms.CharField(
        label="URL or e-mail address",
        max_length=LONGEST_ADDRESS,
        widget=forms.TextInput(
            {
                "autocomplete": "off",
                "autocapitalize": "none",
                "spellcheck": "false",
                "placeholder": "https://example.com/alerts",
            }
        ),
    )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if "kind" in given and "address" in given:
            try:
                given["address"] = destinations.checked(given["kind"], given["address"])
            except BadDestination as wrong:
                self.add_error("address", wrong.message)
        return given
