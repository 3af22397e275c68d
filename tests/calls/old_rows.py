"""What an older installation left behind, for tests: rows in its collections, and calls that they are of."""

import itertools
from contextlib import contextmanager
from datetime import UTC, datetime

from calls import opening
from calls.store import client, legacy

_calls = itertools.count(1)
OLD = [*legacy.SEGMENTS.values(), legacy.USERS, legacy.STATUSES]


@contextmanager
def old_installation():
    """None of the old collections before and after."""
    drop_all()
    yield
    drop_all()


def drop_all():
    for name in OLD:
        client.collection(name).drop()
    legacy.look_again()


def open_call(user, call_id=None):
    call_id = call_id or f"old-{next(_calls)}-{user.pk}"
    opening.create_call(user, {"call_id": call_id, "start_time": datetime.now(UTC)})
    return call_id


def write_rows(side, *rows):
    client.collection(legacy.SEGMENTS[side]).insert_many([dict(row) for row in rows])
    legacy.look_again()


def row(call_id, text, start_time=0.0, end_time=None, **more):
    ends = {} if end_time is None else {"end_time": end_time}
    return {"call_id": call_id, "text": text, "start_time": start_time, **ends, **more}


def call_of(user, call_id):
    """The call's document as it lies there."""
    return client.calls().find_one({"tenant_id": user.tenant_id, "call_id": call_id})


def there(name):
    return client.collection(name).estimated_document_count()
