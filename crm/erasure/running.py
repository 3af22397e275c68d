"""A worker's part of an erasure: claim it, have everybody forgotten, erase step by step, look again, and certify.

Each part may be cut off anywhere, even by SIGKILL: a worker renews its claim while it lives, and beat has another one
go on. All steps are gone through again then; what is erased already is found no more.
"""

import math
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Final, TypeVar

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from audio import forgotten as audio_forgotten
from audio.errors import RetryableAudioError
from calls import forgotten as calls_forgotten
from calls.errors import RetryableCallError
from crm import forgotten as crm_forgotten
from crm import people
from crm.audit import acts, sealing
from crm.erasure import certificates, holds, ledger, marks, states, steps, subjects
from crm.erasure.steps import Step
from crm.errors import LastAdmin, RetryableDeskError, UnknownPerson
from crm.models import AuditEntry, ErasureRequest, ErasureState, StoreRow, User
from crm.models.privacy import ErasureRequestQuerySet
from metrics import archive, keyring
from metrics import forgotten as metrics_forgotten
from metrics.erasing import Subject
from metrics.errors import RetryableMetricsError
from metrics.registers import Entry

log = structlog.get_logger("earshot.erasure")

REGISTERS: Final = (audio_forgotten, calls_forgotten, metrics_forgotten, crm_forgotten)
# A task ends by itself before Celery ends it, and sends itself again.
SLICE_SECONDS: Final = 150.0
# How often the page that shows it sees how far a long step is.
_TOLD_EVERY_SECONDS: Final = 1.0
# A store that is away is asked again after so many seconds each, and then the request has failed for now.
PAUSES_SECONDS: Final = (0.5, 2.0, 5.0)
_FIRST_PAUSE: Final = timedelta(minutes=1)
_LONGEST_PAUSE: Final = timedelta(hours=6)
_AWAY: Final = (RetryableAudioError, RetryableCallError, RetryableMetricsError, RetryableDeskError, OperationalError)
# What people call the stores of the table.
STORE_NAMES: Final = {
    "queue": "the queues",
    "objects": "the object store",
    "redis": "Redis",
    "postgres": "PostgreSQL",
    "mongodb": "MongoDB",
    "timeseries": "the figures",
    "dubbing_sessions": "the live-dubbing sessions",
    "archive": "the archive",
}

T = TypeVar("T")


class NotComplete(Exception):
    """It has to be tried again later. The message is for people, and names no person."""


class TimeIsUp(Exception):
    """Others wait for the worker; the rest is done by the next task."""


class InOtherHands(Exception):
    """Another worker has claimed it meanwhile."""


def run_due() -> int:
    """What beat does: have everything go on whose time has come. How many were sent to workers."""
    now = timezone.now()
    is_over = Q(state=ErasureState.WAITING, waits_until__lte=now)
    for request in ErasureRequest.objects.filter(is_over | Q(state=ErasureState.BLOCKED)):
        with transaction.atomic():
            holds.lock(request.tenant_id)
            states.settle(request, is_held=holds.is_held(request))
    due = [request for request in ErasureRequest.objects.open().free_since(now - _lease()) if _is_due(request, now)]
    for request in due:
        states.send(request)
    return len(due)


def run(
    request_id: uuid.UUID | str,
    *,
    seconds: float | None = None,
    progress: Callable[[StoreRow], None] = lambda _: None,
) -> ErasureRequest | None:
    """Erase, from wherever it was left, until it is complete, has failed for now, or so many seconds are over.

    The request as it is then; None for one that is gone, held, not approved, ended, or in other hands. `progress` is
    told each step's row as it changes.
    """
    request = _claim(request_id)
    if request is None:
        log.info("erasure_not_claimed")
        return None
    run = _Run(request, seconds, progress)
    try:
        with _claim_kept(request):
            run.go()
    except InOtherHands:
        log.info("erasure_in_other_hands")
    except (TimeIsUp, SoftTimeLimitExceeded):
        if run.held().update(claimed_at=None):
            states.send(request)
    except NotComplete as failed:
        run.fail(str(failed))
    except Exception as bug:
        # Where, and not what it says: a driver's message may hold values.
        where = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(bug.__traceback__)[-4:]]
        log.error("erasure_broke", step=run.step_words, error=type(bug).__name__, where=where)  # noqa: TRY400
        run.fail(f"Something unexpected went wrong while this was done: {run.step_words}. It is tried again by itself.")
    return ErasureRequest.objects.filter(pk=request.pk).first()


