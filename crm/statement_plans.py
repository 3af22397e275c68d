"""How PostgreSQL goes about what is really asked: a piece of code is run, and each of its reads explained beside it."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection
from psycopg import sql

# A smaller table is read from end to end sooner than along an index.
SMALL_ROWS = 1000
_READ = re.compile(r"[\s(]*(SELECT|WITH)\b", re.IGNORECASE)
_SAYS = re.compile(r"\s+")
LONGEST_ASKED = 400
_EXPLAIN = "EXPLAIN (ANALYZE, FORMAT JSON) "


@dataclass(frozen=True, slots=True)
class Plan:
    """One read: how the server went about it, and how many rows of tables that took it.

    `scanned` are the tables, other than small ones, that it read from end to end.
    """

    asked: str
    nodes: tuple[str, ...]
    indexes: tuple[str, ...]
    scanned: tuple[str, ...]
    rows: int
    returned: int
    milliseconds: float


def explained(work: Callable[[], object]) -> list[Plan]:
    """Run a piece of code and explain each of the reads that it asks PostgreSQL, at its place among the others."""
    plans: list[Plan] = []
    is_ours = False

    def beside(execute: Any, statement: Any, parameters: Any, many: bool, context: Mapping[str, Any]) -> Any:  # noqa: FBT001 - Django's form
        nonlocal is_ours
        text = statement if isinstance(statement, str) else statement.as_string(connection.connection)
        if not is_ours and not many and _READ.match(text):
            is_ours = True
            try:
                plans.append(_explained(statement, text, parameters))
            finally:
                is_ours = False
        return execute(statement, parameters, many, context)

    with connection.execute_wrapper(beside):
        work()
    return plans


def _explained(statement: Any, text: str, parameters: Any) -> Plan:
    asked: Any = _EXPLAIN + statement if isinstance(statement, str) else sql.SQL(_EXPLAIN) + statement
    with connection.cursor() as cursor:
        cursor.execute(asked, parameters)
        ((told,),) = cursor.fetchall()
    (top,) = told
    nodes = list(_nodes(top["Plan"]))
    return Plan(
        asked=_SAYS.sub(" ", text).strip()[:LONGEST_ASKED],
        nodes=tuple(dict.fromkeys(node["Node Type"] for node in nodes)),
        indexes=tuple(dict.fromkeys(node["Index Name"] for node in nodes if "Index Name" in node)),
        scanned=tuple(dict.fromkeys(node["Relation Name"] for node in nodes if _is_long_scan(node))),
        rows=sum(_rows_read(node) for node in nodes if "Relation Name" in node),
        returned=int(top["Plan"]["Actual Rows"]),
        milliseconds=float(top["Execution Time"]),
    )


def _nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for inside in node.get("Plans", []):
        yield from _nodes(inside)


def _rows_read(node: Mapping[str, Any]) -> int:
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return int((node["Actual Rows"] + removed) * node["Actual Loops"])


def _is_long_scan(node: Mapping[str, Any]) -> bool:
    return node["Node Type"] == "Seq Scan" and _rows_read(node) > SMALL_ROWS
