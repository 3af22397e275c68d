"""Questions that are put over and over: their SQL is made once in a process, and asked with other values each time.

For a row of thirty columns Django takes several times as long to write its question down as PostgreSQL takes to answer
it. What is asked is an ordinary QuerySet all the same, and comes back as an ordinary list: only whoever is asked at
every request, and whose question has one shape, is worth it.

    _by_id = Prepared(lambda call_id: Call.objects.select_related("owner").filter(pk=call_id), int)
    [call] = _by_id(4711)

A QuerySet is made for stand-ins of the types that are named, and compiled; where a stand-in is among the values of the
statement, what is asked for takes its place. So every type is one whose values go to the driver as they are, and no
value changes the statement: `None`, which Django would make an `IS NULL` of, finds nothing.
"""

import copy
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import count
from typing import Any, Final, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.db.models import Model, QuerySet
from django.db.models.sql import UpdateQuery
from django.db.models.sql.compiler import SQLCompiler

T = TypeVar("T")
M = TypeVar("M", bound=Model)
_FIRST_MOMENT: Final = datetime(1901, 1, 1, tzinfo=UTC)
# By type, values that nobody else has, each of them another one; they lie within what a column takes.
_STAND_INS: Final[Mapping[type, Callable[[int], Any]]] = {
    int: lambda number: 2_008_000_000 + number,
    float: lambda number: 2_008_000_000.5 + number,
    str: lambda number: f"stand-in {number}",
    uuid.UUID: lambda number: uuid.UUID(int=number),
    datetime: lambda number: _FIRST_MOMENT + timedelta(microseconds=number),
}


class Prepared(Generic[T]):
    """A question for rows, or for what `values_list` tells of them."""

    def __init__(self, make: Callable[..., "QuerySet[Any, T]"], *types: type) -> None:
        self._make, self._types = make, types

    def __call__(self, *values: Any) -> list[T]:
        """All that there is, with these values in the places of the types."""
        queryset, compiler, statement = self._compiled
        query: Any = _Compiled(queryset.query, compiler, statement, values)
        asked: Any = QuerySet(model=queryset.model, query=query, using=DEFAULT_DB_ALIAS)
        asked._iterable_class, asked._fields = queryset._iterable_class, queryset._fields
        return list(asked)

    def first(self, *values: Any) -> T | None:
        """The first of them, None when there is none."""
        return next(iter(self(*values)), None)

    @cached_property
    def _compiled(self) -> tuple[Any, SQLCompiler, "_Statement"]:
        stand_ins = _stand_ins(self._types)
        queryset: Any = self._make(*stand_ins)
        compiler: Any = queryset.query.get_compiler(using=DEFAULT_DB_ALIAS)
        statement = _statement_of(compiler, stand_ins)
        # How what comes from the driver becomes what fields hold; they are told the connection when they are used.
        converters = compiler.get_converters([column for column, *_ in compiler.select])
        compiler.get_converters = lambda _: converters
        return queryset, compiler, statement


class PreparedUpdate:
    """A change of rows: `make` tells which, and the values of their fields."""

    def __init__(self, make: Callable[..., tuple["QuerySet[Any, Any]", Mapping[str, Any]]], *types: type) -> None:
        self._make, self._types = make, types

    def __call__(self, *values: Any) -> int:
        """How many rows there were."""
        statement = self._statement
        with transaction.mark_for_rollback_on_error(using=DEFAULT_DB_ALIAS), connection.cursor() as cursor:
            cursor.execute(statement.text, statement.filled(values))
            return int(cursor.rowcount)

    @cached_property
    def _statement(self) -> "_Statement":
        stand_ins = _stand_ins(self._types)
        queryset, changes = self._make(*stand_ins)
        query: Any = queryset.query.chain(UpdateQuery)
        query.add_update_values(changes)
        query.clear_ordering(force=True)
        return _statement_of(query.get_compiler(using=DEFAULT_DB_ALIAS), stand_ins)


@dataclass(frozen=True, slots=True)
class _Place:
    """Of which of the values that are asked for, and what the driver wants it to be."""

    number: int
    kind: Callable[[Any], Any] | None

    def taken_by(self, value: Any) -> Any:
        return value if self.kind is None or value is None else self.kind(value)


@dataclass(frozen=True, slots=True)
class _Statement:
    """`values` are the statement's own, and in between the places of those that are asked for."""

    text: str
    values: Sequence[Any]

    def filled(self, asked: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(one.taken_by(asked[one.number]) if type(one) is _Place else one for one in self.values)


class _Compiled:
    """A query of Django's whose statement is made already."""

    def __init__(self, query: Any, compiler: SQLCompiler, statement: _Statement, values: Sequence[Any]) -> None:
        self._query, self._compiler = query, compiler
        self._asked = statement.text, statement.filled(values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._query, name)

    def get_compiler(self, using: str, **_: Any) -> SQLCompiler:
        # Of its own, since several threads ask at once, each by a connection of its own.
        compiler: Any = copy.copy(self._compiler)
        compiler.connection = connections[using]
        compiler.as_sql = lambda *_, **__: self._asked
        return compiler  # type: ignore[no-any-return]


def _stand_ins(types: Sequence[type]) -> list[Any]:
    numbers = count(1)
    return [_STAND_INS[one](next(numbers)) for one in types]


def _statement_of(compiler: SQLCompiler, stand_ins: Sequence[Any]) -> _Statement:
    """Raises ValueError when the statement has no place for one of the stand-ins."""
    text, own = compiler.as_sql()
    values = [_place_of(value, stand_ins) or value for value in own]
    if missing := set(range(len(stand_ins))) - {one.number for one in values if isinstance(one, _Place)}:
        raise ValueError(f"The statement has no place for value {min(missing) + 1}: {text}")
    return _Statement(text, values)


def _place_of(value: Any, stand_ins: Sequence[Any]) -> _Place | None:
    for number, stand_in in enumerate(stand_ins):
        # Of whole numbers the driver's own kinds tell how long they are.
        if isinstance(value, type(stand_in)) and value == stand_in:
            return _Place(number, None if type(value) is type(stand_in) else type(value))
    return None
