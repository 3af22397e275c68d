"""What people do to a call: change it, correct its words, name its speakers, write notes, delete it.

Each asks for the call within the write, so that nobody changes one that they may not see, and is a line in its history.
A `version` guards against changing what somebody else has changed meanwhile; without one, the last word counts.
"""

import hashlib
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from calls import conversations, corrections, forgotten, indexing, live, masking, opening, store
from calls.corrections import as_people_say
from calls.documents import Act, Call, Correction, HistoryEntry, Note, Segment, part_of
from calls.errors import CallFull, PersonForgotten, StaleVersion, UnknownCall, UnknownSegment
from calls.models import RedactionPolicy
from calls.phone_numbers import phone_key
from metrics import person_keys

# What a person may change of a call, besides its status and its words.
CHANGEABLE = frozenset(
    {
        "subject",
        "summary",
        "type",
        "direction",
        "language",
        "owner_id",
        "assigned_to_id",
        "external_user_id",
        "phone",
        "metadata",
    }
)


# Of a longer text, the history keeps how it begins.
LONGEST_TOLD = 300
# Of these, what the history says they were and are; of the others only that they were changed.
TOLD_FIELDS = frozenset({"subject", "type", "direction", "language", "owner_id", "assigned_to_id"})
# Of these, what may hold somebody's numbers.
WRITTEN = frozenset({"subject", "summary"})


def change(user: Any, call_id: str, values: Mapping[str, Any], *, version: int) -> Call:
    """Raises UnknownCall, StaleVersion, UnknownColleague."""
    given = {name: value for name, value in values.items() if name in CHANGEABLE}
    policy = RedactionPolicy.of(user.tenant_id)
    for name in WRITTEN & given.keys():
        given[name] = masking.masked_text(given[name], policy=policy, language=given.get("language", ""))
    colleagues = {name: given[name] for name in ("owner_id", "assigned_to_id") if name in given}
    opening.refuse_strangers(user.tenant_id, **colleagues)
    entry = entry_of(user, "changed", after={name: _told(name, given[name]) for name in sorted(given)})
    if "phone" in given:
        given["phone_key"] = phone_key(given["phone"]) if given["phone"] else None
    if given.keys() & {"phone", "external_user_id"}:
        given["contact_sought"] = True
    filters = conversations.readable_by(user, call_id)
    call = indexing.marking(user.tenant_id, call_id, lambda: _change(user, filters, given, entry, version))
    if call is None:
        return call_after(user, call_id, done=False)
    live.changed(user.tenant_id, [call_id])
    return as_people_say(call)


def _change(
    user: Any, filters: Mapping[str, Any], values: Mapping[str, Any], entry: HistoryEntry, version: int
) -> Call | None:
    """Within a transaction, so that nobody is erased between the question and the write."""
    person = values.get("external_user_id")
    platform = store.platform_of(filters) if person else None
    if person and platform and forgotten.is_forgotten(user.tenant_id, person_keys.of_external(platform, person)):
        raise PersonForgotten("There is nobody who goes by this id.")
    return store.edit(filters, values=values, told=TOLD_FIELDS & values.keys(), entry=entry, version=version)


def _told(name: str, value: Any) -> Any:
    return value if name in TOLD_FIELDS else None


def delete(user: Any, call_id: str) -> None:
    """Nobody sees the call any more, nor finds it. Raises UnknownCall."""
    filters = conversations.readable_by(user, call_id)
    if not indexing.marking(user.tenant_id, call_id, lambda: store.remove(filters, entry=entry_of(user, "deleted"))):
        # It may have been deleted a moment ago by one who could not say so any more.
        indexing.mark_if_indexed(user.tenant_id, call_id)
        raise UnknownCall(f"There is no call {call_id} that you may see.")
    live.changed(user.tenant_id, [call_id])


def correct(
    user: Any,
    call_id: str,
    segment_id: str,
    *,
    text: str | None = None,
    speaker: str | None = None,
    version: int | None = None,
) -> Segment:
    """Say what a segment says, or who speaks there; the source does not change it any more. The segment as it is now.

    Raises UnknownCall, UnknownSegment, StaleVersion, CallFull.
    """
    filters = conversations.readable_by(user, call_id)
    call = store.find(filters)
    if call is None:
        raise UnknownCall(f"There is no call {call_id} that you may see.")
    seen = _segment_in(as_people_say(call), segment_id)
    known = corrections.correction_of(seen, call.get("corrections", []))
    heard = next((one["speaker"] for one in call["conversation"] if one["segment_id"] == segment_id), seen["speaker"])
    now = datetime.now(UTC)
    place = known or Correction(
        # By its place, so that two who correct it at once make one correction, of which the last word counts.
        correction_id=_correction_id(seen),
        segment_id=segment_id,
        start_time=seen["start_time"],
        end_time=seen["end_time"],
        heard_as=heard,
        by=user.pk,
        at=now,
    )
    values: dict[str, Any] = {"by": user.pk, "at": now}
    if text is not None:
        written = _masked(user, call, seen, text)
        values |= {"text": written["text"], "redactions": written.get("redactions", [])}
    if speaker is not None:
        speaker = _masked_name(user, speaker)
        values["speaker"] = speaker
    act: Act = "speaker_corrected" if text is None else "text_corrected"
    entry = entry_of(
        user,
        act,
        about=segment_id,
        before=seen["speaker"] if text is None else seen["text"],
        after=speaker if text is None else values["text"],
    )
    done = indexing.marking(
        user.tenant_id,
        call_id,
        lambda: store.correct(filters, place=place, values=values, entry=entry, version=version),
    )
    if not done:
        _refuse(user, call_id, version)
        raise CallFull(f"Call {call_id} has as many corrections as it may.")
    live.changed(user.tenant_id, [call_id])
    after = conversations.read_call(user, call_id)["conversation"]
    return next((one for one in after if one.get("correction_id") == place["correction_id"]), seen)


