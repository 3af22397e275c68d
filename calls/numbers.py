"""Calls are numbered across the site by a PostgreSQL sequence, so that people can say "call 1042"."""

from django.db import connection

SEQUENCE = "calls_number"


def following() -> int:
    """The next number; one that is taken and not used is simply missing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(%s)", [SEQUENCE])
        (number,) = cursor.fetchone()
    return int(number)
