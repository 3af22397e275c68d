"""The demo: two companies and five people to try Earshot with."""

import os
import secrets
from pathlib import Path

from crm.models import Tenant, User
from crm.roles import Role

TENANT = "Demo"
OTHER_TENANT = "Other company"
PEOPLE = [
    ("demo-agent", "Dana", "Agent", Role.AGENT, TENANT),
    ("demo-supervisor", "Sam", "Supervisor", Role.SUPERVISOR, TENANT),
    ("demo-admin", "Alex", "Admin", Role.ADMIN, TENANT),
    ("demo-privacy", "Pat", "Privacy", Role.PRIVACY, TENANT),
    ("other-supervisor", "Olga", "Other", Role.SUPERVISOR, OTHER_TENANT),
]


def create(password_file: Path) -> None:
    """Two tenants and five people with the one password that the file keeps; what is there already stays."""
    password = _kept_password(password_file)
    for username, first_name, last_name, role, tenant_name in PEOPLE:
        tenant, _ = Tenant.objects.get_or_create(name=tenant_name)
        person, is_new = User.objects.get_or_create(
            username=username,
            defaults={"first_name": first_name, "last_name": last_name, "role": role, "tenant": tenant},
        )
        # Hashing takes a third of a second on purpose, checking as long: once is enough for people that are there.
        if is_new:
            person.set_password(password)
            person.save(update_fields=["password"])


def _kept_password(file: Path) -> str:
    if file.exists():
        return file.read_text().strip()
    password = secrets.token_urlsafe(12)
    file.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as kept:
        kept.write(password + "\n")
    return password
