from django.db import models

from calls.redaction import kinds
from metrics.prepared import Prepared


class RedactionPolicy(models.Model):
    """A company's rules for what is masked where words enter a call. Without a row the defaults hold."""

    tenant = models.OneToOneField(
        "crm.Tenant", on_delete=models.CASCADE, primary_key=True, related_name="redaction_policy"
    )
    redact_cards = models.BooleanField("payment cards", default=True)
    redact_accounts = models.BooleanField("bank accounts", default=True)
    redact_emails = models.BooleanField("e-mail addresses", default=True)
    redact_phones = models.BooleanField("phone numbers", default=True)
    redact_spoken_digits = models.BooleanField(
        "long numbers that are spoken",
        default=True,
        help_text="Digit by digit, as cards and codes are read out.",
    )
    keep_originals = models.BooleanField(
        "keep what is masked",
        default=True,
        help_text="For those who may read originals; each reading is written into the audit log. Otherwise it is gone "
        "for good the moment it is heard.",
    )

    class Meta:
        verbose_name_plural = "redaction policies"

    def __str__(self) -> str:
        return f"Redaction at {self.tenant}"

    @property
    def kinds(self) -> frozenset[str]:
        """What is masked."""
        chosen = {
            kinds.CARD: self.redact_cards,
            kinds.ACCOUNT: self.redact_accounts,
            kinds.EMAIL: self.redact_emails,
            kinds.PHONE: self.redact_phones,
            kinds.SPOKEN_DIGITS: self.redact_spoken_digits,
        }
        return frozenset(kind for kind, is_on in chosen.items() if is_on)

    @classmethod
    def of(cls, tenant_id: int) -> "RedactionPolicy":
        """The company's rules; the defaults where it has set none."""
        return _redaction_policy.first(tenant_id) or cls(tenant_id=tenant_id)


# Asked whenever a call is opened or takes words in.
_redaction_policy: Prepared[RedactionPolicy] = Prepared(
    lambda tenant_id: RedactionPolicy.objects.filter(pk=tenant_id), int
)
