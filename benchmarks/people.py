"""A company and somebody who works there, for what asks who wants to know."""

import secrets

from crm.models import Tenant, User


def make_supervisor() -> tuple[User, int]:
    """Of a company of their own, whose id comes with them."""
    name = f"benchmark-{secrets.token_hex(4)}"
    tenant = Tenant.objects.create(name=name)
    return User.objects.create(username=name, role="supervisor", tenant=tenant), tenant.pk
