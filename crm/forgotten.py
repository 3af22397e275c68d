"""Whose data is not written here any more, by digest; asked wherever the desk writes down who somebody is.

A contact, what platforms call one, and a colleague are asked about before they are made or changed; whoever has been
erased is answered about as somebody who was never there.
"""

from collections.abc import Callable

from django.db import connection, models

from metrics.registers import Register

_register = Register("crm")

is_forgotten = _register.is_forgotten
among = _register.among
forget = _register.forget
forget_digests = _register.forget_digests


def unused_id(model: type[models.Model], tenant_id: int | None, key_of: Callable[[int], str]) -> int:
    """An id for a new row, which nobody who was forgotten had. Within the transaction that makes the row.

    A database that was restored from a backup gives numbers a second time, and whoever got one of somebody forgotten
    would be taken for them: refused everywhere, and erased when the ledger is replayed.
    """
    while True:
        with connection.cursor() as cursor:
            cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id'))", [model._meta.db_table])
            new_id: int = cursor.fetchone()[0]
        if not is_forgotten(tenant_id, key_of(new_id)):
            return new_id
