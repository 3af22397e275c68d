"""The questions that a search asks of the index, each with its company, its person and its filters inside.

What is put together here are fixed pieces; everything that was typed goes in as a parameter.
"""

import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.db import connection, transaction
from psycopg import sql

from calls import languages
from calls.embedding.embedder import Vectors
from calls.indexing import as_text
from calls.queries import SEPARATORS, Query, separated
from calls.vector_indexes import LONGEST_INDEXED

if TYPE_CHECKING:
    from calls.search import Filters

# How many of each list are fused; more nobody pages through.
MOST_BY_WORDS = 500
MOST_BY_MEANING = 200
# Of so many matches of words, whichever the index names first, the best are sought.
MOST_RANKED = 20_000
# How many the index keeps in view, and how many it looks at in all when filters leave too few of those.
INDEX_VIEW = 200
MOST_LOOKED_AT = 40_000
# Meaning is given up after so long, in milliseconds.
PATIENCE_MS = 3000

_FROM = sql.SQL("FROM calls_indexedsegment AS segment JOIN calls_indexedcall AS call ON call.id = segment.call_id")
_SPACES = " " * len(SEPARATORS)
# Filter → its condition; those not given are left out.
_CONDITIONS = {
    "user_id": "call.user_id = %(user_id)s",
    "start": "call.start_time >= %(start)s",
    "end": "call.start_time < %(end)s",
    "status": "call.status_id = %(status)s",
    "suspicion": "call.suspicion >= %(suspicion)s",
    "platform": "call.platform = %(platform)s",
    "speaker": "segment.speaker = %(speaker)s",
    "emotion": "segment.emotion = %(emotion)s",
}


@dataclass(frozen=True, slots=True)
class Scope:
    """What may be found: of a company, of one person alone where `user_id` is given, and by filters."""

    tenant_id: int
    user_id: int | None
    filters: "Filters"

    @property
    def values(self) -> dict[str, Any]:
        filters = {name: getattr(self.filters, name) for name in _CONDITIONS if name != "user_id"}
        given = {name: value for name, value in (filters | {"user_id": self.user_id}).items() if value is not None}
        return {"tenant_id": self.tenant_id, **given}

    @property
    def where(self) -> sql.Composed:
        """Conditions on `segment` and `call`, with `values` for parameters."""
        given = self.values
        conditions = ["segment.tenant_id = %(tenant_id)s", "call.tenant_id = %(tenant_id)s"]
        conditions += [condition for name, condition in _CONDITIONS.items() if name in given]
        return sql.SQL(" AND ").join(map(sql.SQL, conditions))


@dataclass(frozen=True, slots=True)
class Terms:
    """As PostgreSQL writes queries of words; empty for none."""

    wanted: str
    unwanted: str


@dataclass(frozen=True, slots=True)
class Vector:
    """A query's meaning: whose vector, the vector of unit length, and the cosine from which texts are alike."""

    model: str
    values: Vectors
    least_similarity: float


class Row(NamedTuple):
    """A segment with what is told of its call, see `search.Hit`."""

    call_id: str
    number: int
    subject: str
    call_start_time: datetime
    segment_id: str
    speaker: str
    text: str
    start_time: float
    end_time: float
    emotion: str
    highlights: list[tuple[int, int]]


class Facts(NamedTuple):
    """What a segment can be filtered by."""

    call: int
    status: str | None
    speaker: str
    emotion: str
    platform: str


