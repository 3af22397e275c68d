"""Tenants, the people in them, and the tokens their programs carry."""

import hashlib
from datetime import datetime
from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from django.utils import timezone

from crm.roles import Role, grants


class Tenant(models.Model):
    """A company; everything belongs to one."""

    name = models.CharField(max_length=120, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class User(AbstractUser):
    """Someone who signs in. Everyone but a superuser belongs to a tenant and has a role in it."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="users", null=True, blank=True)
    role = models.CharField(
        max_length=16, choices=[(role.value, role.value.capitalize()) for role in Role], default=Role.AGENT
    )

    class Meta:
        ordering: ClassVar = ["username"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(is_superuser=True) | Q(tenant__isnull=False),
                name="user_has_tenant",
                violation_error_message="Everyone but a superuser belongs to a tenant.",
            )
        ]

    def __str__(self) -> str:
        return self.get_full_name() or self.username

    def may(self, capability: str) -> bool:
        """Whether this person's role grants the capability, within their own tenant."""
        if not self.is_active:
            return False
        return self.is_superuser or grants(self.role, capability)


class TokenQuerySet(models.QuerySet["Token"]):
    def usable(self, *, at: datetime) -> "TokenQuerySet":
        return self.filter(revoked_at=None, expires_at__gt=at, user__is_active=True)

    def for_secret(self, secret: str) -> "TokenQuerySet":
        return self.filter(digest=digest_of(secret))


class Token(models.Model):
    """A Bearer token. The secret is shown once; its SHA-256 is what we keep.

    The secret has 256 random bits, so a slow password hash would add nothing but time to every request.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=120)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(max_length=4, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = TokenQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} (…{self.hint})"

    @property
    def is_usable(self) -> bool:
        return self.revoked_at is None and self.expires_at > timezone.now()


def digest_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
