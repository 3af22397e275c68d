"""A company's statuses for its calls: made, changed, put in order, taken away.

A status that is taken away stays in the table, since calls and their history name it; its calls get another one first.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Max

from calls import indexing, live, store
from calls.documents import HistoryEntry
from calls.errors import NotAStatus, StatusInUse, StatusNameTaken, UnknownStatus
from calls.models import CallStatus

# So many columns nobody can work with.
MOST = 100
# PostgreSQL's integers end here; a larger number is nobody's.
_LARGEST_ID = 2**63 - 1


def of(tenant_id: int) -> list[CallStatus]:
    """A company's statuses, in its order."""
    return list(CallStatus.objects.of(tenant_id))


def find(tenant_id: int, status_id: int) -> CallStatus:
    """Raises UnknownStatus."""
    found = CallStatus.objects.of(tenant_id).filter(pk=status_id).first() if 0 < status_id <= _LARGEST_ID else None
    if found is None:
        raise UnknownStatus(f"There is no status {status_id}.")
    return found


def was_removed(tenant_id: int, status_id: int) -> bool:
    """Whether the company had this status and has taken it away."""
    return CallStatus.objects.filter(
        tenant_id=tenant_id, deleted=True, pk=status_id if 0 < status_id <= _LARGEST_ID else 0
    ).exists()


def known(tenant_id: int, status_id: str | int | None) -> str | None:
    """The status as calls name it; None is none. Raises NotAStatus."""
    if status_id is None or status_id == "":
        return None
    text = str(status_id)
    try:
        return str(find(tenant_id, int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0).pk)
    except UnknownStatus as unknown:
        raise _none_of_theirs(text) from unknown


def held(tenant_id: int, status_id: str | int | None) -> str | None:
    """As `known`, within a transaction, until whose end nobody takes the status away."""
    wanted = known(tenant_id, status_id)
    if wanted is not None:
        with connection.cursor() as cursor:
            # Many may hold it at once; only who takes it away waits for them.
            cursor.execute("SELECT deleted FROM calls_callstatus WHERE id = %s FOR SHARE", [int(wanted)])
            if cursor.fetchone() != (False,):
                raise _none_of_theirs(wanted)
    return wanted


def create(tenant_id: int, values: Mapping[str, Any]) -> CallStatus:
    """A new status, the last in order unless `position` says otherwise. Raises StatusNameTaken, StatusInUse."""
    theirs = CallStatus.objects.of(tenant_id)
    if theirs.count() >= MOST:
        raise StatusInUse(f"A company has {MOST} statuses at most. Take one away first.")
    last = theirs.aggregate(last=Max("position"))["last"]
    given = {"position": 0 if last is None else last + 1, **values}
    return _saved(CallStatus(tenant_id=tenant_id, **given))


def bring_in(tenant_id: int, status_id: int, values: Mapping[str, Any]) -> CallStatus:
    """A status with the number that it had elsewhere, which the caller knows to be free; perhaps a deleted one.

    Raises StatusNameTaken, StatusInUse as `create` does.
    """
    if not values.get("deleted") and CallStatus.objects.of(tenant_id).count() >= MOST:
        raise StatusInUse(f"A company has {MOST} statuses at most. Take one away first.")
    return _saved(CallStatus(pk=status_id, tenant_id=tenant_id, **values))


def change(tenant_id: int, status_id: int, values: Mapping[str, Any]) -> CallStatus:
    """Raises UnknownStatus, StatusNameTaken."""
    status = find(tenant_id, status_id)
    for name, value in values.items():
        setattr(status, name, value)
    return _saved(status, only=list(values))


def remove(user: Any, status_id: int, *, move_calls_to: int | None = None) -> int:
    """Take a status away, once no call has it; how many have been given the other one for it.

    Raises UnknownStatus for either, StatusInUse when calls have it and no other one is named.
    """
    status = find(user.tenant_id, status_id)
    other = None if move_calls_to is None else str(find(user.tenant_id, move_calls_to).pk)
    if other == str(status.pk):
        raise StatusInUse("Its calls cannot move to the status that is taken away. Name another one.")
    # Most of them before anybody has to wait.
    moved = _move_calls(user, str(status.pk), other) if other is not None else 0
    with transaction.atomic():
        # Who is giving a call this status now, does so before or finds it gone.
        CallStatus.objects.select_for_update().get(pk=status.pk, tenant_id=user.tenant_id)
        if other is not None:
            moved += _move_calls(user, str(status.pk), other)
        elif there := store.counts(user.tenant_id).get(str(status.pk), 0):
            raise StatusInUse(f"{there} calls have this status. Say which one they are to get instead.")
        CallStatus.objects.filter(pk=status.pk, tenant_id=user.tenant_id).update(deleted=True)
    live.statuses_changed(user.tenant_id)
    return moved


def _move_calls(user: Any, from_status: str, to_status: str) -> int:
    entry = HistoryEntry(act="moved", by=user.pk, at=datetime.now(UTC))
    with transaction.atomic():
        moved = store.move_all(user.tenant_id, from_status=from_status, to_status=to_status, entry=entry)
        indexing.mark_status_stale(user.tenant_id, from_status)
    if moved:
        live.much_changed(user.tenant_id)
    return moved


def put_in_order(tenant_id: int, status_ids: Sequence[int]) -> list[CallStatus]:
    """Give the statuses the order of the list; those that it does not name follow. Raises UnknownStatus."""
    with transaction.atomic():
        theirs = {status.pk: status for status in CallStatus.objects.of(tenant_id).select_for_update()}
        for status_id in status_ids:
            if status_id not in theirs:
                raise UnknownStatus(f"There is no status {status_id}.")
        named = list(dict.fromkeys(status_ids))
        ordered = [theirs[status_id] for status_id in named]
        ordered += [status for status in theirs.values() if status.pk not in set(named)]
        for position, status in enumerate(ordered):
            status.position = position
        CallStatus.objects.bulk_update(ordered, ["position"])
        live.statuses_changed(tenant_id)
    return ordered


def _none_of_theirs(status_id: str) -> NotAStatus:
    return NotAStatus(f"There is no status {status_id[:40]}.", fields={"status_id": ["None of your company's."]})


def _saved(status: CallStatus, *, only: list[str] | None = None) -> CallStatus:
    try:
        with transaction.atomic():
            status.save(force_insert=status._state.adding, update_fields=only)
    except IntegrityError as taken:
        raise StatusNameTaken(f"There is a status called {status.name} already.") from taken
    live.statuses_changed(status.tenant_id)
    return status
