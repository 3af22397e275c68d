"""What is done again and again, for superusers; beat heeds a change within seconds."""

import inspect
from datetime import timedelta
from typing import Any, ClassVar

from celery import current_app
from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.formats import date_format
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    PeriodicTasks,
    SolarSchedule,
)

from crm.admin.scoping import ForSuperusers

# The library's own pages run inline script, which our pages may not.
admin.site.unregister([ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule])


LONGEST_INTERVAL = timedelta(days=366)
LENGTHS = {period: timedelta(**{period: 1}) for period, _ in IntervalSchedule.PERIOD_CHOICES}


# What a beat may send, in people's words. A task that needs arguments is none of it: beat has nothing to tell it.
_WORDS = {
    "audio.sweep_jobs": "Find work that was lost on its way",
    "audio.end_abandoned_sessions": "End recordings that were left",
    "audio.forget_dead_sockets": "Forget sockets whose server died",
    "audio.remove_orphaned_objects": "Remove objects that nobody knows",
    "calls.index_stale": "Index calls that changed, for search",
    "calls.embed_waiting": "Make vectors that are missing",
    "calls.reconcile_search": "Compare search with the calls",
    "calls.reconcile_counters": "Count the calls of each status anew",
    "calls.find_duplicate_calls": "Look for calls that are there twice",
    "metrics.send_deliveries": "Send what waits of alerts",
    "metrics.forget_old_alerts": "Forget old alerts",
    "metrics.end_idle_dubbing": "End live-dubbing sessions that were left",
    "metrics.fill_hours": "Fill hours of figures",
    "metrics.roll_days": "Roll up days of figures",
    "metrics.archive_days": "Archive days of figures",
    "metrics.hold_hours": "Keep hours until they are archived",
    "metrics.retire_archived_days": "Erase the oldest archived days",
    "crm.watch_figures": "Compare figures with the rules for alerts",
    "crm.match_calls": "Find the contacts of calls",
    "crm.sweep_sign_ins": "Forget failed sign-ins that no longer count",
    "audio.tell_gauges": "Tell how much there is to hear",
    "audio.tell_sizes": "Tell the size of the recordings",
    "calls.tell_gauges": "Tell how much waits for search",
    "calls.tell_sizes": "Tell the size of the calls",
    "config.tell_queues": "Tell how many tasks wait",
    "config.tell_stores": "Tell the sizes of the servers",
    "metrics.tell_gauges": "Tell how the tiers of the figures stand",
    "crm.sweep_person_exports": "Remove exports whose time is over, and make those that wait",
    "crm.apply_retention": "Remove what is older than is kept",
    "crm.seal_audit_log": "Seal the audit log",
    "crm.run_due_erasures": "Have erasures go on whose time has come",
    "crm.replay_erasures": "Forget again whom a backup brought back",
    "crm.remind_of_erasures": "Remind of erasures whose time runs out",
}


def known_tasks() -> list[tuple[str, str]]:
    """Every task of ours that takes no arguments: its name, and what it does."""
    current_app.loader.import_default_modules()
    names = sorted(name for name, task in current_app.tasks.items() if _can_be_sent_by_beat(name, task))
    return [(name, _WORDS.get(name, name)) for name in names]


def known_queues() -> list[tuple[str, str]]:
    """The queues that tasks of ours go to, and that workers therefore take from."""
    current_app.loader.import_default_modules()
    ours = [task for name, task in current_app.tasks.items() if not name.startswith("celery.")]
    queues = {getattr(task, "queue", None) or settings.CELERY_TASK_DEFAULT_QUEUE for task in ours}
    return [("", "The task's own"), *((queue, queue) for queue in sorted(queues))]


def _can_be_sent_by_beat(name: str, task: Any) -> bool:
    parameters = inspect.signature(task.run).parameters.values()
    return not name.startswith("celery.") and all(one.default is not one.empty for one in parameters)


