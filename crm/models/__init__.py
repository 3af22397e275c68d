"""The rows of the desk: who people are, whom they talk to, and what they have done."""

from crm.models.access import AccessPolicy, SignInFailures
from crm.models.audit import AuditBlock, AuditEntry
from crm.models.contacts import Contact, ContactIdentity, ContactKey, KeyKind, MatchDue
from crm.models.people import Tenant, Token, User, digest_of
from crm.models.schedules import DeclaredSchedule

__all__ = [
    "AccessPolicy",
    "AuditBlock",
    "AuditEntry",
    "Contact",
    "ContactIdentity",
    "ContactKey",
    "DeclaredSchedule",
    "KeyKind",
    "MatchDue",
    "SignInFailures",
    "Tenant",
    "Token",
    "User",
    "digest_of",
]
