"""Takes conversations out of the queue and has them stored, for as long as its process lives.

1. It looks at every few seconds, and whenever a batch is full: batches are taken while there are any that are full or
   old enough, several at a time, each in a thread of its own.
2. While a store is away a batch waits in its thread and is tried again for ever. Meanwhile the look tells the queue
   that the batch is still worked on, so that no other consumer takes it.
3. A batch that fails otherwise is tried one by one. What fails by itself stays in the queue until it is claimed, as
   what a dead consumer held does, and after so many attempts it is laid among the dead letters.
4. Asked to end, it takes all that waits, whatever its age, and ends within two seconds. What it did not get done is
   in the queue as before.
"""

import random
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connections

from calls import intake, queue
from calls.errors import CallError, RetryableCallError
from calls.queue import Entry
from metrics import timings
from metrics.errors import RetryableMetricsError

log = structlog.get_logger("earshot.intake")

# A server that does not answer, which says nothing about what was to be stored.
AWAY = (RetryableCallError, RetryableMetricsError, OperationalError, InterfaceError)
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0
# Given out so often, it has been held by as many consumers that died, and may be why.
MOST_TIMES_GIVEN_OUT = 16


class Consumer:
    """One process's. `run` returns after `end`, which a signal handler may call; `each_round` is called every few
    seconds while it runs."""

    def __init__(self, *, each_round: Callable[[], None] = lambda: None) -> None:
        self._each_round = each_round
        self.name = f"consumer-{uuid.uuid4().hex[:12]}"
        self._is_asked_to_end = False
        self._takes_no_more = threading.Event()
        # What wakes it: a full batch, a batch that is done, the end. Putting into it is safe in a signal handler.
        self._news: SimpleQueue[None] = SimpleQueue()
        self._batches: dict[str, Sequence[Entry]] = {}

    @property
    def is_busy(self) -> bool:
        return bool(self._batches)

    def end(self) -> None:
        self._is_asked_to_end = True
        self._news.put(None)

    def run(self) -> None:
        threading.Thread(target=self._listen, name="intake-wake", daemon=True).start()
        log.info("intake_began", consumer=self.name)
        next_look = 0.0
        pauses = _pauses()
        while not self._is_asked_to_end:
            self._each_round()
            try:
                if time.monotonic() >= next_look:
                    self._look()
                    next_look = time.monotonic() + settings.EARSHOT_INTAKE_LOOK_SECONDS
                self._take(age_seconds=settings.EARSHOT_INTAKE_AGE_SECONDS)
                pauses = _pauses()
                pause = next_look - time.monotonic()
            except RetryableCallError:
                log.warning("intake_queue_away")
                pause = next(pauses)
            self._wait(pause)
        self._flush()
        log.info("intake_ended", consumer=self.name, left=sum(map(len, self._batches.values())))
        timings.flush()

    def _look(self) -> None:
        queue.see(self.name)
        queue.hold(self.name, [entry.entry_id for batch in list(self._batches.values()) for entry in batch])
        if len(self._batches) < settings.EARSHOT_INTAKE_CONCURRENCY:
            claimed = queue.claim(
                self.name, most=settings.EARSHOT_INTAKE_BATCH, idle_seconds=settings.EARSHOT_INTAKE_CLAIM_SECONDS
            )
            if claimed:
                log.warning("intake_claimed", entries=len(claimed))
                self._begin(claimed, singly=True)
        intake.tell_gauges()

    def _take(self, *, age_seconds: float) -> None:
        while len(self._batches) < settings.EARSHOT_INTAKE_CONCURRENCY:
            batch = queue.take(self.name, most=settings.EARSHOT_INTAKE_BATCH, age_seconds=age_seconds)
            if not batch:
                return
            self._begin(batch)

    def _begin(self, batch: Sequence[Entry], *, singly: bool = False) -> None:
        name = f"intake-{uuid.uuid4().hex[:8]}"
        self._batches[name] = batch
        thread = threading.Thread(target=self._work, args=(name, batch), kwargs={"singly": singly}, daemon=True)
        thread.start()

    def _work(self, name: str, batch: Sequence[Entry], *, singly: bool) -> None:
        """In a thread of its own. What was claimed goes one by one: it may be why its last consumer died."""
        try:
            for together in [[entry] for entry in batch] if singly else [batch]:
                if singly and together[0].given_out > MOST_TIMES_GIVEN_OUT:
                    _give_up(together[0], code="consumers_died", error="", attempts=together[0].given_out)
                else:
                    self._persist(together)
        except AWAY as error:
            log.warning("intake_batch_left", error=type(error).__name__, entries=len(batch))
        finally:
            connections.close_all()
            del self._batches[name]
            self._news.put(None)

    def _persist(self, batch: Sequence[Entry]) -> None:
        """Have it stored, however long that takes, unless this process ends before."""
        for pause in _pauses():
            try:
                intake.store_batch(batch)
                return
            except AWAY as error:
                log.warning("intake_waits_for_store", error=type(error).__name__, entries=len(batch))
                connections.close_all()
                if self._takes_no_more.wait(pause):
                    return
            except Exception as error:
                # Whatever is wrong with one of them, the others are to be stored.
                if len(batch) == 1:
                    _note_failure(batch[0], error)
                else:
                    log.warning("intake_batch_failed", error=type(error).__name__, entries=len(batch))
                    for entry in batch:
                        self._persist([entry])
                return

    def _flush(self) -> None:
        """Take and store what waits, in the time that a process gets to end."""
        self._takes_no_more.set()
        ends = time.monotonic() + settings.EARSHOT_INTAKE_FLUSH_SECONDS
        with suppress(RetryableCallError):
            while time.monotonic() < ends:
                self._take(age_seconds=0)
                if not self._batches:
                    break
                self._wait(ends - time.monotonic())
            queue.leave(self.name)

    def _wait(self, seconds: float) -> None:
        """For news, and no longer than so."""
        with suppress(Empty):
            self._news.get(timeout=max(seconds, 0.0))
            while True:
                self._news.get_nowait()

    def _listen(self) -> None:
        while not self._takes_no_more.is_set():
            try:
                if queue.wait_for_batch(settings.EARSHOT_INTAKE_LOOK_SECONDS):
                    self._news.put(None)
            except RetryableCallError:
                self._takes_no_more.wait(1.0)