def pause_after(attempts: int) -> timedelta:
    """How long beat leaves alone what has failed after so many attempts; longer each time."""
    doublings = min(max(attempts - 1, 0), 16)
    return min(_FIRST_PAUSE * (1 << doublings), _LONGEST_PAUSE)


def _is_due(request: ErasureRequest, now: datetime) -> bool:
    if request.state == ErasureState.FAILED:
        return request.ended_at is None or request.ended_at + pause_after(request.attempts) <= now
    return request.state in {ErasureState.APPROVED, ErasureState.RUNNING, ErasureState.VERIFYING}


def _claim(request_id: uuid.UUID | str) -> ErasureRequest | None:
    """Take it for this worker. What is held by a hold at this moment is not taken."""
    with transaction.atomic():
        request = ErasureRequest.objects.filter(pk=request_id).first()
        if request is None:
            return None
        holds.lock(request.tenant_id)
        now = timezone.now()
        free = ErasureRequest.objects.filter(pk=request.pk).free_since(now - _lease())
        claimed = {"claimed_at": now, "attempts": F("attempts") + 1}
        request.refresh_from_db()
        if request.state in {ErasureState.RUNNING, ErasureState.VERIFYING}:
            # Its worker has died.
            taken = free.filter(state=request.state).update(**claimed) == 1
        else:
            if request.state == ErasureState.APPROVED and not request.is_replay and holds.is_held(request):
                states.settle(request, is_held=True)
                return None
            started = {"started_at": Coalesce("started_at", now), "ended_at": None, "error": ""}
            taken = states.move(free, ErasureState.RUNNING, **claimed, **started)
        request.refresh_from_db()
    return request if taken else None


