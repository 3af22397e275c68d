"""What the dashboard shows of a company's segments: how many over time, how long they took, of whom, in which words."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final, TypedDict

from crm import people
from crm.dashboard.questions import Question
from metrics import names, queries
from metrics.segments import DUBBING_STAGES, Pipeline, own_user_of
from metrics.totals import Totals

# A chart with more lines is read by nobody; the rest is counted together.
MOST_LANGUAGES: Final = 5
MOST_STAGES: Final = 8
OTHERS: Final = "other"
_LARGEST_ID: Final = 2**63 - 1


class Figures(TypedDict):
    """Of some segments together. What cannot be told is None: a share of nothing, percentiles of one person's."""

    segments: int
    errors: int
    retries: int
    error_share: float | None
    average_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    duration_seconds: float
    original_bytes: int
    dubbed_bytes: int
    stages: dict[str, float]
    source_languages: dict[str, int]
    target_languages: dict[str, int]


class PointFigures(Figures):
    """Of the segments that were received from `start` on, for one step; what goes on may still become more.

    `is_missing`: there were some, but no tier can tell of them any more.
    """

    start: datetime
    is_running: bool
    is_missing: bool


class NamedFigures(TypedDict):
    """`name` is what people call it: of a user of ours their name, else the id itself."""

    id: str
    name: str
    segments: int
    errors: int
    error_share: float | None
    average_ms: float | None
    bytes: int


class SegmentFigures(TypedDict):
    """Names are of whole hours: `channels` since `channels_since`, `users` of a long stretch since its last days.

    `stages_of`: the pipeline whose stages are told, where the stretch has segments of several.
    """

    since: datetime
    until: datetime
    step: str
    step_seconds: int
    points: list[PointFigures]
    totals: Figures
    channels: list[NamedFigures]
    users: list[NamedFigures]
    channels_since: datetime
    users_since: datetime
    stages_of: str


STEP_SECONDS: Final[Mapping[str, int]] = {"minute": 60, "hour": 3600, "day": 86_400}


def read(tenant_id: int, question: Question, now: datetime) -> SegmentFigures:
    """Raises RetryableMetricsError, and Django's OperationalError."""
    since, until = question.window(now)
    pipeline = question.pipeline or None
    series = queries.series(
        tenant_id,
        since=since,
        until=until,
        channel_id=question.channel_id,
        user_id=question.user_id,
        pipeline=pipeline,
    )
    whole = series.totals
    kept = _Kept.of(whole)
    seconds = STEP_SECONDS[series.step]
    named = names.names(tenant_id, since=since, until=until, pipeline=pipeline, limit=names.MOST_NAMED)
    people_named = _names_of(tenant_id, [user.name for user in named.users])
    return SegmentFigures(
        since=since,
        until=until,
        step=series.step,
        step_seconds=seconds,
        points=[
            PointFigures(
                **kept.figures_of(point.totals),
                start=point.start,
                is_running=point.start <= now < point.start + timedelta(seconds=seconds),
                is_missing=point.is_missing,
            )
            for point in series.points
        ],
        totals=kept.figures_of(whole),
        channels_since=named.channels_since,
        users_since=named.users_since,
        stages_of=kept.stages_of,
        channels=[_named(one, one.name) for one in named.channels],
        users=[_named(one, people_named.get(one.name, one.name)) for one in named.users],
    )


class _Kept:
    """Which languages and stages have a line of their own: those of the whole stretch that count most."""

    def __init__(
        self, source: Iterable[str], target: Iterable[str], stages: Iterable[str], stages_of: Pipeline | None
    ) -> None:
        self.source, self.target, self.stages = frozenset(source), frozenset(target), frozenset(stages)
        self.stages_of = stages_of.value if stages_of else ""

    @classmethod
    def of(cls, whole: Totals) -> "_Kept":
        stages_of = _pipeline_of_stages(whole)
        stages = {
            stage: took for stage, took in whole.stage_us.items() if stages_of in (None, _pipeline_of_stage(stage))
        }
        return cls(
            _foremost(whole.source_languages, MOST_LANGUAGES),
            _foremost(whole.target_languages, MOST_LANGUAGES),
            _foremost(stages, MOST_STAGES),
            stages_of,
        )

    def figures_of(self, totals: Totals) -> Figures:
        return Figures(
            segments=totals.segments,
            errors=totals.errors,
            retries=totals.retries,
            error_share=totals.error_share() if totals.segments else None,
            average_ms=_rounded(totals.average_total_ms()),
            p50_ms=_rounded(totals.percentile_ms(0.50)),
            p95_ms=_rounded(totals.percentile_ms(0.95)),
            p99_ms=_rounded(totals.percentile_ms(0.99)),
            duration_seconds=totals.duration_us / 1_000_000,
            original_bytes=totals.original_bytes,
            dubbed_bytes=totals.dubbed_bytes,
            stages={
                stage: round(milliseconds, 2)
                for stage in sorted(self.stages)
                if (milliseconds := totals.average_stage_ms(stage)) is not None
            },
            source_languages=_gathered(totals.source_languages, self.source),
            target_languages=_gathered(totals.target_languages, self.target),
        )


def _pipeline_of_stage(stage: str) -> Pipeline:
    return Pipeline.DUBBING if stage in DUBBING_STAGES else Pipeline.AUDIO


def _pipeline_of_stages(whole: Totals) -> Pipeline | None:
    """That of most segments, where there are stages of several: those of one take seconds, of the other minutes."""
    most: Counter[Pipeline] = Counter()
    for stage, count in whole.stage_count.items():
        pipeline = _pipeline_of_stage(stage)
        most[pipeline] = max(most[pipeline], count)
    return most.most_common(1)[0][0] if len(most) > 1 else None


def _foremost(counts: Mapping[str, int], most: int) -> list[str]:
    return [name for name, _ in Counter(counts).most_common(most)]


def _gathered(counts: Mapping[str, int], kept: frozenset[str]) -> dict[str, int]:
    gathered: Counter[str] = Counter()
    for name, count in counts.items():
        gathered[name if name in kept else OTHERS] += count
    return dict(gathered)


def _named(one: names.Named, name: str) -> NamedFigures:
    totals = one.totals
    return NamedFigures(
        id=one.name,
        name=name,
        segments=totals.segments,
        errors=totals.errors,
        error_share=totals.error_share() if totals.segments else None,
        average_ms=_rounded(totals.average_total_ms()),
        bytes=totals.original_bytes + totals.dubbed_bytes,
    )


def _names_of(tenant_id: int, user_ids: Iterable[str]) -> dict[str, str]:
    """Of those that are users of ours; the ids of others are their own system's."""
    numbers = {user_id: number for user_id in user_ids if (number := own_user_of(user_id)) is not None}
    found = people.names_of(tenant_id, [number for number in numbers.values() if number <= _LARGEST_ID])
    return {user_id: found[number] for user_id, number in numbers.items() if number in found}


def _rounded(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds, 2)
