"""Calls of somebody, whole or one side of each, with what older programs kept of them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db import transaction

from calls import indexing, live
from calls.erasing import addresses, sides
from calls.erasing.sides import OTHER, Going, Side
from calls.store import erasing, legacy_erasing, people
from calls.store.expressions import Document
from metrics.erasing import Progress, Share, Subject, untold

# Calls that one transaction takes away, or reads and writes anew, which may not take long.
_AWAY_AT_ONCE = 500
_ANEW_AT_ONCE = 100
_BY_SIDE: tuple[tuple[Share, Side], ...] = ((Share.AGENT, "agent"), (Share.CLIENT, "client"))
_NAMING_CLIENT = {name: {"$nin": [None, ""]} for name in ("contact_id", "external_user_id", "phone", "phone_key")}


def count(subject: Subject) -> int:
    """Calls of which something is still theirs, documents of older programs about those, and old people."""
    whole = subject.calls_of(Share.WHOLE)
    total = sum(erasing.count(subject.tenant_id, some) for some in _batches(whole, _AWAY_AT_ONCE))
    total += sum(len(_old(subject, some)) for some in _batches(sorted(subject.calls), _AWAY_AT_ONCE))
    for share, side in _BY_SIDE:
        people_of_it: Mapping[str, Any] = {"user_id": subject.user_id} if side == "agent" else _NAMING_CLIENT
        for some in _batches(subject.calls_of(share), _AWAY_AT_ONCE):
            total += erasing.count_not_without(subject.tenant_id, some, side, people_of_it)
    return total + len(_old_people(subject))


def erase(subject: Subject, *, progress: Progress = untold) -> int:
    erased = legacy_erasing.remove_people(_old_people(subject))
    for some in _batches(subject.calls_of(Share.WHOLE), _AWAY_AT_ONCE):
        # Whose the old documents are, is known while the calls are there.
        done = legacy_erasing.remove(_old(subject, some))
        done += erasing.remove_for_good(subject.tenant_id, some)
        live.changed(subject.tenant_id, some)
        progress(done)
        erased += done
    for share, side in _BY_SIDE:
        for some in _by_size(subject.tenant_id, subject.calls_of(share)):
            done = _erase_side(subject, some, side)
            progress(done)
            erased += done
    return erased


def search(subject: Subject) -> int:
    """By what a call says of its people and of its recording, and by who speaks in it, rather than by its own id."""
    tenant_id, found = subject.tenant_id, 0
    theirs = people.of_client(
        tenant_id, contact_id=subject.contact_id, identities=subject.identities, phone_keys=subject.phone_keys
    )
    if subject.user_id is not None:
        theirs |= people.of_user(tenant_id, subject.user_id)
    found += len(theirs)
    found += erasing.count_of_sessions(tenant_id, subject.sessions_of(Share.WHOLE))
    for some in _batches(subject.calls_of(Share.WHOLE), _AWAY_AT_ONCE):
        found += erasing.count_buckets(tenant_id, some)
        found += legacy_erasing.count_by_id(some, tenant_id)
    for share, side in _BY_SIDE:
        for some in _batches(subject.calls_of(share), _AWAY_AT_ONCE):
            found += erasing.count_with_side(tenant_id, some, side)
            found += legacy_erasing.count_by_id(some, tenant_id, (side,))
            if subject.emails:
                found += erasing.count_with_text(tenant_id, some, addresses.pattern_of(subject.emails))
    return found + len(_old_people(subject))


def _erase_side(subject: Subject, call_ids: Sequence[str], side: Side) -> int:
    tenant_id = subject.tenant_id
    going, old = _going(subject, side), legacy_erasing.rows_of(tenant_id, call_ids)
    theirs = [one for one in old if one.side == side]
    staying = [one for one in old if one.side != side]
    with_others = {one.call_id for one in staying}

    def change(head: Document, buckets: Sequence[Document]) -> tuple[Document, Sequence[Document]] | None:
        after, own = sides.without(head, buckets, going)
        is_alone = head["call_id"] not in with_others and sides.is_nobodys(after, own, OTHER[side])
        return None if is_alone else (after, own)

    erased = legacy_erasing.remove(theirs)
    for one in staying:
        masked = addresses.masked_in(one.document, subject.emails)
        if masked != one.document:
            legacy_erasing.replace(one, masked)
    with transaction.atomic():
        changed = erasing.change_each(tenant_id, call_ids, change)
        # So the call is read anew by who keeps it in mind; those that went lose their rows.
        indexing.mark_stale(tenant_id, changed)
        live.changed(tenant_id, changed)
    return erased + len(changed)


def _going(subject: Subject, side: Side) -> Going:
    return Going(side, user_id=subject.user_id, emails=tuple(subject.emails))


def _old(subject: Subject, call_ids: Sequence[str]) -> list[legacy_erasing.Old]:
    """Documents of older programs that are theirs: of their calls, those of their side."""
    shares = {Share.AGENT: "agent", Share.CLIENT: "client"}
    return [
        one
        for one in legacy_erasing.rows_of(subject.tenant_id, call_ids)
        if shares.get(subject.calls[one.call_id], one.side) == one.side
    ]


def _old_people(subject: Subject) -> list[object]:
    numbers = {number for number in (subject.user_id, subject.contact_id) if number is not None}
    return legacy_erasing.people(subject.tenant_id, numbers, subject.emails)


def _by_size(tenant_id: int, call_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """The usual calls many at a time, long ones each by itself."""
    for some in _batches(call_ids, 10 * _ANEW_AT_ONCE):
        long = erasing.spilled_among(tenant_id, some)
        yield from _batches([call_id for call_id in some if call_id not in long], _ANEW_AT_ONCE)
        yield from _batches(sorted(long), 1)


def _batches(call_ids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(call_ids), size):
        yield call_ids[start : start + size]
