"""PostgreSQL's advisory locks go by number; this gives each name its own."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


def number_of(name: str) -> int:
    """A number of 64 bits, with a sign; the same for a name in every process."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)


@contextmanager
def held_alone(name: str) -> Iterator[bool]:
    """Whether nobody else holds the lock of that name; nobody is waited for. Held until the block ends."""
    number = number_of(name)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [number])
        (is_ours,) = cursor.fetchone()
    try:
        yield bool(is_ours)
    finally:
        if is_ours:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [number])
