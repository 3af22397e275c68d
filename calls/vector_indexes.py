"""An index for each model's vectors (HNSW, cosine), made when it is needed and removed when it is not any more.

One of pgvector's holds vectors of one dimension, so that the migrations, which know no model, cannot make it.
"""

import hashlib
from collections.abc import Iterator

import structlog
from django.conf import settings
from django.db import connection
from psycopg import sql

from calls.embedding import embedders
from calls.embedding.embedder import Embedder
from calls.errors import EmbedderAway
from calls.models import IndexedSegment
from calls.models.search import NO_MODEL
from metrics import locks

log = structlog.get_logger("earshot.vectors")

# pgvector can index no longer ones; those of a company are then compared one by one.
LONGEST_INDEXED = 2000
# Since this version an index looks further when a filter leaves too few of those nearest.
OLDEST_PGVECTOR = (0, 8)
# While there are at most so many vectors of a model, making its index takes no time worth speaking of.
QUICKLY_INDEXED = 5000
_PREFIX = "calls_vector_"
_TABLE = IndexedSegment._meta.db_table
_LOCK = "calls.vector_indexes"


def name_of(model: str) -> str:
    return _PREFIX + hashlib.sha256(model.encode()).hexdigest()[:16]


def create() -> None:
    """Make the index for the embedder of the settings, however long that takes; again is the same as once."""
    embedder = embedders.chosen()
    if embedder is None:
        return
    try:
        ensure(embedder, also_large=True)
    except EmbedderAway as away:
        # Its vectors' dimension is not known yet; the index is made with the first of them.
        log.warning("vector_index_put_off", reason=away.message)


def check() -> list[str]:
    """What is missing of what `create` makes, of the server for it, and of the embedder; empty when all is there."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
        found = cursor.fetchone()
    if found is None:
        return ["extension vector"]
    if tuple(int(number) for number in found[0].split(".")[:2]) < OLDEST_PGVECTOR:
        return [f"pgvector 0.8 or newer; it is {found[0]}, `ALTER EXTENSION vector UPDATE` may help"]
    embedder = embedders.chosen()
    if embedder is None:
        return []
    try:
        (vector,) = embedder.embed(["Is anybody there?"], seconds=settings.EARSHOT_EMBEDDING_SECONDS)
    except EmbedderAway as away:
        return [f"an answer of the embedder: {away.message}"]
    is_missing = len(vector) <= LONGEST_INDEXED and not _is_there(name_of(embedder.model))
    return [f"index of the vectors of {embedder.model}"] if is_missing else []


def ensure(embedder: Embedder, *, also_large: bool = False) -> None:
    """Make the embedder's index if it is missing; one that takes long to make only when asked to. Raises EmbedderAway.

    Nobody waits for it but who makes it. When another process makes it at the moment, nothing is done here.
    """
    name, model, dimension = name_of(embedder.model), embedder.model, embedder.dimension
    if dimension > LONGEST_INDEXED or _is_there(name):
        return
    if not also_large and IndexedSegment.objects.filter(model=model)[QUICKLY_INDEXED:].exists():
        log.warning("vector_index_missing", model=model, cure="manage.py create_stores")
        return
    with locks.held_alone(_LOCK) as is_ours:
        if is_ours:
            _drop(name)
            _execute(
                sql.SQL(
                    "CREATE INDEX {concurrently} {name} ON {table} "
                    "USING hnsw ((vector::vector({dimension})) vector_cosine_ops) WHERE model = {model}"
                ).format(
                    concurrently=_concurrently(),
                    name=sql.Identifier(name),
                    table=sql.Identifier(_TABLE),
                    dimension=sql.Literal(dimension),
                    model=sql.Literal(model),
                )
            )
            log.info("vector_index_made", model=model, dimension=dimension)


def drop_unused() -> int:
    """Remove the indexes of models that no segment has a vector of any more. How many there were."""
    embedder = embedders.chosen()
    used = {name_of(model) for model in models()} | ({name_of(embedder.model)} if embedder else set())
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema() AND tablename = %s"
            " AND starts_with(indexname, %s)",
            [_TABLE, _PREFIX],
        )
        unused = sorted({name for (name,) in cursor.fetchall()} - used)
    with locks.held_alone(_LOCK) as is_ours:
        if not is_ours:
            return 0
        for name in unused:
            _drop(name)
    return len(unused)


def models() -> Iterator[str]:
    """Those that segments have vectors of; looks at each once, however many segments there are."""
    model = NO_MODEL
    following = IndexedSegment.objects.order_by("model").values_list("model", flat=True)
    while found := following.filter(model__gt=model).first():
        model = found
        yield model


def _is_there(name: str) -> bool:
    """Whether there is such an index and its making was not broken off."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
            " WHERE relname = %s AND relnamespace = current_schema()::regnamespace AND indisvalid",
            [name],
        )
        return cursor.fetchone() is not None


def _drop(name: str) -> None:
    _execute(
        sql.SQL("DROP INDEX {concurrently} IF EXISTS {name}").format(
            concurrently=_concurrently(), name=sql.Identifier(name)
        )
    )


def _concurrently() -> sql.SQL:
    """So that nobody waits; within a transaction PostgreSQL cannot."""
    return sql.SQL("" if connection.in_atomic_block else "CONCURRENTLY")


def _execute(statement: sql.Composed) -> None:
    """Without the limits on time that other statements have."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0; SET lock_timeout = 0")
        try:
            cursor.execute(statement.as_string(cursor.connection))
        finally:
            cursor.execute("RESET statement_timeout; RESET lock_timeout")
