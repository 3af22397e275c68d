"""Keeps what search looks through in step with the calls.

1. Whoever changes a call marks it in the same transaction (`mark_stale`); a task goes out after the commit, and beat
   sends the same every few seconds, should it be lost.
2. `index_stale` claims marked calls, reads them anew and writes their rows: words at once, vectors of texts that have
   not changed kept. A call that is gone loses its rows. One that was marked again meanwhile stays marked.
3. `embed_waiting` makes the vectors that are missing, or are another model's.
4. At night both sides are compared, and what has slipped through is marked (`reconciling`).
"""

import hashlib
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple, TypeVar

import structlog
from celery import current_app
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from calls import languages, store, vector_indexes
from calls.corrections import as_people_say
from calls.documents import Call, Segment
from calls.embedding import embedders
from calls.embedding.embedder import Embedder, Vectors
from calls.errors import BadText, EmbedderAway, RetryableCallError
from calls.models import IndexedCall, IndexedCallQuerySet, IndexedSegment, IndexedSegmentQuerySet
from calls.models.search import LONGEST_TEXT, NO_MODEL
from calls.queries import SEPARATORS
from metrics import locks, timings
from metrics.lanes import Lane

log = structlog.get_logger("earshot.indexing")

Answer = TypeVar("Answer")

INDEX_TASK, EMBED_TASK = "calls.index_stale", "calls.embed_waiting"
# Fewer words than this have no meaning of their own.
LEAST_WORDS = 2
LEAST_SIGNS = 4
LONG_WORD = 5
# Segments that one statement writes; a long call has twenty thousand.
WRITTEN_AT_ONCE = 500
_EMBEDDING = "calls.embed_waiting"
_broker = Lane("indexing")


class _Said(NamedTuple):
    """A segment as it is indexed."""

    segment_id: str
    speaker: str
    start_time: float
    end_time: float
    emotion: str
    text_digest: str
    text: str

    @property
    def facts(self) -> tuple[Any, ...]:
        """What tells whether it has to be written again."""
        return self[1:-1]


# --- Marking ---


def mark_stale(tenant_id: int, call_ids: Iterable[str]) -> None:
    """Say that calls have changed, are new or are gone, within the transaction that does it: one statement."""
    wanted = sorted(set(call_ids))
    if not wanted:
        return
    now = timezone.now()
    with connection.cursor() as cursor:
        # In one order, so that two who mark the same calls do not wait for one another in a circle.
        cursor.execute(
            """
            INSERT INTO calls_indexedcall AS known (tenant_id, call_id, stale_since, marks)
            SELECT %s, call_id, %s, 1 FROM unnest(%s::text[]) AS call_id ORDER BY call_id
            ON CONFLICT (tenant_id, call_id) DO UPDATE
            SET stale_since = COALESCE(known.stale_since, EXCLUDED.stale_since), marks = known.marks + 1
            RETURNING stale_since = %s AND NOT EXISTS (
                SELECT FROM calls_indexedcall AS other
                WHERE other.stale_since BETWEEN %s AND %s AND other.claimed_at IS NULL
            )
            """,
            [tenant_id, now, wanted, now, now - timedelta(seconds=settings.EARSHOT_INDEX_SECONDS), now],
        )
        # While any that was marked lately waits, whoever's it is, a task is on its way; many would only keep vectors
        # from being made. Of what waits longer, beat has told.
        are_new = [is_new for (is_new,) in cursor.fetchall()]
    if any(are_new):
        transaction.on_commit(lambda: send(INDEX_TASK), robust=True)


def send(task: str) -> None:
    """Tell a worker, if the broker is to be had at once; beat does it again anyway."""
    _broker.do(lambda: current_app.send_task(task, queue="rollup", retry=False), what=task)


def mark_status_stale(tenant_id: int, status_id: str) -> None:
    """Say that every call which was indexed with a status has changed, within the transaction that does it."""
    known = IndexedCall.objects.of(tenant_id).filter(status_id=status_id)
    mark_stale(tenant_id, known.values_list("call_id", flat=True))


