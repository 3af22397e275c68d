"""Retention of the audit log itself: whole sealed blocks lose their entries, and stay in the chain.

A block goes only after all that came before it have gone, so that no single one can be taken out of the middle
unseen. Its number, its hash and how many entries it had stay, and so does its anchor in the archive; only a block
whose anchor agrees is emptied. The admin's own log, of which ours takes the place, goes by the same age.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import takewhile
from typing import Final

import structlog
from django.contrib.admin.models import LogEntry
from django.db import transaction
from django.db.models import Min, QuerySet
from django.utils import timezone

from audio.models import AudioSession
from crm.audit import naming
from crm.audit.sealing import ANCHORS_AT_ONCE, anchor_of
from crm.models import AuditBlock, AuditEntry
from metrics import archive, keyring, person_keys
from metrics.keyring import Named
from metrics.retention import Held

log = structlog.get_logger("earshot.audit")

MOST_BLOCKS: Final = ANCHORS_AT_ONCE


def count(tenant_id: int, *, before: datetime, held: Held) -> tuple[int, int]:
    """How many entries would go, and how many of that age stay because somebody among them is held.

    Raises RetryableMetricsError while the archive is away.
    """
    of_that_age = sum(block.entry_count for block in _aged(tenant_id, before))
    going = sum(block.entry_count for block in _going(tenant_id, before, held))
    return going + _of_the_admin(tenant_id, before).count(), of_that_age - going


def oldest(tenant_id: int) -> datetime | None:
    """When the oldest entry that is there was written; None for none."""
    at: datetime | None = AuditEntry.objects.of_chain(tenant_id).aggregate(Min("at"))["at__min"]
    return at


def remove(tenant_id: int, *, before: datetime, held: Held) -> Iterator[int]:
    """Let go what is older, some blocks at a time; tells how many entries went each time. Again is the same as once.

    Raises RetryableMetricsError while the archive is away.
    """
    going = list(_going(tenant_id, before, held))
    for start in range(0, len(going), MOST_BLOCKS):
        some = going[start : start + MOST_BLOCKS]
        proven = list(takewhile(_Anchors(some).agree_with, some))
        yield _empty(proven)
        if len(proven) < len(some):
            # What those were has to stay visible: verify_audit tells.
            log.error("audit_block_not_emptied", tenant_id=tenant_id, number=some[len(proven)].number)
            break
    if gone := _of_the_admin(tenant_id, before).delete()[0]:
        yield gone


def _empty(blocks: list[AuditBlock]) -> int:
    ids = [block.pk for block in blocks]
    with transaction.atomic():
        gone, _ = AuditEntry.objects.filter(block__in=ids).delete()
        AuditBlock.objects.filter(pk__in=ids, emptied_at=None).update(emptied_at=timezone.now())
    return gone


def _aged(tenant_id: int, before: datetime) -> Iterator[AuditBlock]:
    """The blocks whose entries are all older: what a block seals was done before its seal."""
    full = AuditBlock.objects.of_chain(tenant_id).filter(emptied_at=None).order_by("number")
    return takewhile(lambda block: block.sealed_at < before, full.iterator(chunk_size=MOST_BLOCKS))


def _going(tenant_id: int, before: datetime, held: Held) -> Iterator[AuditBlock]:
    """Those of them that nobody who is held keeps; one that is kept keeps all that follow it."""
    names = _names_of(tenant_id, held)
    return takewhile(lambda block: not (names and _names_any(block, names)), _aged(tenant_id, before))


def _names_any(block: AuditBlock, names: set[str]) -> bool:
    named = block.entries.order_by().values_list("actor", "subject")
    return any(actor in names or subject in names for actor, subject in named)


def _names_of(tenant_id: int, held: Held) -> set[str]:
    """How sealed entries call those who are held, the calls that are, and the recordings of both."""
    people = [person_keys.of_user(user_id) for user_id in sorted(held.user_ids)]
    contacts = [person_keys.of_contact(contact_id) for contact_id in sorted(held.contact_ids)]
    sessions = AudioSession.objects.filter(tenant_id=tenant_id, user__in=held.user_ids)
    owned = [
        Named(tenant_id, person_keys.of_user(user_id), subject)
        for session_id, call_id, user_id in sessions.values_list("pk", "call_id", "user_id")
        if user_id is not None
        for subject in (f"recording:{session_id}", f"call:{call_id}")
    ]
    named = [Named(tenant_id, person_key) for person_key in (*people, *contacts)]
    found = keyring.known_pseudonyms([*named, *owned])
    names = {name for name in found[: len(people)] if name}
    names |= {f"person:{name}" for name in found[: len(people)] if name}
    names |= {f"contact:{name}" for name in found[len(people) : len(named)] if name}
    for one, name in zip(owned, found[len(named) :], strict=True):
        if name and one.text:
            names.add(f"{one.text.partition(':')[0]}:{name}")
    recordings = AudioSession.objects.filter(tenant_id=tenant_id, call_id__in=held.call_ids)
    subjects = [f"call:{call_id}" for call_id in sorted(held.call_ids)]
    subjects += [f"recording:{session_id}" for session_id in recordings.values_list("pk", flat=True)]
    return names.union(*(naming.forms_of_subject(tenant_id, subject) for subject in subjects))


def _of_the_admin(tenant_id: int, before: datetime) -> QuerySet[LogEntry]:
    return LogEntry.objects.filter(user__tenant_id=tenant_id, action_time__lt=before)


class _Anchors:
    """What the archive keeps of some blocks."""

    def __init__(self, blocks: list[AuditBlock]) -> None:
        self._kept = archive.read_all(anchor_of(block)[0] for block in blocks)

    def agree_with(self, block: AuditBlock) -> bool:
        name, content = anchor_of(block)
        return self._kept.get(name) == content
