"""Keys in the archive: without theirs nobody can tell whose the pseudonyms of archived days and audit entries are.

Who runs the site may have acted on one of our users or contacts, which the site's own audit log has under another key.
"""

from metrics import keyring, person_keys
from metrics.erasing import Progress, Subject, untold
from metrics.keyring import Named


def count(subject: Subject) -> int:
    return sum(known is not None for known in keyring.known_pseudonyms(_named(subject)))


def erase(subject: Subject, *, progress: Progress = untold) -> int:
    """Also of who never had a key, so that none is made for them any more."""
    destroyed = 0
    for tenant_id, person_key, _ in _named(subject):
        there_was_one = keyring.destroy(tenant_id, person_key)
        progress(there_was_one)
        destroyed += there_was_one
    return destroyed


def search(subject: Subject) -> int:
    return sum(keyring.remains_of(tenant_id, person_key) for tenant_id, person_key, _ in _named(subject))


def _named(subject: Subject) -> list[Named]:
    # Ids of other systems are given by company; ours are nobody else's anywhere.
    ours = [] if subject.user_id is None else [person_keys.of_user(subject.user_id)]
    ours += [] if subject.contact_id is None else [person_keys.of_contact(subject.contact_id)]
    of_company = [Named(subject.tenant_id, person_key) for person_key in subject.person_keys]
    return [*of_company, *(Named(None, person_key) for person_key in ours)]
