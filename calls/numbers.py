"""Calls are numbered across the site by a PostgreSQL sequence, so that people can say "call 1042"."""

from django.db import connection

from calls import store

SEQUENCE = "calls_number"


def following(count: int = 1) -> list[int]:
    """The next numbers; one that is taken and not used is simply missing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(%s) FROM generate_series(1, %s)", [SEQUENCE, count])
        return [int(number) for (number,) in cursor.fetchall()]


def catch_up() -> None:
    """Have them go on after the highest that a call has, if they have not got so far.

    Of a backup that was made while calls came in, MongoDB's part may know later ones than PostgreSQL's.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            # One that was never used has its first number for its last.
            f"SELECT setval(%(sequence)s, %(highest)s) FROM {SEQUENCE} "  # noqa: S608
            "WHERE last_value < %(highest)s OR (last_value = %(highest)s AND NOT is_called)",
            {"sequence": SEQUENCE, "highest": store.highest_number()},
        )