@contextmanager
def marked(tenant_id: int, call_id: str) -> Iterator[None]:
    """For what changes a call, and raises when it does not: the call is marked when it was done."""
    with transaction.atomic():
        yield
        mark_stale(tenant_id, [call_id])


def marking(tenant_id: int, call_id: str, change: Callable[[], Answer]) -> Answer:
    """Do what changes a call, and mark the call when the answer says that it was done."""
    with transaction.atomic():
        done = change()
        if done:
            mark_stale(tenant_id, [call_id])
    return done


def mark_if_indexed(tenant_id: int, call_id: str) -> None:
    """Have a call looked at again that may have gone unmarked; nothing when it is not in the index."""
    with transaction.atomic():
        # An address may hold what PostgreSQL cannot be asked for.
        if IndexedCall.objects.of(tenant_id).filter(call_id=storable(call_id)).exists():
            mark_stale(tenant_id, [call_id])


# --- Indexing ---


def index_stale(*, tenant_id: int | None = None) -> int:
    """Index marked calls, for a few seconds at most; what is left then is for the next task. How many were indexed."""
    ends = time.monotonic() + settings.EARSHOT_INDEX_WORK_SECONDS
    indexed = 0
    try:
        while claimed := _claim(tenant_id):
            indexed += _index(claimed)
            if time.monotonic() > ends:
                send(INDEX_TASK)
                break
    except RetryableCallError as away:
        log.warning("indexing_put_off", reason=away.code)
    if settings.EARSHOT_EMBEDDER != "none" and IndexedSegment.objects.filter(model__isnull=True).exists():
        send(EMBED_TASK)
    return indexed


def _claim(tenant_id: int | None) -> list[IndexedCall]:
    now = timezone.now()
    died = now - timedelta(seconds=settings.EARSHOT_INDEX_CLAIM_SECONDS)
    stale = IndexedCall.objects.stale().free_since(died)
    if tenant_id is not None:
        stale = stale.of(tenant_id)
    with transaction.atomic():
        rows = list(stale.select_for_update(skip_locked=True)[: settings.EARSHOT_INDEX_BATCH])
        IndexedCall.objects.filter(pk__in=[row.pk for row in rows]).update(claimed_at=now)
    for row in rows:
        row.claimed_at = now
    return rows


def _index(claimed: Sequence[IndexedCall]) -> int:
    """How many were indexed. Raises RetryableCallError when the store is away, with the claims on all given back."""
    try:
        return sum(_index_one(row) for row in claimed)
    except RetryableCallError:
        for row in claimed:
            _claimed(row).update(claimed_at=None)
        raise


def _index_one(row: IndexedCall) -> bool:
    try:
        with timings.measured("search.index_call"):
            call = _read(row.tenant_id, row.call_id)
            return _write(row, call) if call else _remove(row)
    except RetryableCallError:
        raise
    except Exception as error:
        # Whatever is wrong with this call, others wait; its claim runs out, and it is tried again. What the database
        # says of a row may hold what was said in it.
        log.error("call_not_indexed", indexed_call=row.pk, error=type(error).__name__)  # noqa: TRY400
        return False


def _read(tenant_id: int, call_id: str) -> Call | None:
    call = store.find({"tenant_id": tenant_id, "call_id": call_id})
    return as_people_say(call) if call else None


def _claimed(row: IndexedCall) -> IndexedCallQuerySet:
    """The row, while this claim on it holds: whoever took too long has lost it to another."""
    return IndexedCall.objects.filter(pk=row.pk, claimed_at=row.claimed_at)


def _remove(row: IndexedCall) -> bool:
    """A call that is gone loses its rows; one that has been marked again may be back."""
    with transaction.atomic():
        if _claimed(row).filter(marks=row.marks).select_for_update().first():
            # In one statement: a call may have more segments than anybody wants to load.
            with connection.cursor() as cursor:
                cursor.execute("DELETE FROM calls_indexedsegment WHERE call_id = %s", [row.pk])
                cursor.execute("DELETE FROM calls_indexedcall WHERE id = %s", [row.pk])
            return True
        _claimed(row).update(claimed_at=None)
    return False


