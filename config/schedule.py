"""What is done again and again: one table of defaults, and the verb that writes them where people may edit them.

The database's schedules are what beat obeys. A default is made when it is missing; when the table here changes, so
does the schedule, unless somebody has edited it. Whether it is enabled is people's alone.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import structlog
from django.conf import settings
from django.db import connection, transaction
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from crm.models import DeclaredSchedule

log = structlog.get_logger("earshot.schedule")

Times = TypeVar("Times", IntervalSchedule, CrontabSchedule)

# Any number that nothing else locks by; so that two that start at once do not both make a default.
_LOCK = 0x5363_6865_6475_6C65


@dataclass(frozen=True, slots=True)
class Default:
    """One row: `task` goes out `every` so many seconds, or at a `crontab` of five fields in UTC.

    A task that has waited for a worker for `expires` seconds is dropped. `queue` of None is the task's own.
    """

    name: str
    task: str
    every: int | None = None
    crontab: str | None = None
    expires: int | None = None
    queue: str | None = None

    def values(self) -> dict[str, Any]:
        """All but the name, as DeclaredSchedule keeps it."""
        return {field: value for field, value in asdict(self).items() if field != "name"}


def defaults() -> list[Default]:
    """The table."""
    window = settings.EARSHOT_SIGN_IN_WINDOW_SECONDS
    sweep, seal = settings.EARSHOT_SWEEP_SECONDS, settings.EARSHOT_SEAL_SECONDS
    match = settings.EARSHOT_MATCH_SECONDS
    gauges, sizes = settings.EARSHOT_GAUGES_SECONDS, settings.EARSHOT_SIZES_SECONDS
    watch, deliver = settings.EARSHOT_ALERTS_SECONDS, settings.EARSHOT_DELIVERIES_SECONDS
    erase = settings.EARSHOT_ERASURE_SECONDS
    index, reconcile = settings.EARSHOT_INDEX_SECONDS, settings.EARSHOT_RECONCILE_SECONDS
    return [
        # A sweep that waited longer than its interval has been overtaken by the next.
        Default("Find work that was lost on its way", "audio.sweep_jobs", every=sweep, expires=sweep),
        Default("End recordings that were left", "audio.end_abandoned_sessions", every=60, expires=60),
        Default(
            "Remove objects that nobody knows", "audio.remove_orphaned_objects", crontab="40 3 * * *", expires=3600
        ),
        Default("Forget sockets whose server died", "audio.forget_dead_sockets", every=60, expires=60),
        Default("Index calls that changed, for search", "calls.index_stale", every=index, expires=index),
        Default("Make vectors that are missing", "calls.embed_waiting", every=60, expires=60),
        Default("Compare search with the calls", "calls.reconcile_search", crontab="10 2 * * *", expires=3600),
        Default("Count the calls of each status anew", "calls.reconcile_counters", every=reconcile, expires=reconcile),
        Default(
            "Look for calls that are there twice", "calls.find_duplicate_calls", crontab="50 2 * * *", expires=3600
        ),
        # A few minutes past the hour for the one that has ended, and then for what comes late.
        Default("Fill hours of figures", "metrics.fill_hours", crontab="4-59/5 * * * *", expires=300),
        Default("Roll up days of figures", "metrics.roll_days", crontab="6-59/15 * * * *", expires=900),
        Default("Compare figures with the rules for alerts", "crm.watch_figures", every=watch, expires=watch),
        Default("Send what waits of alerts", "metrics.send_deliveries", every=deliver, expires=deliver),
        Default("Forget old alerts", "metrics.forget_old_alerts", crontab="20 4 * * *", expires=3600),
        Default("End live-dubbing sessions that were left", "metrics.end_idle_dubbing", every=60, expires=60),
        Default("Archive days of figures", "metrics.archive_days", crontab="30 2 * * *", expires=3600),
        Default("Keep hours until they are archived", "metrics.hold_hours", crontab="30 4 * * *", expires=3600),
        Default("Erase the oldest archived days", "metrics.retire_archived_days", crontab="50 4 * * *", expires=3600),
        Default("Find the contacts of calls", "crm.match_calls", every=match, expires=match),
        Default("Forget failed sign-ins that no longer count", "crm.sweep_sign_ins", every=window, expires=window),
        Default("Tell how much there is to hear", "audio.tell_gauges", every=gauges, expires=gauges),
        Default("Tell how much waits for search", "calls.tell_gauges", every=gauges, expires=gauges),
        Default("Tell how many tasks wait", "config.tell_queues", every=gauges, expires=gauges),
        Default("Tell the size of the calls", "calls.tell_sizes", every=sizes, expires=sizes),
        Default("Tell the size of the recordings", "audio.tell_sizes", every=2 * sizes, expires=sizes),
        Default("Tell how the tiers of the figures stand", "metrics.tell_gauges", every=sizes, expires=sizes),
        Default("Tell the sizes of the servers", "config.tell_stores", every=sizes, expires=sizes),
        Default("Remove exports whose time is over", "crm.sweep_person_exports", every=120, expires=120),
        Default("Have erasures go on whose time has come", "crm.run_due_erasures", every=erase, expires=erase),
        Default("Forget again whom a backup brought back", "crm.replay_erasures", every=erase, expires=erase),
        Default("Remind of erasures whose time runs out", "crm.remind_of_erasures", every=3600, expires=3600),
        Default("Remove what is older than is kept", "crm.apply_retention", crontab="20 1 * * *", expires=3600),
        Default("Seal the audit log", "crm.seal_audit_log", every=seal, expires=seal),
    ]


def make(table: list[Default] | None = None) -> None:
    """Bring the schedules in line with the table; again is the same as once. What people edited stays theirs."""
    wanted = defaults() if table is None else table
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        found = {task.name: task for task in PeriodicTask.objects.select_related("interval", "crontab")}
        declared = {row.name: row.values for row in DeclaredSchedule.objects.all()}
        for default in wanted:
            task = found.get(default.name)
            if task is None or _is_ours(task, declared):
                _write(task or PeriodicTask(name=default.name), default)
        for name in declared.keys() - {default.name for default in wanted}:
            if name in found and _is_ours(found[name], declared):
                found[name].delete()
                log.info("schedule_removed", name=name)
            DeclaredSchedule.objects.filter(name=name).delete()


def check() -> list[str]:
    """What is missing of what `make` makes; empty when it is all there."""
    there = set(PeriodicTask.objects.values_list("name", flat=True))
    return [f"schedule {default.name!r}" for default in defaults() if default.name not in there]


def _is_ours(task: PeriodicTask, declared: Mapping[str, dict[str, Any]]) -> bool:
    """Whether it reads as we last wrote it."""
    return declared.get(task.name) == _values_of(task)


def _values_of(task: PeriodicTask) -> dict[str, Any]:
    """A schedule in the words of the table; one that the table has no words for is never equal to one of its rows."""
    interval, crontab = task.interval, task.crontab
    return {
        "task": task.task,
        "every": _seconds(interval) if interval else None,
        "crontab": _five_fields(crontab) if crontab else None,
        "expires": task.expire_seconds,
        "queue": task.queue,
    }


def _write(task: PeriodicTask, default: Default) -> None:
    if task.pk and _values_of(task) == default.values():
        return
    task.task, task.queue, task.expire_seconds = default.task, default.queue, default.expires
    task.interval = task.crontab = None
    if default.every is not None:
        task.interval = _found_or_made(IntervalSchedule, every=default.every, period=IntervalSchedule.SECONDS)
    elif default.crontab is not None:
        fields = zip(_CRONTAB_FIELDS, default.crontab.split(), strict=True)
        task.crontab = _found_or_made(CrontabSchedule, **dict(fields), timezone="UTC")
    task.save()
    DeclaredSchedule.objects.update_or_create(name=default.name, defaults={"values": default.values()})
    log.info("schedule_written", name=default.name)


def _found_or_made(times: type[Times], **values: Any) -> Times:
    """The same time may be there several times, since no key forbids it; any of them will do."""
    rows = times._default_manager
    return rows.filter(**values).order_by("pk").first() or rows.create(**values)


_CRONTAB_FIELDS = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")


def _five_fields(crontab: CrontabSchedule) -> str:
    fields = " ".join(str(getattr(crontab, field)).replace(" ", "") for field in _CRONTAB_FIELDS)
    return fields if str(crontab.timezone) == "UTC" else f"{fields} {crontab.timezone}"


def _seconds(interval: IntervalSchedule) -> float:
    try:
        return float(interval.schedule.run_every.total_seconds())
    except OverflowError:
        return float("inf")
