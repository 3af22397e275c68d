"""What erasure asks of exports: those of the person, and those of others that have words of theirs.

An export that is being made is told by its row that it is over, and leaves nothing.
"""

from collections.abc import Iterator
from typing import Any

from audio import blobs
from crm.models import PersonExport
from crm.models.privacy import ExportState
from crm.person_exports import files, requests
from metrics.erasing import Identity, Progress, Subject, untold


def count(subject: Subject) -> int:
    """Raises StoreUnavailable, as all three do."""
    return sum(1 for _ in _theirs(subject))


def erase(subject: Subject, *, progress: Progress = untold) -> int:
    removed = 0
    for export in list(_theirs(subject)):
        requests.expire(export)
        removed += 1
        progress(1)
    # Also what somebody who died on the way has left of one that was expired.
    for one in list(_left(subject)):
        blobs.erase(one)
    return removed


def search(subject: Subject) -> int:
    """By what every row of the company says, whatever its state, and what lies in the store that no row stands for."""
    rows = PersonExport.objects.of(subject.tenant_id).exclude(subject={}, subject_name="")
    named = sum(1 for row in rows.iterator() if _is_of(row.subject, subject) or _has_words_of(row.subject, subject))
    return named + sum(1 for _ in _left(subject))


def _theirs(subject: Subject) -> Iterator[PersonExport]:
    """There are few at any time: they expire within days."""
    for export in PersonExport.objects.of(subject.tenant_id).exclude(state=ExportState.EXPIRED):
        if _is_of(export.subject, subject) or _has_words_of(export.subject, subject):
            yield export


def _is_of(named: dict[str, Any], subject: Subject) -> bool:
    if named.get("user_id") is not None:
        return bool(named["user_id"] == subject.user_id)
    if named.get("contact_id") is not None:
        return bool(named["contact_id"] == subject.contact_id)
    if not named.get("external_user_id"):
        return False
    return Identity(named.get("platform", ""), named["external_user_id"]) in subject.identities


def _has_words_of(named: dict[str, Any], subject: Subject) -> bool:
    """Whether a call of theirs is in somebody else's export with more than that one's own words."""
    return not subject.calls.keys().isdisjoint(named.get("others_in", ()))


def _left(subject: Subject) -> Iterator[str]:
    """The keys of archives of the company's exports that are over."""
    over = PersonExport.objects.of(subject.tenant_id).filter(state=ExportState.EXPIRED)
    folders = {files.folder_of(export_id) for export_id in over.values_list("pk", flat=True)}
    yield from (one.key for one in files.strays() if f"{one.key.rpartition('/')[0]}/" in folders)