def _write(row: IndexedCall, call: Call) -> bool:
    language = call.get("language") or ""
    configuration = languages.configuration_of(language)
    emotions = {emotion["segment_id"]: emotion["emotion"] for emotion in call.get("emotions", [])}
    rows = {said.segment_id: said for said in (_said(segment, emotions) for segment in call["conversation"])}
    with transaction.atomic():
        held = _claimed(row).select_for_update().first()
        if held is None:
            return False
        is_known = held.indexed_at is not None and held.configuration == configuration
        known = _written(held) if is_known else {}
        changed = [said for said in rows.values() if known.get(said.segment_id) != said.facts]
        for start in range(0, len(changed), WRITTEN_AT_ONCE):
            _write_segments(held, changed[start : start + WRITTEN_AT_ONCE], configuration)
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM calls_indexedsegment WHERE call_id = %s AND NOT segment_id = ANY(%s::text[])",
                [held.pk, list(rows)],
            )
        # Beyond what the collection's validator asks for, a call from elsewhere may lack what ours have.
        held.number, held.start_time, held.changed_at = call["id"], call["start_time"], call["updated_at"]
        held.subject, held.platform = storable(call.get("subject", "")), storable(call.get("platform", ""))
        held.status_id, held.user_id = call.get("status_id"), call.get("user_id")
        held.language, held.configuration = storable(language), configuration
        held.duration, held.suspicion = call.get("duration", 0.0), call.get("suspicion", {}).get("score")
        held.indexed_at, held.claimed_at = timezone.now(), None
        if held.marks == row.marks:
            held.stale_since = None
        held.save()
    return True


def _said(segment: Segment, emotions: Mapping[str, str]) -> _Said:
    text = storable(segment["text"])[:LONGEST_TEXT]
    return _Said(
        segment_id=storable(segment["segment_id"]),
        speaker=storable(segment["speaker"]),
        start_time=float(segment["start_time"]),
        end_time=float(segment["end_time"]),
        emotion=storable(emotions.get(segment["segment_id"], "")),
        text_digest=_digest_of(text),
        text=text,
    )


def digest_of(text: str) -> str:
    """What tells the text of a segment apart, as it is in the index."""
    return _digest_of(storable(text)[:LONGEST_TEXT])


def _digest_of(indexed: str) -> str:
    return hashlib.sha256(indexed.encode()).hexdigest()


def _written(held: IndexedCall) -> dict[str, tuple[Any, ...]]:
    """What there is of a call already: segment → its facts. The texts of a long call would be too much to read."""
    fields = ("segment_id", *_Said._fields[1:-1])
    return {segment_id: tuple(facts) for segment_id, *facts in held.segments.values_list(*fields)}


