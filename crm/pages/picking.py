"""Choosing whom a page about privacy is about: colleagues and contacts, found by what one knows of them."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from crm import contacts
from crm.models import Contact, User

# As many of each kind are shown; whoever meets the limit types more letters.
MOST_SHOWN = 8
LONGEST_SEARCH = 255


@dataclass(frozen=True, slots=True)
class Choice:
    """Somebody who may be chosen: `query` completes the address of the page that is about them."""

    query: str
    name: str
    details: str


def choices(request: HttpRequest, tenant_id: int) -> dict[str, Any]:
    """What `crm/person_picker.html` shows for the words in the address, `q`."""
    words = request.GET.get("q", "").replace("\0", "")[:LONGEST_SEARCH].strip()
    return {
        "words": words,
        "colleagues": _colleagues(tenant_id, words) if words else [],
        "contacts": _contacts(tenant_id, words) if words else [],
        "most_shown": MOST_SHOWN,
    }


def _colleagues(tenant_id: int, words: str) -> list[Choice]:
    found = User.objects.of(tenant_id).matching(words).order_by("-is_active", "username")[:MOST_SHOWN]
    return [Choice(f"user_id={user.pk}", str(user), " · ".join(_known_of(user))) for user in found]


def _known_of(user: User) -> list[str]:
    return [known for known in (user.username if user.name else "", user.email, user.get_role_display()) if known]


def _contacts(tenant_id: int, words: str) -> list[Choice]:
    found = contacts.search(tenant_id, words).prefetch_related("identities")[:MOST_SHOWN]
    return [Choice(f"contact_id={contact.pk}", str(contact), " · ".join(_known_by(contact))) for contact in found]


def _known_by(contact: Contact) -> list[str]:
    """What tells them from others of their name."""
    known = [*contact.phones[:1], *contact.emails[:1], *(str(identity) for identity in contact.identities.all()[:1])]
    return [one for one in known if one != str(contact)] or [f"number {contact.pk}"]
