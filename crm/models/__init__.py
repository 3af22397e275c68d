"""The rows of the desk: who people are, whom they talk to, and what they have done."""

from crm.models.access import AccessPolicy, SignInFailures
from crm.models.audit import AuditBlock, AuditEntry
from crm.models.contacts import Contact, ContactIdentity, ContactKey, KeyKind, MatchDue
from crm.models.people import Tenant, Token, User, digest_of
from crm.models.privacy import (
    ERASURE_MOVES,
    EXPORT_MOVES,
    ErasureRequest,
    ErasureState,
    ExportState,
    HoldKind,
    LegalHold,
    ObeyedErasure,
    PersonExport,
    PrivacyPolicy,
    RetentionKind,
    RetentionPolicy,
    RetentionRun,
    StoreRow,
    SubjectKind,
)
from crm.models.schedules import DeclaredSchedule

__all__ = [
    "ERASURE_MOVES",
    "EXPORT_MOVES",
    "AccessPolicy",
    "AuditBlock",
    "AuditEntry",
    "Contact",
    "ContactIdentity",
    "ContactKey",
    "DeclaredSchedule",
    "ErasureRequest",
    "ErasureState",
    "ExportState",
    "HoldKind",
    "KeyKind",
    "LegalHold",
    "MatchDue",
    "ObeyedErasure",
    "PersonExport",
    "PrivacyPolicy",
    "RetentionKind",
    "RetentionPolicy",
    "RetentionRun",
    "SignInFailures",
    "StoreRow",
    "SubjectKind",
    "Tenant",
    "Token",
    "User",
    "digest_of",
]
