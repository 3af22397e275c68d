"""How one gets in: what a company has set for it, and the failures that are counted."""

from datetime import timedelta
from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from crm.models.people import Tenant


class AccessPolicy(models.Model):
    """A company's rules for sign-ins and tokens. Without a row the defaults hold."""

    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, primary_key=True, related_name="access_policy")
    sign_in_hours = models.PositiveIntegerField(
        "hours until a browser is signed out",
        default=12,
        validators=[MinValueValidator(1), MaxValueValidator(720)],
        help_text="From the last use. From 1 to 720.",
    )
    longest_token_days = models.PositiveIntegerField(
        "longest life of a token in days",
        default=365,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
        help_text="Tokens that would live longer end then. From 1 to 3650.",
    )
    agents_may_make_tokens = models.BooleanField(
        "agents may make tokens of their own",
        default=True,
        help_text="Those that they have made stay good until they expire or are revoked.",
    )

    class Meta:
        verbose_name_plural = "access policies"

    def __str__(self) -> str:
        return f"Access to {self.tenant}"

    @classmethod
    def of(cls, tenant: Tenant | None) -> "AccessPolicy":
        """The company's rules; the defaults where it has set none, and for who runs the site."""
        row: AccessPolicy | None = getattr(tenant, "access_policy", None)
        return row or cls(tenant=tenant)

    @property
    def idle_limit(self) -> timedelta:
        return timedelta(hours=self.sign_in_hours)

    @property
    def longest_token_life(self) -> timedelta:
        return timedelta(days=self.longest_token_days)


class SignInFailures(models.Model):
    """How often signing in failed from an address, for one name and (`name_digest` empty) for all, in a window.

    Keyed digests only: the row names nobody, and what is not asked for again is swept.
    """

    name_digest = models.CharField(max_length=64, blank=True)
    address_digest = models.CharField(max_length=64)
    failures = models.PositiveIntegerField(default=0)
    began_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name_plural = "sign-in failures"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["address_digest", "name_digest"], name="failures_once_per_origin")
        ]

    def __str__(self) -> str:
        return f"{self.failures} since {self.began_at:%H:%M}"