def _note_failure(entry: Entry, error: Exception) -> None:
    """Logged is the error's kind and where it happened, and not what it says, which may quote what was said.

    What our own errors say quotes nobody, and goes into the dead letter, so that people see what to mend.
    """
    attempts = queue.count_attempt(entry)
    kind = type(error).__name__
    frame = traceback.extract_tb(error.__traceback__)[-1]
    log.error(
        "conversation_not_stored",
        entry_id=entry.entry_id,
        tenant_id=entry.tenant_id,
        error=kind,
        at=f"{frame.filename}:{frame.lineno}",
        attempts=attempts,
    )
    if attempts >= settings.EARSHOT_INTAKE_MOST_ATTEMPTS:
        if isinstance(error, CallError):
            _give_up(entry, code=error.code, error=kind, attempts=attempts, message=error.message, fields=error.fields)
        else:
            _give_up(entry, code="not_stored", error=kind, attempts=attempts)


def _give_up(
    entry: Entry,
    *,
    code: str,
    error: str,
    attempts: int,
    message: str = "",
    fields: Mapping[str, Sequence[str]] | None = None,
) -> None:
    # By the queue's own id: the conversation's is the caller's, and may be made of anything.
    facts = {"entry_id": entry.entry_id, "tenant_id": entry.tenant_id}
    if queue.bury(entry, code=code, error=error, attempts=attempts, message=message, fields=fields):
        log.error("conversation_given_up", code=code, **facts)
    else:
        log.error("dead_letters_full", **facts)


def _pauses() -> Iterator[float]:
    """Longer and longer, up to a bound, and never quite as long as another's."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        yield pause * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
