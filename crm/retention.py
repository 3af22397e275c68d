"""Retention: what a company has kept for longer than its rules say goes, but for what a legal hold is on.

1. A company says for how many days it keeps what (`RetentionPolicy`): sound, calls with their transcripts, figures,
   the audit log. Without a rule a kind stays for good, or as the installation has it.
2. Every night beat sends a task for each company that has a rule (`apply_to_all`). One works on a company at a time.
3. Each floor removes what is its own, some at a time (`audio/retention.py`, `calls/retention.py`,
   `metrics/retention.py`, `audit/keeping.py`): the sound alone, of which the transcript stays; or a call, before which
   its recording goes, rows and sound. What is begun and not ended is gone on with by the next.
4. What was removed is counted while it goes (`RetentionRun`), and the audit log has an entry.

`report` says beforehand what would go, also by rules that nobody has set yet, and changes nothing.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from celery import current_app
from django.db import transaction
from django.utils import timezone

from audio import erasing as erasing_audio
from audio import retention as of_audio
from calls import erasing as erasing_calls
from calls import retention as of_calls
from crm.audit import acts, keeping
from crm.erasure import holds
from crm.models import LegalHold, RetentionKind, RetentionPolicy, RetentionRun, Tenant
from metrics import locks
from metrics import retention as of_figures
from metrics.retention import Held

log = structlog.get_logger("earshot.retention")

APPLY_TASK: Final = "crm.apply_retention_of"
# Nothing more is begun after it, well before a worker would be ended; the next task goes on.
PART_SECONDS: Final = 120.0
MOST_RUNS_SHOWN: Final = 20
# What ran longer ago is of no use to anybody.
RUNS_KEPT: Final = timedelta(days=3 * 365)


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind is counted and removed. `one` and `many` are what is counted.

    `count` answers how many would go, and how many of that age a hold keeps; `remove` tells how many went each time.
    """

    one: str
    many: str
    count: Callable[..., tuple[int, int]]
    remove: Callable[..., Iterator[int]]
    oldest: Callable[[int], datetime | None]


@dataclass(frozen=True, slots=True)
class Row:
    """What of one kind would go now. `days` and `before` are None where there is no rule, and then nothing goes."""

    kind: RetentionKind
    days: int | None
    before: datetime | None
    going: int
    held: int
    oldest: datetime | None

    @property
    def unit(self) -> Kind:
        return KINDS[self.kind]


def report(tenant_id: int, policy: RetentionPolicy | None = None) -> list[Row]:
    """What would go by the company's rules, or by others. Changes nothing.

    Raises RetryableAudioError, RetryableCallError or RetryableMetricsError while a store is away.
    """
    rules = policy or RetentionPolicy.of(tenant_id)
    held = _held(tenant_id)
    now = timezone.now()
    rows = []
    for kind, how in KINDS.items():
        before = _before(rules, kind, now)
        going, kept = how.count(tenant_id, before=before, held=held) if before else (0, 0)
        rows.append(Row(kind, rules.days_of(kind), before, going, kept, how.oldest(tenant_id)))
    return rows


def change(tenant: Tenant, changes: Mapping[str, int | None]) -> RetentionPolicy:
    """Store other rules; what is not given stays. They hold from the next night on. The values have been validated."""
    with transaction.atomic():
        Tenant.objects.select_for_update().get(pk=tenant.pk)
        policy = changed(RetentionPolicy.of(tenant.pk), changes)
        policy.save()
    return policy


def changed(policy: RetentionPolicy, changes: Mapping[str, int | None]) -> RetentionPolicy:
    """The rules with other values, not stored."""
    given = {kind: policy.days_of(kind) for kind in RetentionKind}
    days = {f"{kind.value}_days": value for kind, value in given.items()}
    return RetentionPolicy(tenant_id=policy.tenant_id, **{**days, **{name: changes[name] for name in changes}})


def shortened(now: RetentionPolicy, then: RetentionPolicy) -> list[RetentionKind]:
    """The kinds that would be kept for less long than they are."""
    forever = 10**9
    return [kind for kind in RetentionKind if (then.days_of(kind) or forever) < (now.days_of(kind) or forever)]


def last_runs(tenant_id: int) -> list[RetentionRun]:
    """The newest first."""
    return list(RetentionRun.objects.filter(tenant_id=tenant_id)[:MOST_RUNS_SHOWN])


def last_run_of(tenant_id: int) -> dict[str, RetentionRun]:
    """The newest of each kind."""
    runs = RetentionRun.objects.filter(tenant_id=tenant_id).order_by("kind", "-at", "-pk").distinct("kind")
    return {run.kind: run for run in runs}


def apply_to_all() -> int:
    """Send a task for each company that has a rule. How many."""
    ruled = [policy.tenant_id for policy in RetentionPolicy.objects.all() if _has_rule(policy)]
    for tenant_id in ruled:
        _send(tenant_id)
    RetentionRun.objects.filter(at__lt=timezone.now() - RUNS_KEPT).delete()
    return len(ruled)


def apply_in_part(tenant_id: int) -> None:
    """Remove for a while; what there was no time for is for a task of its own."""
    if not apply(tenant_id, seconds=PART_SECONDS):
        _send(tenant_id)