class ScheduleForm(forms.ModelForm[PeriodicTask]):
    task = forms.ChoiceField(choices=known_tasks, help_text="What the workers are to do.")
    queue = forms.ChoiceField(choices=known_queues, required=False, help_text="Whose workers take it.")

    class Meta:
        model = PeriodicTask
        fields: ClassVar = ["name", "task", "enabled", "interval", "crontab", "expire_seconds", "queue", "description"]
        labels: ClassVar = {
            "interval": "Interval",
            "crontab": "Crontab",
            "expire_seconds": "Expires after",
        }
        help_texts: ClassVar = {
            "name": "In a few words.",
            "interval": "Either this, or a crontab.",
            "crontab": "Either this, or an interval.",
            "enabled": "",
            "expire_seconds": "In seconds: a task that no worker took by then is dropped.",
            "description": "",
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # One whose task or queue is gone can still be looked at and disabled.
        for field, choices in (("task", known_tasks()), ("queue", known_queues())):
            kept = getattr(self.instance, field)
            if kept and kept not in dict(choices):
                self.fields[field].choices = [(kept, f"{kept} (unknown)"), *choices]  # type: ignore[attr-defined]

    def clean_queue(self) -> str | None:
        return self.cleaned_data["queue"] or None


@admin.register(PeriodicTask)
class ScheduleAdmin(ForSuperusers):
    kind = "schedule"
    form = ScheduleForm
    list_display = ("name", "does", "schedule", "enabled", "last_run", "runs")
    list_filter = ("enabled",)
    list_select_related = ("interval", "crontab")
    lookups = frozenset({"enabled__exact"})
    search_fields = ("name",)
    search_help_text = "Name, from its start, as it is written"
    ordering = ("name",)
    readonly_fields = ("last_run", "runs")
    fields = (*ScheduleForm.Meta.fields, *readonly_fields)
    actions = ("enable", "disable", "send_now")

    def searched(self, request: HttpRequest, rows: QuerySet[PeriodicTask], term: str) -> QuerySet[PeriodicTask]:
        return rows.filter(name__startswith=term)

    @admin.display(description="Task")
    def does(self, task: PeriodicTask) -> str:
        return dict(known_tasks()).get(task.task, f"{task.task} (unknown)")

    @admin.display(description="Schedule")
    def schedule(self, task: PeriodicTask) -> str:
        return task.crontab.human_readable if task.crontab else str(task.interval or "never")

    @admin.display(description="Last run")
    def last_run(self, task: PeriodicTask) -> str:
        return date_format(task.last_run_at, "DATETIME_FORMAT") if task.last_run_at else "never"

    @admin.display(description="Runs")
    def runs(self, task: PeriodicTask) -> int:
        return int(task.total_run_count)

    @admin.action(description="Enable", permissions=["change"])
    def enable(self, request: HttpRequest, chosen: QuerySet[PeriodicTask]) -> None:
        self._write_each(request, "enabled", chosen)
        changed = chosen.update(enabled=True)
        PeriodicTasks.update_changed()
        self.message_user(request, f"{changed} enabled.")

    @admin.action(description="Disable", permissions=["change"])
    def disable(self, request: HttpRequest, chosen: QuerySet[PeriodicTask]) -> None:
        self._write_each(request, "disabled", chosen)
        changed = chosen.update(enabled=False, last_run_at=None)
        PeriodicTasks.update_changed()
        self.message_user(request, f"{changed} disabled. They stay so until somebody enables them.")

    def _write_each(self, request: HttpRequest, done: str, chosen: QuerySet[PeriodicTask]) -> None:
        for task in chosen:
            self.write_down(request, done, task)

    @admin.action(description="Send now", permissions=["change"])
    def send_now(self, request: HttpRequest, chosen: QuerySet[PeriodicTask]) -> None:
        self._write_each(request, "sent", chosen)
        for one in chosen:
            task = current_app.tasks.get(one.task)
            current_app.send_task(one.task, queue=one.queue or getattr(task, "queue", None), retry=False)
        self.message_user(request, f"{len(chosen)} sent to the workers.")


class OneOfSeveralTimes(ForSuperusers):
    """A time that schedules may share: changed in one place, it changes for all of them."""

    kind = "schedule"
    readonly_fields: ClassVar[tuple[str, ...]] = ("used_by",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).prefetch_related("periodictask_set")

    @admin.display(description="Used by")
    def used_by(self, time: Any) -> str:
        return ", ".join(task.name for task in time.periodictask_set.all()) or "nothing"

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Not while schedules use it: they would go with it."""
        in_use = obj is not None and obj.periodictask_set.exists()  # type: ignore[attr-defined]
        return super().has_delete_permission(request, obj) and not in_use

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """None: the one to delete several would not ask of each whether it is in use."""
        return {}


class IntervalForm(forms.ModelForm[IntervalSchedule]):
    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        every, period = given.get("every"), given.get("period")
        if every and period and every > LONGEST_INTERVAL / LENGTHS[period]:
            raise ValidationError("At most a year lies between two times.")
        return given


@admin.register(IntervalSchedule)
class IntervalAdmin(OneOfSeveralTimes):
    form = IntervalForm
    list_display = ("__str__", "used_by")
    fields = ("every", "period", "used_by")


@admin.register(CrontabSchedule)
class CrontabAdmin(OneOfSeveralTimes):
    list_display = ("human_readable", "used_by")
    readonly_fields = ("human_readable", "used_by")
    fields = (
        "minute",
        "hour",
        "day_of_month",
        "month_of_year",
        "day_of_week",
        "timezone",
        "human_readable",
        "used_by",
    )
