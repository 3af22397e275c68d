"""The rows of the desk: who people are, whom they talk to, and what they have done."""

from crm.models.audit import AuditBlock, AuditEntry
from crm.models.people import Tenant, Token, User, digest_of

__all__ = ["AuditBlock", "AuditEntry", "Tenant", "Token", "User", "digest_of"]