def terms_of(scope: Scope, query: Query) -> Terms:
    """The words in all configurations that the company's calls use, one or the other of which has to match."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM unnest(%s::text[]) AS name WHERE EXISTS"
            " (SELECT FROM calls_indexedcall WHERE tenant_id = %s AND configuration = name)",
            [languages.CONFIGURATIONS, scope.tenant_id],
        )
        configurations = [languages.PLAIN, *(name for (name,) in cursor.fetchall())]
        wanted, unwanted = (_in_any(cursor, configurations, texts) for texts in ([query.wanted], list(query.unwanted)))
    return Terms(wanted, unwanted)


def _in_any(cursor: Any, configurations: list[str], texts: list[str]) -> str:
    """One query for what is in any of the texts, by any of the configurations; empty when they hold no words."""
    cursor.execute(
        "SELECT websearch_to_tsquery(name::regconfig, typed)::text"
        " FROM unnest(%s::text[]) AS name, unnest(%s::text[]) AS typed",
        [configurations, texts],
    )
    # A text of signs, or of words that a language leaves out, has an empty query.
    return " | ".join(f"( {query} )" for query in dict.fromkeys(query for (query,) in cursor.fetchall() if query))


def by_words(scope: Scope, terms: Terms) -> list[int]:
    """Segments whose words match, best first."""
    if not terms.wanted:
        return []
    statement = sql.SQL(
        """
        SELECT id FROM (
            SELECT segment.id, segment.words, call.start_time {segments}
            WHERE {where} AND segment.words @@ %(wanted)s::tsquery {unwanted}
            LIMIT %(most_ranked)s
        ) AS matching
        ORDER BY ts_rank_cd(words, %(wanted)s::tsquery, 1) DESC, start_time DESC, id DESC
        LIMIT %(most)s
        """
    ).format(segments=_FROM, where=scope.where, unwanted=_unwanted(terms))
    values = {"wanted": terms.wanted, "unwanted": terms.unwanted, "most_ranked": MOST_RANKED, "most": MOST_BY_WORDS}
    return [segment for (segment,) in _all(statement, scope.values | values)]


def by_meaning(scope: Scope, asked: Vector, terms: Terms) -> list[int]:
    """Segments that say something alike, nearest first. Raises OperationalError when that takes too long."""
    values = scope.values | {
        "unwanted": terms.unwanted,
        "model": asked.model,
        "asked": as_text(asked.values),
        "most_compared": settings.EARSHOT_SEARCH_COMPARED,
        "most": MOST_BY_MEANING,
        "farthest": 1.0 - asked.least_similarity,
    }
    embedded = sql.SQL("{segments} WHERE {where} AND segment.model = %(model)s {unwanted}").format(
        segments=_FROM, where=scope.where, unwanted=_unwanted(terms)
    )
    count = sql.SQL("SELECT count(*) FROM (SELECT {embedded} LIMIT %(most_compared)s + 1) AS few")
    # The index gives them almost in order, which PostgreSQL takes for in order; + 0 has it sort them.
    nearest = sql.SQL(
        """
        WITH nearest AS MATERIALIZED (
            SELECT segment.id, {distance} AS distance {embedded} ORDER BY {distance} LIMIT %(most)s
        )
        SELECT id FROM nearest WHERE distance <= %(farthest)s ORDER BY distance + 0, id
        """
    )
    dimension = len(asked.values)
    with transaction.atomic():
        _all(sql.SQL("SELECT set_config('statement_timeout', %(patience)s, true)"), {"patience": str(PATIENCE_MS)})
        ((candidates,),) = _all(count.format(embedded=embedded), values)
        if candidates <= settings.EARSHOT_SEARCH_COMPARED or dimension > LONGEST_INDEXED:
            # One by one, which misses none: not as the index has it, so that it is left alone.
            distance: sql.Composable = sql.SQL("segment.vector <=> %(asked)s::vector")
        else:
            _all(
                sql.SQL(
                    "SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true),"
                    " set_config('hnsw.ef_search', %(view)s, true), set_config('hnsw.max_scan_tuples', %(most)s, true)"
                ),
                {"view": str(INDEX_VIEW), "most": str(MOST_LOOKED_AT)},
            )
            distance = sql.SQL("(segment.vector::vector({size})) <=> %(asked)s::vector({size})").format(
                size=sql.Literal(dimension)
            )
        return [segment for (segment,) in _all(nearest.format(distance=distance, embedded=embedded), values)]


def rows_of(scope: Scope, segments: Collection[int], terms: Terms) -> dict[int, Row]:
    """What is told of segments, by id."""
    # Nothing that anybody could have said.
    mark = secrets.token_hex(16)
    begins, ends = f"{mark}a", f"{mark}b"
    statement = sql.SQL(
        """
        SELECT segment.id, call.call_id, call.number, call.subject, call.start_time, segment.segment_id,
            segment.speaker, segment.text, segment.start_time, segment.end_time, segment.emotion,
            ts_headline(call.configuration::regconfig, translate(segment.text, %(separators)s, %(spaces)s),
                        %(wanted)s::tsquery, %(options)s)
        {segments} WHERE {where} AND segment.id = ANY(%(ids)s::bigint[])
        """
    ).format(segments=_FROM, where=scope.where)
    values = {
        "ids": list(segments),
        "wanted": terms.wanted,
        "separators": SEPARATORS,
        "spaces": _SPACES,
        "options": f"HighlightAll=true, StartSel={begins}, StopSel={ends}",
    }
    rows = {}
    for segment, *told, marked in _all(statement, scope.values | values):
        row = Row._make([*told, []])
        rows[segment] = row._replace(highlights=_highlights(marked, separated(row.text), begins, ends))
    return rows


def _highlights(marked: str, text: str, begins: str, ends: str) -> list[tuple[int, int]]:
    """Where the marks stand, as places in the text without them; none should PostgreSQL have changed anything else."""
    pieces = re.split(f"{begins}|{ends}", marked)
    if "".join(pieces) != text:
        return []
    places = [0]
    for piece in pieces:
        places.append(places[-1] + len(piece))
    # Every second piece is between marks.
    return list(zip(places[1:-1:2], places[2::2], strict=False))


def facts_of(scope: Scope, segments: Collection[int]) -> list[Facts]:
    statement = sql.SQL(
        "SELECT call.id, call.status_id, segment.speaker, segment.emotion, call.platform"
        " {segments} WHERE {where} AND segment.id = ANY(%(ids)s::bigint[])"
    ).format(segments=_FROM, where=scope.where)
    return [Facts(*row) for row in _all(statement, scope.values | {"ids": list(segments)})]


def _unwanted(terms: Terms) -> sql.SQL:
    return sql.SQL("AND NOT segment.words @@ %(unwanted)s::tsquery" if terms.unwanted else "")


def _all(statement: sql.Composable, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement.as_string(cursor.connection), values)
        return list(cursor.fetchall())
