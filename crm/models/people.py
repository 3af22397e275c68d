"""Tenants, the people in them, and the tokens their programs carry."""

import hashlib
import secrets
from datetime import datetime
from typing import ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.db.models import Max, Q
from django.db.models.functions import Greatest
from django.utils import timezone
from django.utils.crypto import salted_hmac

from crm.roles import CHOICES, Role, grants


class Tenant(models.Model):
    """A company; everything belongs to one."""

    name = models.CharField(max_length=120, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class UserQuerySet(models.QuerySet["User"]):
    def of(self, tenant_id: int | None) -> "UserQuerySet":
        """A company's people; those who run the site are nobody's, even where they have a tenant."""
        return self.filter(tenant=tenant_id, tenant__isnull=False, is_superuser=False)

    def admins(self) -> "UserQuerySet":
        return self.filter(role=Role.ADMIN, is_active=True)

    def matching(self, words: str) -> "UserQuerySet":
        """Those whose name, username or e-mail holds every word."""
        found = self
        for word in words.split():
            found = found.filter(
                Q(username__icontains=word)
                | Q(first_name__icontains=word)
                | Q(last_name__icontains=word)
                | Q(email__icontains=word)
            )
        return found

    def with_last_seen(self) -> "UserQuerySet":
        """Adds `last_seen`: the last sign-in or use of a token, whichever is later; None for neither."""
        return self.annotate(last_seen=Greatest("last_login", Max("tokens__last_used_at")))


class People(UserManager["User"]):
    use_in_migrations = False

    def get_queryset(self) -> UserQuerySet:
        return UserQuerySet(self.model, using=self._db)

    def of(self, tenant_id: int | None) -> UserQuerySet:
        return self.get_queryset().of(tenant_id)


def new_seal() -> str:
    return secrets.token_urlsafe(12)


class User(AbstractUser):
    """Someone who signs in. Everyone but a superuser belongs to a tenant and has a role in it."""

    objects: ClassVar[People] = People()

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="users", null=True, blank=True)
    role = models.CharField(max_length=16, choices=CHOICES, default=Role.AGENT)
    # Browser sessions and open sign-in links carry it; a new one ends them all.
    session_seal = models.CharField(max_length=16, default=new_seal, editable=False)

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

    @property
    def name(self) -> str:
        """As they call themselves; empty when nobody has said."""
        return self.get_full_name()

    @name.setter
    def name(self, name: str) -> None:
        # Not everybody's name splits in two, so it is kept whole.
        self.first_name, self.last_name = name, ""

    def may(self, capability: str) -> bool:
        """Whether this person's role grants the capability, within their own tenant."""
        if not self.is_active:
            return False
        return self.is_superuser or grants(self.role, capability)

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        # Django asks for it under the present secret key and under former ones.
        return salted_hmac(
            "crm.User.session", f"{self.session_seal}:{self.password}", secret=secret, algorithm="sha256"
        ).hexdigest()


class TokenQuerySet(models.QuerySet["Token"]):
    def usable(self, *, at: datetime) -> "TokenQuerySet":
        return self.filter(revoked_at=None, expires_at__gt=at, user__is_active=True)

    def of(self, user: User) -> "TokenQuerySet":
        """Those that were not revoked, with the expired ones."""
        return self.filter(user=user, revoked_at=None)


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
