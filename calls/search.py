"""Finds what was said: by words (PostgreSQL's full text) and by meaning (pgvector), both lists fused into one.

Company and person are part of every query, so that nothing of anybody else's is ever looked at. Words are tried as
they are and by their stems in every language that the company's calls are in. While the embedder that meaning hangs on
is away or slow, words alone answer, and the answer says so.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote

import structlog
from django.conf import settings
from django.db import OperationalError

from calls import matching, queries
from calls.embedding import embedders
from calls.errors import BadText, EmbedderAway
from calls.matching import Scope, Vector
from calls.queries import Query
from metrics import timings

log = structlog.get_logger("earshot.search")

MOST_HITS = 1000
# Reciprocal rank fusion (Cormack, Clarke and Büttcher, 2009): how little the very first places count for more.
RANK_CONSTANT = 60
# Of each thing that hits are counted by: its most frequent values.
MOST_COUNTED = 50


@dataclass(frozen=True, slots=True)
class Filters:
    """What calls and segments have to be beside; None is anything. `start` ≤ the call's start < `end`."""

    start: datetime | None = None
    end: datetime | None = None
    status: str | None = None
    speaker: str | None = None
    emotion: str | None = None
    # At least so suspicious, 0-1.
    suspicion: float | None = None
    platform: str | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A segment that was found. `highlights`: [start, end) in characters of the text; times in seconds."""

    call_id: str
    number: int
    subject: str
    call_start_time: datetime
    segment_id: str
    speaker: str
    text: str
    highlights: list[tuple[int, int]]
    start_time: float
    end_time: float
    emotion: str
    # "words", "meaning" or both.
    matched: list[str]
    score: float

    @property
    def url(self) -> str:
        """Opens the call at this second."""
        return f"/calls/{quote(self.call_id, safe='')}/?t={round(max(self.start_time, 0.0), 1)}"


@dataclass(frozen=True, slots=True)
class Meaning:
    """Whether meaning was searched; if not, `reason` is `off`, `embedder_away`, `too_slow` or `no_words`."""

    searched: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many segments and calls were found, over all pages. `is_all`: nothing was left out, as it is of very many.

    Of each filter: value → segments, the most frequent ones first.
    """

    segments: int = 0
    calls: int = 0
    is_all: bool = True
    status: dict[str, int] = field(default_factory=dict)
    speaker: dict[str, int] = field(default_factory=dict)
    emotion: dict[str, int] = field(default_factory=dict)
    platform: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """A page of hits, best first."""

    hits: list[Hit]
    meaning: Meaning
    counts: Counts


class _Ranked(NamedTuple):
    score: float
    matched: list[str]


def search(user: Any, typed: str, *, filters: Filters | None = None, limit: int = 20, offset: int = 0) -> Found:
    """What the user may see and that says what was typed, in words or by its meaning; at most MOST_HITS a page."""
    query = queries.parse(typed)
    scope = Scope(
        tenant_id=user.tenant_id,
        user_id=None if user.may("calls.read_all") else user.pk,
        filters=filters or Filters(),
    )
    with timings.measured("search"):
        terms = matching.terms_of(scope, query)
        by_words = matching.by_words(scope, terms)
        by_meaning, meaning = _by_meaning(scope, query, terms)
        ranked = _fused(by_words, by_meaning)
        page = list(ranked)[offset : offset + min(limit, MOST_HITS)]
        rows = matching.rows_of(scope, page, terms)
        is_all = len(by_words) < matching.MOST_BY_WORDS and len(by_meaning) < matching.MOST_BY_MEANING
        return Found(
            [_hit(rows[segment], ranked[segment]) for segment in page if segment in rows],
            meaning,
            _counts(matching.facts_of(scope, list(ranked)), is_all=is_all),
        )


def _by_meaning(scope: Scope, query: Query, terms: matching.Terms) -> tuple[list[int], Meaning]:
    embedder = embedders.chosen()
    if embedder is None:
        return [], Meaning(searched=False, reason="off")
    if not query.meaning:
        return [], Meaning(searched=False, reason="no_words")
    try:
        if not embedder.knows(query.meaning):
            return [], Meaning(searched=False, reason="no_words")
        seconds = settings.EARSHOT_SEARCH_PATIENCE_SECONDS
        with timings.measured("search.embed_query"):
            (vector,) = embedders.embed(embedder, [query.meaning], seconds=seconds)
        asked = Vector(embedder.model, vector, embedders.least_similarity(embedder))
        return matching.by_meaning(scope, asked, terms), Meaning(searched=True)
    except (EmbedderAway, BadText) as away:
        log.warning("meaning_not_searched", reason=away.message)
        return [], Meaning(searched=False, reason="embedder_away")
    except OperationalError as failed:
        log.warning("meaning_not_searched", reason=type(failed).__name__)
        return [], Meaning(searched=False, reason="too_slow")


def _fused(by_words: Sequence[int], by_meaning: Sequence[int]) -> dict[int, _Ranked]:
    """Segments, best first: what stands high in both lists before what stands high in one."""
    ranked: dict[int, _Ranked] = {}
    for name, segments in (("words", by_words), ("meaning", by_meaning)):
        for rank, segment in enumerate(segments, start=1):
            score, matched = ranked.get(segment, _Ranked(0.0, []))
            ranked[segment] = _Ranked(score + 1 / (RANK_CONSTANT + rank), [*matched, name])
    # Sorting keeps the order of equals: words first.
    return dict(sorted(ranked.items(), key=lambda item: -item[1].score))


def _hit(row: matching.Row, ranked: _Ranked) -> Hit:
    return Hit(**row._asdict(), matched=ranked.matched, score=round(ranked.score, 6))


def _counts(facts: Sequence[matching.Facts], *, is_all: bool) -> Counts:
    return Counts(
        segments=len(facts),
        calls=len({one.call for one in facts}),
        is_all=is_all,
        status=_frequent(one.status for one in facts),
        speaker=_frequent(one.speaker for one in facts),
        emotion=_frequent(one.emotion for one in facts),
        platform=_frequent(one.platform for one in facts),
    )


def _frequent(values: Iterable[str | None]) -> dict[str, int]:
    return dict(Counter(value for value in values if value).most_common(MOST_COUNTED))
