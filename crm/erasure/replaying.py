"""Obeys the ledger again where a store came back from a backup, so that who was erased is forgotten once more.

Every store bears a mark for each entry of the ledger that it has obeyed. An entry that one of them lacks is obeyed
anew: the registers at once, so that nothing is written of these people; then whoever the stores name is held against
the entry's digests, and who is found is erased by a request of its own, past approval, waiting and holds.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from audio import erasing as audio_erasing
from audio.models import AudioSession
from calls import erasing as calls_erasing
from calls import forgotten as calls_forgotten
from calls.erasing import waiting
from calls.models import IndexedCall
from crm.audit import acts
from crm.erasure import account, ledger, marks, running, states, steps, subjects
from crm.erasure.ledger import Entry
from crm.erasure.subjects import Asked
from crm.models import ErasureRequest, ErasureState, PrivacyPolicy, SubjectKind, Tenant
from metrics import erasing_steps, keyring, locks, person_keys
from metrics.erasing import Identity, Share, Subject

log = structlog.get_logger("earshot.erasure")

_LOCK = "crm.replay_erasures"
# Whom each floor's stores name, by their person keys.
_CANDIDATES = (
    audio_erasing.candidates,
    calls_erasing.candidates,
    erasing_steps.candidates,
    account.candidates,
)
REASON = "A store that came back from a backup knew them again."


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many entries some store had not obeyed, and the requests that erase whom they found there."""

    entries: int
    requests: Sequence[ErasureRequest]


def replay() -> Replayed:
    """Find what has to be obeyed again, and have workers erase it. One at a time; who comes second does nothing.

    Costs one listing of the ledger when there is nothing to do. Raises RetryableMetricsError, RetryableCallError,
    RetryableAudioError while a store is away.
    """
    found = _found()
    for request in found.requests:
        states.send(request)
    return found


def replay_now() -> Replayed:
    """The same, and erase here and now: for a start, before anybody is served. The requests are as they are then."""
    found = _found()
    for request in found.requests:
        running.run(request.pk)
        request.refresh_from_db()
    return found


def _found() -> Replayed:
    with locks.held_alone(_LOCK) as is_ours:
        if not is_ours:
            return Replayed(0, [])
        owed = ledger.names() - marks.everywhere()
        if owed:
            owed -= _under_way()
        return _obeyed(ledger.read(owed)) if owed else Replayed(0, [])


def _under_way() -> set[str]:
    """The entries of erasures that go on, or are tried again by themselves, and write their marks at their end."""
    begun = ErasureRequest.objects.open().filter(Q(is_replay=True) | ~Q(state__in=states.UNBEGUN))
    return {request.plan.get("ledger", ledger.name_of(request)) for request in begun}


