"""How a call comes into being: for a recording, by a program that knows of one, or with all its words at once."""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import structlog
from django.contrib.auth import get_user_model
from django.db import transaction

from calls import forgotten, indexing, live, masking, numbers, segment_rules, statuses, store
from calls.corrections import as_people_say
from calls.documents import Call, CallState, HistoryEntry, People, Segment, by_time, people_by_side
from calls.errors import CallExists, CallTaken, PersonForgotten, UnknownCall, UnknownColleague
from calls.models import RedactionPolicy
from calls.phone_numbers import phone_key

log = structlog.get_logger("earshot.opening")

USUAL_PLATFORM = "web"
SIDES = frozenset({"agent", "client"})
# What fits on a card.
LONGEST_SUBJECT = 80
# A speaker's.
LONGEST_NAME = 64
MOST_NAMES = 100


@dataclass(frozen=True, slots=True)
class NewCall:
    """A call that comes with all that was said in it. `duration` in seconds; `user_id`: of ours, who sent it.

    `names`: speaker → what the source calls them.
    """

    tenant_id: int
    call_id: str
    user_id: int | None
    platform: str
    external_user_id: str | None
    start_time: datetime
    type: str
    summary: str
    metadata: Mapping[str, Any]
    segments: Sequence[Segment]
    duration: float
    language: str = "en"
    times_estimated: bool = False
    phone: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def people(self) -> People:
        return People(
            user_id=self.user_id, contact_id=None, platform=self.platform, external_user_id=self.external_user_id
        )


@dataclass(frozen=True, slots=True)
class Inserted:
    """The call_ids of a batch: which were new, which were there already, which are about somebody erased.

    Those of which something has been erased before are among the last, whomever they name now.
    """

    new: frozenset[str] = field(default_factory=frozenset)
    known: frozenset[str] = field(default_factory=frozenset)
    forgotten: frozenset[str] = field(default_factory=frozenset)