def apply(
    tenant_id: int,
    *,
    seconds: float | None = None,
    progress: Callable[[RetentionKind, int], None] = lambda kind, removed: None,
    via: str = "task",
) -> bool:
    """Remove what a company keeps no longer. Whether it has come to the end; True also while another one is at it.

    `progress` is told how many more of a kind have gone. Raises what `report` does; what has gone by then is counted.
    """
    until = None if seconds is None else time.monotonic() + seconds
    with locks.held_alone(f"retention/{tenant_id}") as is_ours:
        if not is_ours:
            return True
        policy = RetentionPolicy.of(tenant_id)
        now = timezone.now()
        removed = 0
        try:
            for kind in KINDS:
                before = _before(policy, kind, now)
                if before is None:
                    continue
                for gone in _apply_kind(tenant_id, kind, before):
                    removed += gone
                    progress(kind, gone)
                    if until is not None and time.monotonic() > until:
                        return False
        finally:
            if removed:
                acts.write("retention.applied", actor=None, via=via, tenant_id=tenant_id)
    return True


def _apply_kind(tenant_id: int, kind: RetentionKind, before: datetime) -> Iterator[int]:
    """Each batch, counted as soon as it has gone."""
    how = KINDS[kind]
    # Whoever is held is asked for each kind anew: removing the one before may have taken long.
    standing, held = _standing(tenant_id), _held(tenant_id)
    _, kept = how.count(tenant_id, before=before, held=held)
    run = RetentionRun.objects.create(
        tenant_id=tenant_id, kind=kind, before=before, removed=0, held=kept, at=timezone.now()
    )
    is_over = False
    while not is_over:
        is_over = True
        for gone in how.remove(tenant_id, before=before, held=held):
            run.removed += gone
            run.at = timezone.now()
            run.save(update_fields=["removed", "at"])
            yield gone
            if (now := _standing(tenant_id)) != standing:
                # A hold that was placed meanwhile is on what is left.
                standing, held, is_over = now, _held(tenant_id), False
                break
    log.info("retention_applied", tenant_id=tenant_id, kind=kind.value, removed=run.removed, held=kept)


def _standing(tenant_id: int) -> set[int]:
    return set(LegalHold.objects.of(tenant_id).standing().values_list("pk", flat=True))


def _held(tenant_id: int) -> Held:
    """What holds are on, with the calls that somebody held has recorded: without them nobody knows what is masked."""
    held = holds.held(tenant_id)
    recorded = [one for user_id in held.user_ids for one in erasing_audio.find(tenant_id, user_id=user_id)]
    return replace(held, call_ids=held.call_ids | {one.call_id for one in recorded})


def _has_rule(policy: RetentionPolicy) -> bool:
    return any(policy.days_of(kind) is not None for kind in RetentionKind)


def _before(policy: RetentionPolicy, kind: RetentionKind, now: datetime) -> datetime | None:
    days = policy.days_of(kind)
    return None if days is None else now - timedelta(days=days)


def _send(tenant_id: int) -> None:
    current_app.send_task(APPLY_TASK, args=[tenant_id], queue="privacy", retry=False)


# --- Sound: of recordings, whose transcripts stay ---


def _count_sound(tenant_id: int, *, before: datetime, held: Held) -> tuple[int, int]:
    return of_audio.count(tenant_id, before=before, held=held, kept_call_ids=_kept(tenant_id, held))


def _remove_sound(tenant_id: int, *, before: datetime, held: Held) -> Iterator[int]:
    return of_audio.remove(tenant_id, before=before, held=held, kept_call_ids=_kept(tenant_id, held))


def _kept(tenant_id: int, held: Held) -> set[str]:
    """The calls that are held for somebody in them, whom their recordings do not name."""
    found = []
    for user_id in held.user_ids:
        found += erasing_calls.find(tenant_id, user_id=user_id)
    for contact_id in held.contact_ids:
        found += erasing_calls.find(tenant_id, contact_id=contact_id)
    if held.identities:
        found += erasing_calls.find(tenant_id, identities=tuple(held.identities))
    return {call.call_id for call in found}


# --- Calls, each with its recording ---


def _remove_calls(tenant_id: int, *, before: datetime, held: Held) -> Iterator[int]:
    def recordings(call_ids: Sequence[str]) -> None:
        of_audio.remove_recordings(tenant_id, call_ids, held=held)

    yield from of_calls.remove(tenant_id, before=before, held=held, first=recordings)
    # Also those whose calls went in another way.
    for _ in of_audio.remove_left(tenant_id, before=before, held=held):
        yield 0


KINDS: Final[Mapping[RetentionKind, Kind]] = {
    RetentionKind.AUDIO: Kind("recording", "recordings", _count_sound, _remove_sound, of_audio.oldest),
    RetentionKind.TRANSCRIPTS: Kind("call", "calls", of_calls.count, _remove_calls, of_calls.oldest),
    RetentionKind.METRICS: Kind("day", "days", of_figures.count, of_figures.remove, of_figures.oldest),
    RetentionKind.LOGS: Kind("entry", "entries", keeping.count, keeping.remove, keeping.oldest),
}


def as_plain(policy: RetentionPolicy) -> dict[str, Any]:
    """`{"audio_days": …, …}`."""
    return {f"{kind.value}_days": policy.days_of(kind) for kind in RetentionKind}
