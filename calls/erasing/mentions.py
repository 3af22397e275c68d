"""A colleague in the calls of others: who has a call, who wrote or changed something in it. What they wrote stays."""

from collections.abc import Sequence

from calls import live
from calls.erasing import naming
from calls.store import erasing, people
from calls.store.expressions import Document
from metrics.erasing import Progress, Subject, untold

_AT_ONCE = 100


def count(subject: Subject) -> int:
    """Calls that name them, but for whose they are."""
    return 0 if subject.user_id is None else len(people.naming(subject.tenant_id, subject.user_id))


def erase(subject: Subject, *, progress: Progress = untold) -> int:
    user_id = subject.user_id
    if user_id is None:
        return 0

    def change(head: Document, buckets: Sequence[Document]) -> tuple[Document, Sequence[Document]]:
        return naming.without(head, user_id), buckets

    found, erased = sorted(people.naming(subject.tenant_id, user_id)), 0
    for start in range(0, len(found), _AT_ONCE):
        changed = erasing.change_each(subject.tenant_id, found[start : start + _AT_ONCE], change)
        live.changed(subject.tenant_id, changed)
        progress(len(changed))
        erased += len(changed)
    return erased


def search(subject: Subject) -> int:
    """Every call of the company is looked at."""
    return 0 if subject.user_id is None else people.count_naming(subject.tenant_id, subject.user_id)
