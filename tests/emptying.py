"""After a test, empties the tables that it has filled, and leaves the others alone.

Django truncates all tables, and asks every app to make its permissions anew: a hundred files written for three rows.
"""

from functools import cache

from django.db import connections
from psycopg.sql import SQL, Identifier, Literal

# What migrations leave there, and every test needs.
KEPT = {"django_migrations", "django_content_type", "auth_permission"}
# Rows that are deleted stay in such an index until it is vacuumed, and take the places of those that are looked for.
INDEXES_THAT_REMEMBER = ["hnsw", "ivfflat"]
_FILLED, _TRUNCATE, _DELETE = SQL("(SELECT {} FROM {} LIMIT 1)"), SQL("TRUNCATE {} CASCADE"), SQL("DELETE FROM {}")


def after(test_case):
    """In the place of TransactionTestCase._fixture_teardown."""
    for alias in test_case._databases_names(include_mirrors=False):
        empty(connections[alias])


def empty(connection):
    """Foreign keys and triggers are not asked: whoever refers to a row is deleted with it, one way or the other."""
    deleted, truncated = _tables(connection.alias)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            SQL(" UNION ALL ").join(_FILLED.format(Literal(one), Identifier(one)) for one in deleted + truncated)
        )
        for (table,) in cursor.fetchall():
            cursor.execute((_TRUNCATE if table in truncated else _DELETE).format(Identifier(table)))
        cursor.execute("SET session_replication_role = origin")


@cache
def _tables(alias):
    """Those whose rows are deleted, and those that are truncated."""
    connection = connections[alias]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT indrelid::regclass::text FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid "
            "JOIN pg_am ON pg_am.oid = pg_class.relam WHERE amname = ANY(%s)",
            [INDEXES_THAT_REMEMBER],
        )
        truncated = [table for (table,) in cursor.fetchall()]
        tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    return [table for table in tables if table not in KEPT and table not in truncated], truncated
