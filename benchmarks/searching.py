"""What it costs to find what was said in conversations: by words and by meaning."""

import itertools
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from django.conf import settings
from django.db import connection
from django.test.utils import override_settings

from benchmarks.measuring import Figures, Variant, WrongAnswer, alternate
from benchmarks.rows import Row
from benchmarks.scales import Run
from calls import indexing, search, vector_indexes
from calls.embedding import embedders
from calls.embedding.embedder import Embedder
from calls.indexing import as_text
from calls.matching import INDEX_VIEW
from calls.models import IndexedSegment
from calls.search import Found
from crm.models import User

# A page of hits.
PAGE = 20
QUERIES, WORDS_EACH = 20, 3
# Some that the conversations are made of: none is a part of another, nor too common in any language to be sought.
_WORDS = frozenset(
    ("account", "address", "contract", "delivery", "discount", "invoice", "meeting", "payment", "problem", "refund")
)
# What no conversation says in these words.
MEANINGS = (
    "money that was paid twice should come back",
    "when will my parcel arrive",
    "a complaint about the bill",
    "talk again tomorrow at noon",
    "the agreement ends soon",
    "how expensive would that be",
)
# Of the nearest, so many are to be among those found: an index of vectors promises no more than most.
LEAST_FOUND = 0.9
_AT_ONCE = 500
_OURS, _BASELINE, _FLOOR, _VECTOR = "search", "scan", "index", "the query's vector"
_FROM = (
    "FROM calls_indexedsegment AS segment JOIN calls_indexedcall AS call ON call.id = segment.call_id "
    "WHERE segment.tenant_id = %s"
)
# A segment, by its call and its own id.
Key = tuple[str, str]


def measure(run: Run, user: User, tenant_id: int) -> Iterator[Row]:
    """Among the conversations that the company has stored, once enough of them are known to search."""
    run.telling("what was stored is indexed")
    known = _until_indexed(tenant_id, run.scale.pick(tiny=400, small=10_000, usual=70_000))
    yield _by_words(run, user, tenant_id, known)
    embedder = embedders.chosen()
    if embedder is None:
        return
    run.telling("vectors")
    made, mixed = _with_vectors(embedder, tenant_id, run.scale.pick(tiny=200, small=8_000, usual=20_000))
    yield _by_meaning(run, user, embedder, made, mixed)


def _until_indexed(tenant_id: int, enough: int) -> int:
    """How many segments search knows of, which are so many unless there are fewer."""
    known = IndexedSegment.objects.filter(tenant_id=tenant_id)
    while (found := known.count()) < enough and indexing.index_stale(tenant_id=tenant_id):
        pass
    return found


def _by_words(run: Run, user: User, tenant_id: int, known: int) -> Row:
    what = f"find three words in {known:,} segments"
    wanted = itertools.cycle(_words_said(tenant_id))

    def scanned(words: Sequence[str]) -> int:
        statement = f"SELECT call.call_id, segment.segment_id {_FROM} AND segment.text ILIKE ALL(%s)"
        return len(_all(statement, tenant_id, [f"%{word}%" for word in words]))

    def by_index(words: Sequence[str]) -> int:
        statement = (
            "SELECT id FROM calls_indexedsegment WHERE tenant_id = %s AND words @@ plainto_tsquery('simple', %s)"
        )
        return len(_all(statement, tenant_id, " ".join(words)))

    def is_right(words: Sequence[str], found: Found) -> int:
        said = all(word in hit.text for hit in found.hits for word in words)
        return found.counts.segments if said and len(found.hits) == min(PAGE, found.counts.segments) else -1

    queries = [next(wanted) for _ in range(QUERIES)]
    with override_settings(EARSHOT_EMBEDDER="none"):
        for words in queries:
            found, expected = is_right(words, _search(user, " ".join(words))), scanned(words)
            if not found == expected == by_index(words):
                raise WrongAnswer(f"{' '.join(words)}: {found} segments were found, and {expected} are there.")
        taken = alternate(
            {
                _OURS: Variant(lambda words: _search(user, " ".join(words)), partial(next, wanted), _is_any),
                _BASELINE: Variant(scanned, partial(next, wanted), _is_any),
                _FLOOR: Variant(by_index, partial(next, wanted), _is_any),
            },
            repetitions=run.scale.pick(tiny=2, small=20, usual=100),
            step=run.telling(what),
        )
    return Row(
        what,
        "ms",
        taken[_OURS],
        taken[_BASELINE],
        taken[_FLOOR],
        baseline_is="ILIKE for each word, which PostgreSQL looks through all segments of the company for",
        floor_is="one query of the index of words, for ids alone",
        note=f"{len(queries)} queries, found alike by all; ours ranks them, marks the words, and counts by filter",
    )


def _is_any(_words: Any, found: Any) -> bool:
    return bool(found.hits if isinstance(found, Found) else found)


def _words_said(tenant_id: int) -> list[list[str]]:
    """So many queries, each of words that some segment has."""
    texts = IndexedSegment.objects.filter(tenant_id=tenant_id).order_by("pk").values_list("text", flat=True)
    queries: dict[tuple[str, ...], None] = {}
    for text in texts.iterator():
        said = sorted(_WORDS.intersection(re.findall(r"\w+", text)))
        if len(said) >= WORDS_EACH:
            queries[tuple(said[:WORDS_EACH])] = None
        if len(queries) == QUERIES:
            break
    if not queries:
        raise WrongAnswer("No segment has words to look for.")
    return [list(words) for words in queries]


