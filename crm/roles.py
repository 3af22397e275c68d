"""The one table of who may do what.

A capability is `thing.act`. Views, consumers and pages name capabilities, never roles.
"""

from enum import StrEnum


class Role(StrEnum):
    AGENT = "agent"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"
    PRIVACY = "privacy"
    INTEGRATION = "integration"


CHOICES = [(role.value, role.value.capitalize()) for role in Role]

_EVERYONE = {"tickets.make", "tokens.manage", "profile.edit"}
_RECORDING = {"recordings.write", "recordings.read", "calls.read", "calls.edit", "calls.move", "calls.export"}
# Conversations that come as text. An agent sends none, and sees those of others no more than their calls.
_TAKING_IN = {"conversations.write", "conversations.read", "conversations.watch"}
_SUPERVISING = {
    "recordings.read_all",
    "recordings.retry",
    "calls.read_all",
    "calls.review",
    "calls.write",
    "calls.delete",
    "metrics.read",
    "metrics.write",
    "alerts.acknowledge",
    "people.read",
    "contacts.read",
    "contacts.write",
}
_RUNNING_THE_COMPANY = {
    "people.manage",
    "settings.manage",
    "admin.use",
    "calls.read_originals",
    "recordings.hear_originals",
    "audit.read",
    "retention.manage",
}
_PRIVACY = {
    "recordings.read",
    "recordings.read_all",
    "recordings.hear_originals",
    "calls.read",
    "calls.read_all",
    "calls.read_originals",
    "calls.export",
    "conversations.read",
    "people.read",
    "contacts.read",
    "privacy.read",
    "privacy.erase",
    "privacy.approve",
    "privacy.hold",
    "privacy.export",
    "audit.read",
    "retention.manage",
}
_INTEGRATING = {
    "recordings.read_all",
    "calls.read_all",
    "calls.write",
    "metrics.write",
    "contacts.read",
    "contacts.write",
}

CAPABILITIES: dict[Role, frozenset[str]] = {
    Role.AGENT: frozenset(_EVERYONE | _RECORDING),
    Role.SUPERVISOR: frozenset(_EVERYONE | _RECORDING | _TAKING_IN | _SUPERVISING),
    Role.ADMIN: frozenset(_EVERYONE | _RECORDING | _TAKING_IN | _SUPERVISING | _RUNNING_THE_COMPANY),
    Role.PRIVACY: frozenset(_EVERYONE | _PRIVACY),
    Role.INTEGRATION: frozenset(_EVERYONE | _RECORDING | _TAKING_IN | _INTEGRATING),
}


def grants(role: str, capability: str) -> bool:
    return capability in CAPABILITIES.get(Role(role), frozenset()) if role in set(Role) else False
