"""Contacts: the customers whom a company talks to, and what they are found by."""

from collections.abc import Iterable
from typing import ClassVar

from django.db import models

# A search looks at so many matches of each kind; whoever meets the limit types more letters.
MOST_FOUND = 1000


class KeyKind(models.TextChoices):
    NAME = "name"
    PHONE = "phone"
    EMAIL = "email"


class ContactQuerySet(models.QuerySet["Contact"]):
    def of(self, tenant_id: int) -> "ContactQuerySet":
        return self.filter(tenant_id=tenant_id)

    def with_key(self, tenant_id: int, kind: KeyKind, value: str) -> "ContactQuerySet":
        """Those of the tenant that have exactly this normalised phone or e-mail; a family may share one."""
        found = ContactKey.objects.filter(tenant_id=tenant_id, kind=kind, value=value)
        return self.of(tenant_id).filter(pk__in=found.values("contact"))

    def with_identity(self, tenant_id: int, platform: str, external_user_id: str) -> "ContactQuerySet":
        """The one contact of the tenant, if any, that goes by this id on this platform."""
        found = ContactIdentity.objects.filter(
            tenant_id=tenant_id, platform=platform, external_user_id=external_user_id
        )
        return self.of(tenant_id).filter(pk__in=found.values("contact"))

    def found_by(
        self, tenant_id: int, *, starts: Iterable[tuple[KeyKind, str]], external_user_id: str
    ) -> "ContactQuerySet":
        """Those of the tenant of whom a key of a kind starts as given, or who go by the id on any platform.

        Of each kind the first MOST_FOUND keys are looked at, so that a single letter costs no more than a name.
        They are read here and now: the database then knows how many there are, and does not walk through
        everybody, newest first, in the hope to meet them soon.
        """
        identities = ContactIdentity.objects.filter(tenant_id=tenant_id, external_user_id=external_user_id)
        keys = ContactKey.objects.filter(tenant_id=tenant_id)
        started = [
            # In the index's order, which takes no more of it than is wanted.
            keys.filter(kind=kind, value__startswith=start).order_by("value").values_list("contact")[:MOST_FOUND]
            for kind, start in starts
        ]
        found = identities.values_list("contact").union(*started)
        return self.of(tenant_id).filter(pk__in=[contact for (contact,) in found])


class Contact(models.Model):
    """A customer. Names, phones and e-mails stand here as they were typed, in the order they were given."""

    tenant = models.ForeignKey("crm.Tenant", on_delete=models.PROTECT, related_name="+")
    names = models.JSONField(default=list, blank=True)
    phones = models.JSONField(default=list, blank=True)
    emails = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ContactQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at", "-pk"]
        indexes: ClassVar = [models.Index(fields=["tenant", "-created_at", "-id"], name="contact_tenant_newest")]

    def __str__(self) -> str:
        return next(iter([*self.names, *self.emails, *self.phones]), f"Contact {self.pk}")


class ContactKey(models.Model):
    """A name, phone or e-mail of a contact, normalised for matching; made anew whenever the contact changes."""

    tenant = models.ForeignKey("crm.Tenant", on_delete=models.CASCADE, related_name="+", db_index=False)
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="keys")
    kind = models.CharField(max_length=8, choices=KeyKind.choices)
    # Compared letter by letter, so that one index serves the whole value as well as its start.
    value = models.CharField(max_length=320, db_collation="C")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["tenant", "kind", "value", "contact"], name="contact_key_value")]

    def __str__(self) -> str:
        return f"{self.kind} of contact {self.contact_id}"


class MatchDue(models.Model):
    """A phone, or an id on a platform, that a contact got or lost: its calls are to be matched anew.

    Gone as soon as they have been; see `crm.matching`.
    """

    tenant = models.ForeignKey("crm.Tenant", on_delete=models.CASCADE, related_name="+", db_index=False)
    phone_key = models.CharField(max_length=320, default="")
    platform = models.CharField(max_length=64, default="")
    external_user_id = models.CharField(max_length=255, default="")

    def __str__(self) -> str:
        return f"Matching due {self.pk}"


class ContactIdentity(models.Model):
    """What a contact is called on a platform. The id is a string of the caller's and never one of our users."""

    tenant = models.ForeignKey("crm.Tenant", on_delete=models.CASCADE, related_name="+", db_index=False)
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="identities")
    platform = models.CharField(max_length=64)
    external_user_id = models.CharField(max_length=255)

    class Meta:
        verbose_name_plural = "contact identities"
        constraints: ClassVar = [
            models.UniqueConstraint(
                # The id first: it tells almost everybody apart, and is also looked for alone.
                fields=["tenant", "external_user_id", "platform"],
                name="identity_once_per_tenant",
                violation_error_message="Another contact goes by this id on this platform.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.external_user_id} on {self.platform}"