def _write_segments(held: IndexedCall, said: Sequence[_Said], configuration: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO calls_indexedsegment AS known
                (call_id, tenant_id, segment_id, speaker, start_time, end_time, emotion, text_digest, text, model,
                 words)
            SELECT %s, %s, given.*, to_tsvector(%s::regconfig, spaced) || to_tsvector('simple', spaced)
            FROM unnest(%s::text[], %s::text[], %s::float8[], %s::float8[], %s::text[], %s::text[], %s::text[],
                        %s::text[])
                AS given (segment_id, speaker, start_time, end_time, emotion, text_digest, text, model),
                translate(given.text, %s, %s) AS spaced
            ON CONFLICT (call_id, segment_id) DO UPDATE
            SET speaker = EXCLUDED.speaker, text = EXCLUDED.text, start_time = EXCLUDED.start_time,
                end_time = EXCLUDED.end_time, emotion = EXCLUDED.emotion, words = EXCLUDED.words,
                text_digest = EXCLUDED.text_digest,
                model = CASE WHEN known.text_digest = EXCLUDED.text_digest THEN known.model ELSE EXCLUDED.model END,
                dimension = CASE WHEN known.text_digest = EXCLUDED.text_digest THEN known.dimension END,
                vector = CASE WHEN known.text_digest = EXCLUDED.text_digest THEN known.vector END
            """,
            [
                held.pk,
                held.tenant_id,
                configuration,
                *(list(column) for column in zip(*said, strict=True)),
                [None if _has_meaning(one.text) else NO_MODEL for one in said],
                SEPARATORS,
                " " * len(SEPARATORS),
            ],
        )


def _has_meaning(text: str) -> bool:
    """Whether it says enough: a long word does by itself, as "Refund." does.

    Of writings without capitals some put no spaces between words, so that signs count.
    """
    words = text.split()
    return (
        len(words) >= LEAST_WORDS
        or any(sum(map(str.isalpha, word)) >= LONG_WORD for word in words)
        or sum(unicodedata.category(sign) == "Lo" for sign in text) >= LEAST_SIGNS
    )


def storable(text: str) -> str:
    """As PostgreSQL can keep it, each character in its place."""
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()


# --- Vectors ---


def embed_waiting(*, tenant_id: int | None = None) -> int:
    """Make missing vectors, for a few seconds at most; what is left then is for the next task. How many were made.

    One process at a time; while another is at it, nothing is done here.
    """
    embedder = embedders.chosen()
    if embedder is None:
        return 0
    made = 0
    with locks.held_alone(_EMBEDDING) as is_ours:
        if not is_ours:
            return 0
        ends = time.monotonic() + settings.EARSHOT_INDEX_WORK_SECONDS
        try:
            while batch := _waiting(embedder, tenant_id):
                vector_indexes.ensure(embedder)
                done = _embed(embedder, batch)
                made += done
                if not done:
                    break
                if time.monotonic() > ends:
                    send(EMBED_TASK)
                    break
        except EmbedderAway as away:
            log.warning("embedding_put_off", reason=away.message)
    return made


def waiting_for(embedder: Embedder, tenant_id: int | None = None) -> IndexedSegmentQuerySet:
    """The segments, of one company or of all, that have no vector of this embedder's model and are to have one."""
    waiting = IndexedSegment.objects.waiting_for(embedder.model)
    return waiting if tenant_id is None else waiting.filter(tenant=tenant_id)


def _waiting(embedder: Embedder, tenant_id: int | None) -> list[tuple[int, str, str]]:
    """Some segments without a vector of this model: id, digest, text. New ones come first."""
    rows = waiting_for(embedder, tenant_id).values_list("pk", "text_digest", "text")
    at_once = settings.EARSHOT_EMBEDDING_BATCH
    return list(rows.filter(model__isnull=True).order_by("pk")[:at_once]) or list(rows[:at_once])


def _embed(embedder: Embedder, batch: Sequence[tuple[int, str, str]]) -> int:
    """How many do not wait any more."""
    texts = [text for _, _, text in batch]
    try:
        with timings.measured("search.embed"):
            vectors = embedders.embed(embedder, texts, seconds=settings.EARSHOT_EMBEDDING_SECONDS)
    except BadText:
        if len(batch) > 1:
            return sum(_embed(embedder, [one]) for one in batch)
        log.warning("text_has_no_vector", segment=batch[0][0], model=embedder.model)
        return IndexedSegment.objects.filter(pk=batch[0][0], text_digest=batch[0][1]).update(
            model=NO_MODEL, dimension=None, vector=None
        )
    with transaction.atomic(), connection.cursor() as cursor:
        # Whoever writes a call holds its row; its segments' turn comes later, their vectors are remembered.
        calls = IndexedCall.objects.filter(segments__in=[pk for pk, _, _ in batch]).distinct().values("pk")
        free = IndexedCall.objects.filter(pk__in=calls).select_for_update(skip_locked=True)
        cursor.execute(
            """
            UPDATE calls_indexedsegment AS known
            SET model = %s, dimension = %s, vector = made.vector::vector
            FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS made (id, text_digest, vector)
            WHERE known.id = made.id AND known.text_digest = made.text_digest AND known.call_id = ANY(%s::bigint[])
            """,
            [
                embedder.model,
                vectors.shape[1],
                [pk for pk, _, _ in batch],
                [digest for _, digest, _ in batch],
                [as_text(vector) for vector in vectors],
                list(free.values_list("pk", flat=True)),
            ],
        )
        return int(cursor.rowcount)


def as_text(vector: Vectors) -> str:
    """As pgvector reads it."""
    return f"[{','.join(map(str, vector.tolist()))}]"