@contextmanager
def _claim_kept(request: ErasureRequest) -> Iterator[None]:
    """Renews the claim while the block runs, from a thread of its own."""
    done = threading.Event()

    def renew() -> None:
        while not done.wait(_lease().total_seconds() / 3):
            try:
                _held(request).update(claimed_at=timezone.now())
            except OperationalError:
                # There are two more chances before the claim runs out.
                log.warning("erasure_claim_not_renewed")
            finally:
                connection.close()

    thread = threading.Thread(target=renew, name="erasure-claim", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _held(request: ErasureRequest) -> ErasureRequestQuerySet:
    """The request while it is in the hands that claimed it: each claim has a number of its own."""
    return ErasureRequest.objects.filter(pk=request.pk, attempts=request.attempts)


class _Run:
    """One claim's work. What it knows is in the row, so that another can go on from there."""

    def __init__(self, request: ErasureRequest, seconds: float | None, progress: Callable[[StoreRow], None]) -> None:
        self.request = request
        self.tell = progress
        self.rows: list[StoreRow] = list(request.stores)
        self.step_words = "forgetting the person"
        self._ends = math.inf if seconds is None else time.monotonic() + seconds
        self._told = 0.0

    def go(self) -> None:
        if self.request.state == ErasureState.RUNNING:
            subject = self._forget()
            self._erase(subject)
            self._move(ErasureState.VERIFYING)
        subject = self._planned()
        self._verify(subject)
        self._complete(subject)

    def held(self) -> ErasureRequestQuerySet:
        return _held(self.request)

    def fail(self, error: str) -> None:
        """Not complete for now; beat takes it up again after a pause, people at once."""
        if states.move(self.held(), ErasureState.FAILED, error=error, ended_at=timezone.now(), claimed_at=None):
            log.warning("erasure_not_complete", step=self.step_words)

    # --- Forgetting, before anything is looked for ---

    def _forget(self) -> Subject:
        """Have nothing of theirs written any more, then find all that was; kept in the row, entered in the ledger."""
        request = self.request
        subject = self._known()
        if not request.is_replay:
            self._asked(lambda: self._close_doors(subject), store="postgres")
        while True:
            known = subject
            self._asked(partial(forget, known, at=request.started_at or timezone.now()), store="archive")
            # Until just now they may have been given one more id; from now on nobody whom this finds is given any.
            subject = subjects.merged(known, self._known())
            if subject.person_keys == known.person_keys:
                break
        found = self._asked(lambda: subjects.with_what_is_theirs(subject), store="mongodb")
        subject = subjects.merged(subject, found)
        request.plan = {**request.plan, "subject": subjects.as_json(subject)}
        self._write(plan=request.plan)
        self._asked(lambda: forget_calls(subject, at=request.started_at or timezone.now()), store="archive")
        if "ledger" not in request.plan:
            self._asked(
                lambda: ledger.write(request, subject, at=request.started_at or timezone.now()), store="archive"
            )
        return subject

    def _known(self) -> Subject:
        """Whom it is about, with all that was known of them when an earlier worker died."""
        request = self.request
        if not request.subject:
            return self._planned()
        if "subject" not in request.plan:
            return subjects.of_request(request)
        now = subjects.who(request.tenant_id, subjects.asked_by(request))
        return subjects.without_what_others_have(subjects.merged(self._planned(), now))

    def _planned(self) -> Subject:
        return subjects.from_json(self.request.tenant_id, self.request.plan["subject"])

    def _close_doors(self, subject: Subject) -> None:
        """Sign a colleague out everywhere, at once; whoever manages the company alone is not erased."""
        person = User.objects.of(subject.tenant_id).filter(pk=subject.user_id or 0, is_active=True).first()
        if person is None:
            return
        try:
            people.change(person, is_active=False)
        except UnknownPerson:
            # Forgotten already, by a worker that died after it.
            log.info("erasure_of_forgotten")
        except LastAdmin as last:
            raise NotComplete(last.message) from last

    # --- Erasing ---

    def _erase(self, subject: Subject) -> None:
        # While it is still told whose recordings and calls the entries are about.
        self._asked(lambda: seal_audit_log(subject.tenant_id), store="archive")
        for step in steps.STEPS:
            self.step_words = step.words
            if step.store == "archive":
                # What was written down of them meanwhile gets its pseudonyms while there are keys.
                self._asked(lambda: seal_audit_log(subject.tenant_id), store="archive")
            self._do(step, subject)

    def _do(self, step: Step, subject: Subject) -> None:
        row = self._row_of(step)

        def once() -> None:
            there = step.module.count(subject)
            # What a worker that died had removed is there no more.
            before = max(row["erased"], row["found"] - there)
            row["found"], row["erased"] = max(row["found"], before + there), before
            self._save()
            row["erased"] = before + step.module.erase(subject, progress=lambda more: self._progress(row, more))
            row["found"] = max(row["found"], row["erased"])

        self._asked(once, store=step.store)
        self._save()

    def _progress(self, row: StoreRow, more: int) -> None:
        row["erased"] += more
        now = time.monotonic()
        if now > self._ends:
            self._save()
            raise TimeIsUp
        if now - self._told >= _TOLD_EVERY_SECONDS:
            self._told = now
            self._save()

    # --- Looking again ---

    def _verify(self, subject: Subject) -> None:
        """Count once more as the steps do, and look by other means. Raises NotComplete, naming what has something."""
        for step in steps.STEPS:
            self.step_words = step.words
            row = self._row_of(step)
            row["left"] = self._asked(partial(step.module.count, subject), store=step.store)
            row["found_again"] = self._asked(partial(step.module.search, subject), store=step.store)
            self._save()
        self.step_words = "looking again"
        if any(keyring.known_pseudonyms([keyring.Named(subject.tenant_id, key) for key in subject.person_keys])):
            raise NotComplete("A key in the archive is still there. It is tried again by itself.")
        if calls_forgotten.erased_among(subject.tenant_id, subject.calls.keys()) != subject.calls.keys():
            raise NotComplete("A call of theirs could still come back. It is tried again by itself.")
        if left := [row["step"] for row in self.rows if row["left"] or row["found_again"]]:
            raise NotComplete(f"Something was left: {'; '.join(left)}. It is tried again by itself."[:255])

    def _complete(self, subject: Subject) -> None:
        """Certify it, mark every store as having obeyed, and know no more whom it was about."""
        self.step_words = "certifying it"
        request, now = self.request, timezone.now()
        entry_name = request.plan.get("ledger", ledger.name_of(request))
        entry = self._asked(lambda: archive.read(entry_name), store="archive")
        if entry is None:
            raise NotComplete("The archive has lost the ledger's entry of this erasure.")
        people_known, calls_known = len(subject.person_keys), len(subject.calls)
        self._asked(
            lambda: certificates.issue(
                request, self.rows, people=people_known, calls=calls_known, ledger_entry=entry, completed_at=now
            ),
            store="archive",
        )
        self._asked(lambda: marks.write_outside([entry_name]), store="redis")
        with transaction.atomic():
            marks.write([entry_name], at=now)
            holds.forget(subject)
            self._end_others(subject, now)
            moved = states.move(
                self.held(), ErasureState.COMPLETED, ended_at=now, claimed_at=None, error="", **states.EMPTIED
            )
            if not moved:
                raise InOtherHands
            acts.write(
                "erasure.completed",
                actor=None,
                subject=f"erasure:{request.pk}",
                via="machine",
                tenant_id=request.tenant_id,
            )

    def _end_others(self, subject: Subject, now: datetime) -> None:
        """Whoever asked for the same person by another name has what they asked for, and their request knows a name."""
        for other in ErasureRequest.objects.of(subject.tenant_id).filter(state__in=states.UNBEGUN, is_replay=False):
            if not subjects.is_named_by(subject, other.subject):
                continue
            if states.move(states.as_read(other), ErasureState.CANCELLED, ended_at=now, **states.EMPTIED):
                about = f"erasure:{other.pk}"
                acts.write("erasure.cancelled", actor=None, subject=about, via="machine", tenant_id=subject.tenant_id)

    # --- The row ---

    def _row_of(self, step: Step) -> StoreRow:
        for row in self.rows:
            if (row["store"], row["step"]) == (step.store, step.words):
                return row
        self.rows.append(step.row())
        return self.rows[-1]

    def _save(self) -> None:
        self._write(stores=self.rows)
        self.tell(self.rows[-1])

    def _write(self, **values: object) -> None:
        if not self.held().update(**values, claimed_at=timezone.now()):
            raise InOtherHands

    def _move(self, target: ErasureState) -> None:
        if not states.move(self.held(), target):
            raise InOtherHands
        self.request.state = target

    def _asked(self, ask: Callable[[], T], *, store: str) -> T:
        """What the store answers, also after a moment. Raises NotComplete when it stays away."""
        for pause in PAUSES_SECONDS:
            try:
                return ask()
            except _AWAY as away:
                log.info("erasure_store_away", store=store, error=type(away).__name__)
                time.sleep(pause)
        try:
            return ask()
        except _AWAY as away:
            name = STORE_NAMES[store]
            raise NotComplete(
                f"{name[0].upper()}{name[1:]} did not answer while this was done: {self.step_words}. "
                "It is tried again by itself."
            ) from away


def forget(subject: Subject, *, at: datetime) -> None:
    """Have no app write anything of theirs any more; again is the same as once. Raises RetryableMetricsError."""
    entries = [Entry(subject.tenant_id, keyring.digest(subject.tenant_id, key), at) for key in subject.person_keys]
    for register in REGISTERS:
        register.forget_digests(entries)


def forget_calls(subject: Subject, *, at: datetime) -> None:
    """Have no call of theirs made anew under its id, whoever sends it; raises as `forget`."""
    digests = [calls_forgotten.digest_of_call(subject.tenant_id, call_id) for call_id in subject.calls]
    calls_forgotten.forget_calls(Entry(subject.tenant_id, digest, at) for digest in digests)


def seal_audit_log(tenant_id: int) -> None:
    """Have no entry that was written until now name anybody by an id. Raises RetryableMetricsError."""
    now = timezone.now()
    for _ in range(3):
        sealing.seal()
        chains = Q(tenant_id=tenant_id) | Q(tenant_id=None)
        if not AuditEntry.objects.unsealed().filter(chains, at__lte=now).exists():
            return
    raise RetryableMetricsError("Others are sealing the audit log. Try again in a moment.")


def _lease() -> timedelta:
    """Of a worker that has not been heard of for so long another takes over."""
    return timedelta(seconds=settings.EARSHOT_ERASURE_LEASE_SECONDS)
