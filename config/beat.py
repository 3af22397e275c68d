"""What keeps the beat: the database's schedules, sent by one leader however many beats run.

The leader holds an advisory lock of PostgreSQL, which lives as long as the connection it was taken on: whoever is
killed, loses the connection or its machine gives the lock back without being asked, and one of the others, which
ask for it every second, has it. A leader looks before each task whether it still holds the lock.

The connection is the leader's own and leads to PostgreSQL itself. Through a pooler that hands its connections round
between transactions (PgBouncer in transaction mode) a lock would stay with a connection of the pooler's when its beat
is long gone; the look at pg_locks then keeps a beat from leading without the lock, but not the lock from lingering.
Give beat an address past such a pooler.
"""

from contextlib import suppress
from datetime import datetime
from typing import Any

import structlog
from celery.beat import SchedulingError
from django.db import Error as DatabaseError
from django.db import close_old_connections, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F, Q
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry
from kombu.exceptions import OperationalError as BrokerError

from config import sign_of_life

log = structlog.get_logger("earshot.beat")

# Any number that nothing else in the database locks by.
LOCK = 0x4265_6174
# How often a beat that does not lead asks whether it may.
STANDBY_SECONDS = 1.0


class LeadLost(Exception):
    """Another beat may be sending by now."""


class Lead:
    """The lock that only one beat in the database holds, and the connection it lives on."""

    def __init__(self) -> None:
        self._connection: BaseDatabaseWrapper | None = None
        self.held = False

    def take(self) -> bool:
        """Whether this beat leads now. Raises DatabaseError while PostgreSQL is away."""
        self.held = self.held or self._ask("SELECT pg_try_advisory_lock(%s)")
        return self.held

    def still_held(self) -> bool:
        """Whether the lock is this connection's yet. Raises DatabaseError when the connection is gone, lock and all."""
        return self._ask(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND granted "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
            "AND classid = 0 AND objid = %s AND objsubid = 1)"
        )

    def let_go(self) -> None:
        """Close the connection and give the lock back with it."""
        gone, self._connection, self.held = self._connection, None, False
        if gone is not None:
            with suppress(DatabaseError):
                gone.close()

    def _ask(self, question: str) -> bool:
        if self._connection is None:
            self._connection = _connection_of_its_own()
        with self._connection.cursor() as cursor:
            cursor.execute(question, [LOCK])
            return bool(cursor.fetchone()[0])


class Schedule(ModelEntry):
    """A schedule as it was read. Of its row only when it ran is written back, never what people edit meanwhile."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # One attempt, since the lead may be lost between two; the next look makes another.
        self.options["retry"] = False

    def save(self) -> None:
        ran_at = self.model.last_run_at
        earlier = Q(last_run_at=None) | Q(last_run_at__lt=ran_at)
        row = PeriodicTask.objects.filter(earlier, pk=self.model.pk, enabled=True)
        row.update(last_run_at=ran_at, total_run_count=F("total_run_count") + 1)


class OneLeader(DatabaseScheduler):
    """Sends what is due while it leads, and waits for its turn while it does not."""

    Entry = Schedule

    def __init__(self, *args: Any, **options: Any) -> None:
        self.lead = Lead()
        self._seen_change: datetime | None = None
        super().__init__(*args, **options)
        # When a task was sent is written down at once, so that the next leader does not send it again.
        self.sync_every_tasks = 1

    def setup_schedule(self) -> None:
        """Nothing yet: the schedule is read by who leads, and the defaults were made by `config.schedule`."""

    def tick(self, *args: Any, **options: Any) -> float:
        """Send one task that is due. Returns in how many seconds to look again."""
        sign_of_life.give()
        try:
            if not self.lead.held:
                if not self.lead.take():
                    return STANDBY_SECONDS
                log.info("beat_leads")
                self._read_anew()
            elif not self.lead.still_held():
                raise LeadLost
            seconds: float = super().tick(*args, **options)
            return seconds
        except SchedulingError as error:
            # What could not be sent is due still, as the schedule in the database says.
            log.warning("task_not_sent", error=type(error.__cause__ or error).__name__)
            self._dirty.clear()
            self._read_anew()
            self._hang_up()
        except LeadLost:
            log.warning("beat_leads_no_more")
            self._dirty.clear()
            self.lead.let_go()
        except DatabaseError as error:
            log.warning("beat_without_database", error=type(error).__name__)
            self.lead.let_go()
            # The connection that the schedule is read by may be the one that broke; the next look takes a new one.
            with suppress(DatabaseError):
                connection.close()
        return STANDBY_SECONDS

    def apply_entry(self, entry: Schedule, producer: Any = None) -> None:
        """Send the task. Raises SchedulingError when the broker does not take it, LeadLost when it is not ours to send.

        `producer` has its connection by now, for which it may have waited longer than the lead lasted.
        """
        try:
            leads = self.lead.still_held()
        except DatabaseError as error:
            raise LeadLost from error
        if not leads:
            raise LeadLost
        self.apply_async(entry, producer=producer, advance=False)
        log.debug("task_sent", name=entry.name, task=entry.task)

    def sync(self) -> None:
        """Write down when what was sent was sent; what cannot be written now is kept for the next time."""
        try:
            while self._dirty:
                name = next(iter(self._dirty))
                if name in self._schedule:
                    self._schedule[name].save()
                self._dirty.discard(name)
        except DatabaseError as error:
            log.warning("run_not_written_down", error=type(error).__name__)

    def all_as_schedule(self) -> dict[str, Any]:
        """Every enabled schedule that can be reckoned with; one that cannot must not keep the others from going out."""
        read: dict[str, Any] = {}
        for model in self.enabled_models():
            try:
                entry = self.Entry(model, app=self.app)
                entry.is_due()
            except (ValueError, OverflowError) as error:
                log.warning("schedule_left_out", name=model.name, error=type(error).__name__)
            else:
                read[model.name] = entry
        return read

    def schedule_changed(self) -> bool:
        """Whether anybody has edited a schedule since the last look."""
        close_old_connections()
        seen, self._seen_change = self._seen_change, self.Changes.last_change()
        return bool(self._seen_change != seen)

    def enabled_models_qs(self) -> Any:
        """Every enabled one: what was due while no beat ran is made good, at whatever hour that was."""
        return self.Model.objects.enabled()

    def close(self) -> None:
        """Also from a signal's handler, perhaps in the middle of a query: nothing may be asked of the database here.

        The lock goes with the process. At worst the next leader sends once more what was being written down.
        """
        self._dirty.clear()
        super().close()

    def _ensure_connected(self) -> Any:
        try:
            return self.connection.ensure_connection(max_retries=1)
        except BrokerError as error:
            raise SchedulingError("The broker is away.") from error

    def _hang_up(self) -> None:
        """Let the connection to the broker go; the next task makes a new one."""
        self.__dict__.pop("producer", None)
        broker = self.__dict__.pop("connection", None)
        if broker is not None:
            with suppress(BrokerError, *broker.connection_errors):
                broker.release()

    def _read_anew(self) -> None:
        self._heap = None
        self._initial_read = True


def _connection_of_its_own() -> BaseDatabaseWrapper:
    """Like Django's, but not from its pool, and noticed to be dead within seconds at both of its ends."""
    own = connection.copy(alias="beat")
    options = own.settings_dict["OPTIONS"]
    own.settings_dict["OPTIONS"] = {
        **{name: value for name, value in options.items() if name != "pool"},
        "tcp_user_timeout": 5000,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "options": (
            "-c statement_timeout=5000 -c idle_session_timeout=0 "
            "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3"
        ),
    }
    return own