def rename_speaker(user: Any, call_id: str, *, name: str, to: str, version: int | None = None) -> Call:
    """Call a speaker otherwise; who is called so already is the same one from then on.

    Raises UnknownCall, UnknownSegment when nobody in the call has that name, StaleVersion.
    """
    filters = conversations.readable_by(user, call_id)
    call = store.find(filters)
    if call is None:
        raise UnknownCall(f"There is no call {call_id} that you may see.")
    shown, to = as_people_say(call), _masked_name(user, to)
    if name == to:
        return shown
    speakers = {segment["speaker"] for segment in shown["conversation"]}
    if name not in speakers:
        raise UnknownSegment(f"Nobody in call {call_id} is called {name}.")
    renamed = corrections.renamed_to(call.get("renamed", {}), name, to)
    entry = entry_of(user, "speakers_merged" if to in speakers else "speaker_renamed", before=name, after=to)
    # By its version, so that two who rename at once do not undo each other.
    guard = call["version"] if version is None else version
    done = indexing.marking(
        user.tenant_id,
        call_id,
        lambda: store.rename_speaker(filters, renamed=renamed, name=name, to=to, entry=entry, version=guard),
    )
    if done:
        live.changed(user.tenant_id, [call_id])
    return call_after(user, call_id, done=done)


def note(user: Any, call_id: str, text: str) -> Note:
    """Write a note on a call. Raises UnknownCall, CallFull."""
    hidden = masking.masked_text(text, policy=RedactionPolicy.of(user.tenant_id), language="")
    written = Note(note_id=uuid.uuid4().hex, text=hidden, by=user.pk, at=datetime.now(UTC))
    filters = conversations.readable_by(user, call_id)
    if not store.append_note(filters, written, entry=entry_of(user, "noted", about=written["note_id"])):
        _refuse(user, call_id, None)
        raise CallFull(f"Call {call_id} has as many notes as it may.")
    live.changed(user.tenant_id, [call_id])
    return written


def call_after(user: Any, call_id: str, *, done: bool) -> Call:
    """The call as it is now. Raises StaleVersion when what was to be done was not, UnknownCall when there is none."""
    call = conversations.read_call(user, call_id)
    if not done:
        raise _stale(call)
    return call


def _refuse(user: Any, call_id: str, version: int | None) -> None:
    """Raises what kept a write from finding the call, if it is one of the usual reasons."""
    call = conversations.read_call(user, call_id)
    if version is not None and call["version"] != version:
        raise _stale(call)


def _stale(call: Call) -> StaleVersion:
    return StaleVersion(
        f"Somebody else has changed call {call['call_id']}; it has version {call['version']} now. "
        "Nothing was written: look at it again, then repeat yours."
    )


def _masked_name(user: Any, name: str) -> str:
    return masking.masked_text(name, policy=RedactionPolicy.of(user.tenant_id), language="")


def _masked(user: Any, call: Call, seen: Segment, text: str) -> Segment:
    written = Segment(
        segment_id=seen["segment_id"],
        speaker=seen["speaker"],
        text=text,
        start_time=seen["start_time"],
        end_time=seen["end_time"],
        confidence=1.0,
    )
    (hidden,) = masking.masked([written], tenant_id=user.tenant_id, language=call["language"])
    return hidden


def _segment_in(call: Call, segment_id: str) -> Segment:
    """Raises UnknownSegment."""
    for segment in call["conversation"]:
        if segment["segment_id"] == segment_id:
            return segment
    raise UnknownSegment(
        f"There is no segment {segment_id} in call {call['call_id']}. It may have been heard again meanwhile."
    )


def _correction_id(segment: Segment) -> str:
    place = segment["segment_id"]
    if part_of(place):
        # Named by its position, which another sentence may have the next time.
        place = f"{place} {segment['start_time']} {segment['end_time']}"
    return hashlib.sha256(place.encode()).hexdigest()[:12]


def entry_of(user: Any, act: Act, **told: Any) -> HistoryEntry:
    """A line of a call's history: who does what now, and what else is told."""
    entry = HistoryEntry(act=act, by=user.pk, at=datetime.now(UTC))
    short = {
        name: value[:LONGEST_TOLD] if isinstance(value, str) else value
        for name, value in told.items()
        if value is not None
    }
    entry.update(short)  # type: ignore[typeddict-item]
    return entry
