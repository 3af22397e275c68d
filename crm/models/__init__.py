"""The rows of the desk: who people are, whom they talk to, and what they have done."""

from crm.models.access import AccessPolicy, SignInFailures
from crm.models.people import Tenant, Token, User, digest_of

__all__ = ["AccessPolicy", "SignInFailures", "Tenant", "Token", "User", "digest_of"]
