"""Whom the calls of a company name."""

from calls.erasing import waiting
from calls.store import people
from metrics import person_keys
from metrics.erasing import Identity
from metrics.errors import BadPersonKey


def candidates(tenant_id: int) -> set[str]:
    """The person keys of all whom calls name, and conversations that wait to become some. Raises RetryableCallError."""
    senders, sent = waiting.people(tenant_id)
    named = people.everybody(tenant_id)
    found = {person_keys.of_user(user_id) for user_id in named.users | senders}
    found |= {person_keys.of_contact(contact_id) for contact_id in named.contacts}
    for identity in named.identities | sent:
        found |= _key_of(identity)
    return found


def _key_of(identity: Identity) -> set[str]:
    try:
        return {person_keys.of_external(*identity)}
    except BadPersonKey:
        # Nobody can have been erased by what is no key.
        return set()