def _obeyed(entries: Sequence[Entry]) -> Replayed:
    log.warning("erasures_replayed", entries=len(entries))
    for register in running.REGISTERS:
        register.forget_digests(one for entry in entries for one in entry.forgotten)
    calls_forgotten.forget_calls(one for entry in entries for one in entry.forgotten_calls)
    by_company: dict[int, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_company[entry.tenant_id].append(entry)
    there = set(Tenant.objects.filter(pk__in=by_company).values_list("pk", flat=True))
    requests = []
    for tenant_id, theirs in by_company.items():
        # A company that the backup does not know has nothing here that anybody could see.
        company = _Company(tenant_id) if tenant_id in there else None
        for entry in theirs:
            subject = company.subject_of(entry) if company else None
            if subject is not None and _is_anything_there(subject):
                requests.append(_requested(entry, subject))
            else:
                marks.write_outside([entry.name])
                marks.write([entry.name], at=timezone.now())
    return Replayed(len(entries), requests)


def _is_anything_there(subject: Subject) -> bool:
    looked_at = [step.module for step in steps.STEPS if not step.only_follows]
    return any(module.count(subject) or module.search(subject) for module in looked_at)


def _requested(entry: Entry, subject: Subject) -> ErasureRequest:
    """A request that erases the subject: the one of the entry, where this database has it and it has not ended."""
    now, tenant_id = timezone.now(), entry.tenant_id
    asked = _asked(subject)
    with transaction.atomic():
        there = ErasureRequest.objects.select_for_update().filter(pk=entry.request_id).first()
        request = there if there is not None and there.state in states.UNBEGUN else ErasureRequest()
        if there is None:
            # Whoever asks for its certificate finds it again.
            request.pk = UUID(entry.request_id)
        if request is not there:
            request.tenant_id, request.requested_at, request.reason = tenant_id, now, REASON
            request.due_at = now + timedelta(days=PrivacyPolicy.of(tenant_id).deadline_days)
            request.kind = asked.kind if asked else entry.kind
            request.subject = asked.named if asked else {}
            request.subject_name = subjects.name_of(tenant_id, asked) if asked else ""
            request.state = ErasureState.APPROVED
        elif request.state != ErasureState.APPROVED:
            states.move(states.as_read(request), ErasureState.APPROVED)
            request.state = ErasureState.APPROVED
        request.is_replay, request.approved_at = True, request.approved_at or now
        request.plan = {"subject": subjects.as_json(subject), "ledger": entry.name}
        request.save()
        about = f"erasure:{request.pk}"
        acts.write("erasure.replayed", actor=None, subject=about, via="machine", tenant_id=tenant_id)
    return request


def _asked(subject: Subject) -> Asked | None:
    """How the subject is named in a request; None when only things of theirs are left, and nothing names them."""
    if subject.user_id is not None:
        return Asked(SubjectKind.USER, user_id=subject.user_id)
    if subject.contact_id is not None:
        return Asked(SubjectKind.CONTACT, contact_id=subject.contact_id)
    if subject.identities:
        return Asked(SubjectKind.EXTERNAL, None, None, *subject.identities[0])
    return None


class _Company:
    """Whom and what the stores of a company name, by the digests that the ledger has of them; looked for once."""

    def __init__(self, tenant_id: int) -> None:
        self.tenant_id = tenant_id

    def subject_of(self, entry: Entry) -> Subject | None:
        """Who of the entry is there again, with what is theirs; None when nothing is."""
        people = [self._people[digest] for digest in sorted(entry.people & self._people.keys())]
        sessions = _among(entry.sessions, self._sessions)
        calls = _among(entry.calls, self._calls)
        # Callers make up the ids of calls: one that was made since is another call, and somebody else's.
        for call_id in calls_erasing.made_after(self.tenant_id, list(calls), entry.at):
            del calls[call_id]
        if not (people or sessions or calls):
            return None
        subject = _subject_of(self.tenant_id, people)
        subject = replace(subject, sessions=sessions, calls=calls)
        if asked := _asked(subject):
            subject = subjects.merged(subject, subjects.who(self.tenant_id, asked))
        return subjects.merged(subject, subjects.with_what_is_theirs(subject))

    @cached_property
    def _people(self) -> dict[str, str]:
        keys = set().union(*(candidates(self.tenant_id) for candidates in _CANDIDATES))
        return {keyring.digest(self.tenant_id, key): key for key in keys}

    @cached_property
    def _sessions(self) -> dict[str, str]:
        ids = AudioSession.objects.filter(tenant=self.tenant_id).order_by().values_list("pk", flat=True)
        return {ledger.digest_of_session(self.tenant_id, str(one)): str(one) for one in ids.iterator()}

    @cached_property
    def _calls(self) -> dict[str, str]:
        # What else may be left of a call, and those of MongoDB that do not name whose they are.
        recorded = AudioSession.objects.filter(tenant=self.tenant_id).order_by().values_list("call_id", flat=True)
        indexed = IndexedCall.objects.of(self.tenant_id).order_by().values_list("call_id", flat=True)
        phoned = calls_erasing.by_phone_alone(self.tenant_id)
        ids = {*recorded.iterator(), *indexed.iterator(), *phoned, *waiting.ids(self.tenant_id)}
        return {ledger.digest_of_call(self.tenant_id, one): one for one in ids}


def _subject_of(tenant_id: int, people: Sequence[str]) -> Subject:
    """Who has these person keys, which all are one person's."""
    ids = {kind: int(number) for kind, _, number in (key.partition(":") for key in people) if kind != "external"}
    identities = [Identity(*person_keys.external_of(key)) for key in people if key.startswith("external:")]
    return Subject(
        tenant_id, user_id=ids.get("user"), contact_id=ids.get("contact"), identities=tuple(sorted(identities))
    )


def _among(known: Mapping[str, Share], by_digest: Mapping[str, str]) -> dict[str, Share]:
    return {by_digest[digest]: known[digest] for digest in sorted(known.keys() & by_digest.keys())}
