"""A company's rules for recording and hearing: one row each, shown on one page of settings."""

import re
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from metrics.prepared import Prepared

_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d{1,5})?")


def validate_origins(text: str) -> None:
    """Origins as browsers write them: scheme, host and port in lower case, no path."""
    wrong = [word for word in text.split() if not _ORIGIN.fullmatch(word)]
    if wrong:
        raise ValidationError(f"Not an origin, which looks like https://desk.example.com: {', '.join(wrong[:3])}")


class RecordingPolicy(models.Model):
    """A company's rules for recording. Without a row the defaults hold."""

    tenant = models.OneToOneField(
        "crm.Tenant", on_delete=models.CASCADE, primary_key=True, related_name="recording_policy"
    )
    consent_required = models.BooleanField(
        "consent before anything is recorded",
        default=False,
        help_text="No chunk is taken until it is on record that consent was given, nor of what was recorded after "
        "it was withdrawn.",
    )
    consent_wording = models.TextField(
        "wording of the question",
        max_length=2000,
        blank=True,
        default="This call is recorded. Do you agree?",
        help_text="What the agent reads out. It is kept with the answer.",
    )
    allowed_origins = models.TextField(
        "sites that may embed the recorder",
        max_length=4000,
        blank=True,
        default="",
        validators=[validate_origins],
        help_text="One a line, such as https://desk.example.com.",
    )

    class Meta:
        verbose_name_plural = "recording policies"

    def __str__(self) -> str:
        return f"Recording at {self.tenant}"

    def allows(self, origin: str) -> bool:
        """Whether pages of this origin may send us what they record, and read the answers."""
        return origin in self.allowed_origins.split()

    @classmethod
    def is_allowed_by_any(cls, origin: str) -> bool:
        return any(policy.allows(origin) for policy in cls.objects.filter(allowed_origins__contains=origin))

    @classmethod
    def of(cls, tenant_id: int) -> "RecordingPolicy":
        """The company's rules; the defaults where it has set none."""
        return _recording_policy.first(tenant_id) or cls(tenant_id=tenant_id)

    @classmethod
    def of_session(cls, session: Any) -> "RecordingPolicy":
        """The same of the company that a recording belongs to; nothing is asked for one that was read with them."""
        if not session._meta.get_field("tenant").is_cached(session):
            return cls.of(session.tenant_id)
        return getattr(session.tenant, "recording_policy", None) or cls(tenant_id=session.tenant_id)


# Asked whenever a recording begins.
_recording_policy: Prepared[RecordingPolicy] = Prepared(
    lambda tenant_id: RecordingPolicy.objects.filter(pk=tenant_id), int
)


class EmotionSides(models.TextChoices):
    """Of whom emotion is estimated."""

    NOBODY = "nobody", "Nobody"
    CLIENT = "client", "The client"
    AGENT = "agent", "The agent"
    BOTH = "both", "Both sides"


class HearingPolicy(models.Model):
    """A company's rules for what is made of what is heard. Without a row the defaults hold."""

    tenant = models.OneToOneField(
        "crm.Tenant", on_delete=models.CASCADE, primary_key=True, related_name="hearing_policy"
    )
    emotion_sides = models.CharField(
        "whose emotion is estimated",
        max_length=8,
        choices=EmotionSides.choices,
        default=EmotionSides.CLIENT,
        help_text="An estimate from words and voice, in two-channel recordings alone: in others nobody knows who "
        "speaks. In the European Union, inferring the emotions of people at work is prohibited.",
    )
    expected_speakers = models.PositiveSmallIntegerField(
        "people who are expected in a call",
        default=2,
        validators=[MinValueValidator(1), MaxValueValidator(20)],
        help_text="One more is told as suspicious, by the rule for extra speakers.",
    )

    class Meta:
        verbose_name_plural = "hearing policies"

    def __str__(self) -> str:
        return f"Hearing at {self.tenant}"

    @property
    def emotion_speakers(self) -> frozenset[str]:
        """The speakers, as segments name them, whose emotion is estimated."""
        both = frozenset({"agent", "client"})
        return {EmotionSides.NOBODY: frozenset[str](), EmotionSides.BOTH: both}.get(
            EmotionSides(self.emotion_sides), frozenset({str(self.emotion_sides)})
        )

    @classmethod
    def of(cls, tenant_id: int) -> "HearingPolicy":
        """The company's rules; the defaults where it has set none."""
        return cls.objects.filter(pk=tenant_id).first() or cls(tenant_id=tenant_id)


class SuspicionKind(models.TextChoices):
    """What a rule looks for; `audio/analysis/suspicion.py` says how."""

    EXTRA_SPEAKER = "extra_speaker", "An unexpected extra speaker"
    LISTED_PHRASE = "listed_phrase", "A listed phrase"
    LONG_SILENCE = "long_silence", "A long silence"
    LEVEL_JUMP = "level_jump", "A jump in loudness"
    CROSSTALK = "crosstalk", "Both talk at once"
    PLAYBACK = "playback", "Sound that was heard before"


# Each is looked for in every chunk.
MOST_RULES = 100


class SuspicionRule(models.Model):
    """One thing that deserves a second look at a company, and how much it counts."""

    tenant = models.ForeignKey("crm.Tenant", on_delete=models.CASCADE, related_name="suspicion_rules")
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=16, choices=SuspicionKind.choices)
    is_on = models.BooleanField("on", default=True)
    weight = models.FloatField(
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text="0 to 1: how much one such finding adds to the score of a call.",
    )
    threshold = models.FloatField(
        validators=[MinValueValidator(0.0), MaxValueValidator(3600.0)],
        help_text="Extra speaker: seconds of the extra voice. Phrase: least confidence of its words, 0 to 1. "
        "Silence, both at once, heard before: seconds. Loudness: decibels.",
    )
    phrases = models.TextField(
        max_length=8000, blank=True, default="", help_text="For the rule of listed phrases: one a line."
    )

    class Meta:
        ordering: ClassVar = ["tenant", "kind", "name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["tenant", "name"], name="suspicion_rule_once_by_name")]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self._state.adding and SuspicionRule.objects.filter(tenant=self.tenant_id).count() >= MOST_RULES:
            raise ValidationError(f"At most {MOST_RULES} rules. Change one, or remove it first.")
