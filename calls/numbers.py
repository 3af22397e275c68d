"""Calls are numbered across the site by a PostgreSQL sequence, so that people can say "call 1042"."""

from django.db import connection

SEQUENCE = "calls_number"


def following(count: int = 1) -> list[int]:
    """The next numbers; one that is taken and not used is simply missing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(%s) FROM generate_series(1, %s)", [SEQUENCE, count])
        return [int(number) for (number,) in cursor.fetchall()]