def open_call(
    *,
    user: Any,
    call_id: str,
    start_time: datetime,
    session_id: str,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Make the call for a recording, or give an existing one its recording; again is the same as once.

    Raises UnknownCall for a colleague's call that the user may not see, CallTaken when it has another recording,
    PersonForgotten when somebody whom the call is about has been erased, CallExists when the call itself has been.
    """
    given = dict(details or {})
    people = _people_in(user, given)
    with transaction.atomic():
        if forgotten.among(user.tenant_id, set().union(*people_by_side(people).values())):
            raise PersonForgotten(f"There is no call {call_id} that you may see.")
        if not forgotten.is_erased_call(user.tenant_id, call_id):
            # Most are new, so that it is not looked for before it has to be.
            call = _call_of(user, call_id, start_time, people, given, session_id=session_id)
            if store.insert(call):
                indexing.mark_stale(user.tenant_id, [call_id])
                live.changed(user.tenant_id, [call_id])
                return
        known = store.find({"tenant_id": user.tenant_id, "call_id": call_id})
        if known is None:
            raise _had_been(call_id)
        if known["user_id"] != user.pk and not user.may("calls.read_all"):
            raise UnknownCall(f"There is no call {call_id} that you may see.")
        if not store.attach_session(tenant_id=user.tenant_id, call_id=call_id, session_id=session_id):
            raise CallTaken(f"Call {call_id} has another recording. Give this one a call of its own.")
        live.changed(user.tenant_id, [call_id])


def create_call(user: Any, details: Mapping[str, Any], segments: Sequence[Segment] = ()) -> tuple[Call, bool]:
    """Make a call that a program or a person tells of, with what was said in it, and whether it is new.

    The same again answers the call that there is. `details` are validated fields of a call. Raises CallExists when the
    user may not see that one, or it was deleted or erased; BadSegments, NotAStatus, UnknownColleague, PersonForgotten.
    """
    given = dict(details)
    call_id = str(given.pop("call_id", "") or uuid.uuid4())
    start_time = given.pop("start_time", None) or datetime.now(UTC)
    end_time, state = given.pop("end_time", None), given.pop("status", "completed")
    wanted = given.pop("status_id", None)
    owner, assignee = given.pop("owner_id", None), given.pop("assigned_to_id", None)
    refuse_strangers(user.tenant_id, owner_id=owner, assigned_to_id=assignee)
    segment_rules.check(segments)
    said = masking.masked(segments, tenant_id=user.tenant_id, language=given.get("language", "en"))
    people = _people_in(user, given)
    with transaction.atomic():
        if forgotten.among(user.tenant_id, set().union(*people_by_side(people).values())):
            raise PersonForgotten(f"There is no call {call_id} that you may see.")
        call = _call_of(user, call_id, start_time, people, given, session_id=None, state=state)
        call["status_id"], call["end_time"] = statuses.held(user.tenant_id, wanted), end_time
        call["owner_id"], call["assigned_to_id"] = owner or user.pk, assignee
        call["conversation"] = _in_time_order(said)
        call["duration"] = max([call["duration"], *(segment["end_time"] for segment in said)])
        # What is left of one of which something was erased stays as it is; what is gone stays away.
        is_new = not forgotten.is_erased_call(user.tenant_id, call_id) and store.insert(call)
        indexing.mark_stale(user.tenant_id, [call_id])
        if is_new:
            live.changed(user.tenant_id, [call_id])
    own = {} if user.may("calls.read_all") else {"user_id": user.pk}
    there = store.find({"tenant_id": user.tenant_id, "call_id": call_id, **own})
    if there is None:
        raise _had_been(call_id)
    return as_people_say(there), is_new


def insert_calls(calls: Sequence[NewCall]) -> Inserted:
    """Take in many at once; twice is the same as once. All of a company's go in together, or none of them.

    Raises RetryableCallError when a store is away.
    """
    new: set[str] = set()
    known: set[str] = set()
    gone: set[str] = set()
    by_company = sorted(calls, key=lambda call: call.tenant_id)
    for tenant_id, run in groupby(by_company, key=lambda call: call.tenant_id):
        theirs = list(run)
        with transaction.atomic():
            erased = _about_erased(tenant_id, theirs)
            staying = [call for call in theirs if call.call_id not in erased]
            taken = numbers.following(len(staying))
            policy = RedactionPolicy.of(tenant_id)
            done = store.insert_many(
                tenant_id, [_whole(call, number, policy) for call, number in zip(staying, taken, strict=True)]
            )
            indexing.mark_stale(tenant_id, done.new | done.known)
            live.changed(tenant_id, done.new)
        new |= done.new
        known |= done.known
        gone |= erased
    if gone:
        log.info("conversations_of_forgotten_left_out", count=len(gone))
    return Inserted(frozenset(new), frozenset(known), frozenset(gone))


def refuse_strangers(tenant_id: int, **given: int | None) -> None:
    """Raises UnknownColleague for an id that nobody at the company has."""
    wanted = {person for person in given.values() if person is not None}
    there = set(
        get_user_model()._default_manager.filter(tenant_id=tenant_id, pk__in=wanted).values_list("pk", flat=True)
    )
    wrong = {name: [f"Nobody here has the id {person}."] for name, person in given.items() if person in wanted - there}
    if wrong:
        raise UnknownColleague("Nobody at this company has that id.", fields=wrong)


def _had_been(call_id: str) -> CallExists:
    return CallExists(f"There has been a call {call_id}. Give this one an id of its own.")


def _about_erased(tenant_id: int, calls: Sequence[NewCall]) -> set[str]:
    """The ids of those about somebody erased, and of those that have themselves been erased, whomever they name."""
    ids = set(forgotten.erased_among(tenant_id, [call.call_id for call in calls]))
    keys = {call.call_id: set().union(*people_by_side(call.people).values()) for call in calls}
    erased = forgotten.among(tenant_id, set().union(*keys.values()))
    return ids | {call_id for call_id, own in keys.items() if own & erased}


def _people_in(user: Any, details: Mapping[str, Any]) -> People:
    return People(
        user_id=user.pk,
        contact_id=None,
        platform=details.get("platform") or USUAL_PLATFORM,
        external_user_id=details.get("external_user_id"),
    )


def _call_of(
    user: Any,
    call_id: str,
    start_time: datetime,
    people: People,
    details: Mapping[str, Any],
    *,
    session_id: str | None,
    state: CallState = "in_progress",
) -> Call:
    (number,) = numbers.following()
    given = {name: value for name, value in details.items() if name not in ("platform", "external_user_id", "phone")}
    language = given.pop("language", "en")
    policy = RedactionPolicy.of(user.tenant_id)

    def masked(text: str) -> str:
        return masking.masked_text(text, policy=policy, language=language)

    now = datetime.now(UTC)
    call = Call(
        call_id=call_id,
        id=number,
        tenant_id=user.tenant_id,
        session_id=session_id,
        subject=masked(given.pop("subject", "")),
        type=given.pop("type", "call"),
        direction=given.pop("direction", ""),
        platform=people["platform"],
        language=language,
        status_id=None,
        start_time=start_time,
        end_time=None,
        duration=given.pop("duration", 0.0),
        owner_id=user.pk,
        user_id=user.pk,
        assigned_to_id=None,
        contact_id=None,
        external_user_id=people["external_user_id"],
        deleted=0,
        status=state,
        summary=masked(given.pop("summary", "")),
        metadata={**given.pop("metadata", {}), **given},
        conversation=[],
        history=[HistoryEntry(act="opened", by=user.pk, at=now)],
        version=1,
        created_at=now,
        updated_at=now,
    )
    _have_contact_looked_for(call, details.get("phone"))
    return call


def _have_contact_looked_for(call: Call, phone: str | None) -> None:
    if phone:
        call["phone"], call["phone_key"] = phone, phone_key(phone)
    if phone or call["external_user_id"]:
        call["contact_sought"] = True


def _whole(new: NewCall, number: int, policy: RedactionPolicy) -> Call:
    now = datetime.now(UTC)
    said = _in_time_order(masking.masked_by(policy, new.segments, language=new.language))
    summary = masking.masked_text(new.summary, policy=policy, language=new.language)
    call = Call(
        call_id=new.call_id,
        id=number,
        tenant_id=new.tenant_id,
        session_id=None,
        subject=_subject_of(summary, said),
        type=new.type,
        direction="",
        platform=new.platform,
        language=new.language,
        status_id=None,
        start_time=new.start_time,
        end_time=None,
        duration=new.duration,
        owner_id=new.user_id,
        user_id=new.user_id,
        assigned_to_id=None,
        contact_id=None,
        external_user_id=new.external_user_id,
        deleted=0,
        status="completed",
        summary=summary,
        metadata=dict(new.metadata),
        conversation=said,
        history=[HistoryEntry(act="opened", by=new.user_id, at=now)],
        version=1,
        created_at=now,
        updated_at=now,
    )
    _have_contact_looked_for(call, new.phone)
    if new.times_estimated:
        call["times_estimated"] = True
    if renamed := _names_of(new, policy):
        call["renamed"] = renamed
    return call


def _names_of(new: NewCall, policy: RedactionPolicy) -> dict[str, str]:
    """Speaker → name, without what is nobody's business; two who would be called the same keep our words for them.

    A side stays the side that it is: by that it is found, measured and told apart.
    """
    masked = {
        speaker: masking.masked_text(name, policy=policy, language=new.language)[:LONGEST_NAME]
        for speaker, name in list(new.names.items())[:MOST_NAMES]
        if speaker not in SIDES
    }
    called = Counter(name.casefold() for name in masked.values())
    called.update({segment["speaker"] for segment in new.segments})
    return {speaker: name for speaker, name in masked.items() if name and called[name.casefold()] == 1}


def _subject_of(summary: str, said: Sequence[Segment]) -> str:
    """What a call that came as text goes by: how its summary begins, or what its client says first."""
    first = next((segment["text"] for segment in said if segment["speaker"] == "client"), "")
    words = " ".join((summary or first).split())
    return words if len(words) <= LONGEST_SUBJECT else f"{words[: LONGEST_SUBJECT - 1].rsplit(' ', 1)[0]}…"


def _in_time_order(segments: Sequence[Segment]) -> list[Segment]:
    return sorted(segments, key=by_time)