def _by_meaning(run: Run, user: User, embedder: Embedder, made: int, mixed: int) -> Row:
    tenant_id = user.tenant_id
    what = f"find by meaning among {made + mixed:,} vectors"
    farthest = 1.0 - embedders.least_similarity(embedder)
    dimension = embedder.dimension
    cast = f"(segment.vector::vector({dimension})) <=> %s::vector({dimension})"

    def vector_of(typed: str) -> str:
        (vector,) = embedders.embed(embedder, [typed], seconds=settings.EARSHOT_EMBEDDING_SECONDS)
        return as_text(vector)

    def nearest(distance: str, vector: str) -> list[Key]:
        statement = (
            f"SELECT call.call_id, segment.segment_id, {distance} AS distance {_FROM} AND segment.model = %s "
            f"ORDER BY {distance} LIMIT {PAGE}"
        )
        rows = _all(statement, vector, tenant_id, embedder.model, vector)
        return [(call_id, segment_id) for call_id, segment_id, apart in rows if apart <= farthest]

    def scanned(typed: str) -> list[Key]:
        return nearest("segment.vector <=> %s::vector", vector_of(typed))

    queries = run.scale.pick(tiny=MEANINGS[:1], small=MEANINGS, usual=MEANINGS)
    vectors = {typed: vector_of(typed) for typed in queries}
    shares = []
    with _looking_as_far_as_ours():
        for typed in queries:
            expected = scanned(typed)
            by_all = (_keys(_search(user, typed)), nearest(cast, vectors[typed]))
            shares += [_share(found, expected) for found in by_all]
        if min(shares) < LEAST_FOUND:
            raise WrongAnswer(f"Of the nearest by meaning, only {min(shares):.0%} were found once.")
        typed_next = itertools.cycle(queries)

        def anew() -> str:
            """A query whose vector nobody remembers."""
            embedders.forget()
            return next(typed_next)

        taken = alternate(
            {
                _OURS: Variant(lambda typed: _search(user, typed), anew, lambda _, got: got.meaning.searched),
                _BASELINE: Variant(scanned, anew, lambda _, got: len(got) <= PAGE),
                _FLOOR: Variant(
                    lambda vector: nearest(cast, vector), lambda: vectors[next(typed_next)], lambda _, got: True
                ),
                _VECTOR: Variant(vector_of, anew, lambda _, got: bool(got)),
            },
            repetitions=run.scale.pick(tiny=2, small=20, usual=100),
            step=run.telling(what),
        )
    return Row(
        what,
        "ms",
        taken[_OURS],
        taken[_BASELINE],
        taken[_FLOOR],
        baseline_is="the query's vector, and every vector of the company compared with it by PostgreSQL",
        floor_is="one query of the index of vectors, with a vector that is there already",
        note=_told_of(made, mixed, taken[_VECTOR], min(shares)),
    )


def _told_of(made: int, mixed: int, vector: Figures, least: float) -> str:
    where = f", and {mixed:,} are halfway between two of those" if mixed else ""
    return (
        f"{made:,} vectors are the embedder's own{where}. The query's vector takes {vector.median:.1f} ms; "
        f"of the {PAGE} nearest at least {least:.0%} are found"
    )


@contextmanager
def _looking_as_far_as_ours() -> Iterator[None]:
    """The index by itself would keep fewer in view, be quicker, and miss more."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('hnsw.ef_search', %s, false)", [str(INDEX_VIEW)])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET hnsw.ef_search")


def _with_vectors(embedder: Embedder, tenant_id: int, wanted: int) -> tuple[int, int]:
    """How many vectors there are of the embedder, and how many had to be mixed of those for there to be enough.

    The embedder would need minutes; the index does not care whose sentence a vector is.
    """
    known = IndexedSegment.objects.filter(tenant_id=tenant_id)
    own = known.filter(model=embedder.model)
    while not own.exists() and indexing.embed_waiting(tenant_id=tenant_id):
        pass
    vector_indexes.create()
    made = own.count()
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE benchmark_vectors AS SELECT row_number() OVER (ORDER BY id) - 1 AS place, vector "
            "FROM calls_indexedsegment WHERE tenant_id = %s AND model = %s",
            [tenant_id, embedder.model],
        )
        mixed = 0
        while made + mixed < wanted:
            some = min(_AT_ONCE, wanted - made - mixed)
            cursor.execute(_MIX, [mixed, tenant_id, some, made, made, made, made, embedder.model, embedder.dimension])
            if not cursor.rowcount:
                break
            mixed += cursor.rowcount
        cursor.execute("DROP TABLE benchmark_vectors")
        cursor.execute("ANALYZE calls_indexedsegment")
    return made, mixed


_MIX = """
WITH waiting AS (
    SELECT id, row_number() OVER (ORDER BY id) + %s AS place FROM calls_indexedsegment
    WHERE tenant_id = %s AND model IS NULL ORDER BY id LIMIT %s
), mixed AS (
    SELECT waiting.id, l2_normalize(one.vector + other.vector) AS vector FROM waiting
    JOIN benchmark_vectors AS one ON one.place = waiting.place %% %s
    JOIN benchmark_vectors AS other ON other.place = (waiting.place / %s * 31 + waiting.place %% %s * 7 + 1) %% %s
)
UPDATE calls_indexedsegment AS known SET model = %s, dimension = %s, vector = mixed.vector
FROM mixed WHERE known.id = mixed.id
"""


def _search(user: User, typed: str) -> Found:
    return search.search(user, typed, limit=PAGE)


def _keys(found: Found) -> list[Key]:
    return [(hit.call_id, hit.segment_id) for hit in found.hits]


def _share(found: Sequence[Key], expected: Sequence[Key]) -> float:
    return len(set(found).intersection(expected)) / len(expected) if expected else float(not found)


def _all(statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
