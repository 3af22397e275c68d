"""What the page of a call shows, in one answer: the call, its people by name, figures, lines, history."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NotRequired, TypedDict

from audio import manifest, sessions
from audio.models import AudioSession
from calls import conversations, statuses
from calls.corrections import sides_of
from calls.documents import Call, ReviewedFlag, reviewed_flags
from crm import call_figures, call_history, call_lines, people
from crm.call_figures import Figures
from crm.call_history import Told
from crm.call_lines import Line, Stretch
from crm.models import Contact
from crm.roles import Role

# The built-in engine, whose words need checking.
_DRAFT_ENGINE = "pocketsphinx"
# A list of more names than this is no list to choose from.
MOST_COLLEAGUES = 500


class ShownRecording(TypedDict):
    """A call's sound: its session, and how long its line is in seconds. `has_sound`: there is something to play."""

    session_id: str
    channels: int
    duration: float
    has_sound: bool


class ShownEmotions(TypedDict):
    """Estimates: the share (0-1) of each emotion, and where it was found."""

    shares: dict[str, float]
    stretches: list[Stretch]


class ShownSuspicion(TypedDict):
    """The score (0-1) without flags that are wrong, and the flags in order of time."""

    score: float
    flags: list[ReviewedFlag]


class ShownNote(TypedDict):
    note_id: str
    text: str
    by: str
    at: datetime


class CallView(TypedDict):
    """A call as its page shows it. `names` are of the people in it, by id; `lines` only where they were asked for.

    `sides`: which side a speaker is who is called otherwise (`{"Sam": "agent"}`).
    """

    call: dict[str, Any]
    names: dict[str, str]
    contact: dict[str, Any] | None
    recording: ShownRecording | None
    verdict: Mapping[str, Any] | None
    figures: Figures
    sides: dict[str, str]
    emotions: ShownEmotions
    suspicion: ShownSuspicion
    notes: list[ShownNote]
    history: list[Told]
    lines: NotRequired[list[Line]]


_OF_CALL = (
    "call_id",
    "id",
    "subject",
    "type",
    "direction",
    "platform",
    "language",
    "status_id",
    "status",
    "start_time",
    "end_time",
    "duration",
    "owner_id",
    "user_id",
    "assigned_to_id",
    "contact_id",
    "contact_match",
    "phone",
    "external_user_id",
    "session_id",
    "summary",
    "version",
)


def view(user: Any, call_id: str, *, with_lines: bool = True) -> CallView:
    """Raises UnknownCall for one that the user may not see."""
    call = conversations.read_call(user, call_id)
    session = recording_of(user, call_id)
    whole = sessions.manifest_of(session) if session else None
    verdict = manifest.verdict(whole) if whole else call.get("verdict")
    names = people.names_of(user.tenant_id, _people_in(call))
    shown = CallView(
        call={**head_of(call), "is_draft": any(one.get("engine") == _DRAFT_ENGINE for one in call["conversation"])},
        names={str(person_id): name for person_id, name in names.items()},
        contact=_contact_of(call),
        recording=_recording(session, whole),
        verdict=verdict,
        figures=call_figures.figures(
            call["conversation"],
            duration=call["duration"],
            gaps=[(gap["start"], gap["end"]) for gap in (verdict or {}).get("gaps", [])],
            are_channels=session is not None and session.channels == 2,
            are_times_known=not call.get("times_estimated", False),
        ),
        sides=sides_of(call.get("renamed", {})),
        emotions=ShownEmotions(
            shares=call.get("final_emotions", {}), stretches=call_lines.stretches_of(call.get("emotions", []))
        ),
        suspicion=ShownSuspicion(score=_score_of(call), flags=reviewed_flags(call)),
        notes=[
            ShownNote(
                note_id=note["note_id"],
                text=note["text"],
                by=names.get(note["by"] or 0, call_history.SOMEBODY),
                at=note["at"],
            )
            for note in call.get("notes", [])
        ],
        history=call_history.told(
            call.get("history", []),
            people=names,
            statuses={str(one.pk): one.name for one in statuses.of(user.tenant_id)},
            flags={flag["flag_id"]: flag["rule"] for flag in reviewed_flags(call)},
        ),
    )
    if with_lines:
        shown["lines"] = call_lines.lines_of(call["conversation"])
    return shown


def head_of(call: Call) -> dict[str, Any]:
    """What a page's head says of a call, read with its conversation or without."""
    told = {name: call.get(name) for name in _OF_CALL}
    status_id = call["status_id"]
    return {
        **told,
        # Of calls that older programs wrote, some have a number.
        "status_id": None if status_id in (None, "") else str(status_id),
        "times_estimated": call.get("times_estimated", False),
    }


def people_of(call: Call) -> dict[str, str]:
    """Who of the company was in a call, and with whom, as a page's head says it; empty where that is not known."""
    who = call["user_id"] if call["user_id"] is not None else call["owner_id"]
    contact = _contact_of(call)
    return {
        "who": people.names_of(call["tenant_id"], [who]).get(who, "") if who is not None else "",
        "contact": contact["name"] if contact else call["external_user_id"] or "",
    }


def recording_of(user: Any, call_id: str) -> AudioSession | None:
    """The recording of a call, where the user may hear it."""
    if not user.may("recordings.read"):
        return None
    return AudioSession.objects.visible_to(user).filter(call_id=call_id).first()


def colleagues_of(user: Any, *, also: int | None) -> list[tuple[int, str]]:
    """Whom a call may be given to, by name: the company's people who can sign in, and who has it now."""
    found = people.colleagues(user.tenant_id).exclude(role=Role.INTEGRATION)[:MOST_COLLEAGUES]
    choices = {person.pk: str(person) for person in found}
    if also is not None and also not in choices:
        choices |= people.names_of(user.tenant_id, [also])
    return sorted(choices.items(), key=lambda one: one[1].casefold())


def _recording(session: AudioSession | None, whole: manifest.Manifest | None) -> ShownRecording | None:
    if session is None or whole is None:
        return None
    return ShownRecording(
        session_id=str(session.pk),
        channels=session.channels,
        duration=round(whole.duration, 3),
        has_sound=bool(whole.spans) and session.sound_removed_at is None,
    )


def _contact_of(call: Call) -> dict[str, Any] | None:
    contact = Contact.objects.of(call["tenant_id"]).filter(pk=call["contact_id"] or 0).first()
    return {"id": contact.pk, "name": str(contact)} if contact else None


def _score_of(call: Call) -> float:
    suspicion = call.get("suspicion")
    return suspicion.get("score", 0.0) if suspicion else 0.0


def _people_in(call: Call) -> set[int]:
    """Whose names the page says."""
    found: set[int | None] = {call["owner_id"], call["user_id"], call["assigned_to_id"]}
    found |= {note["by"] for note in call.get("notes", [])}
    for entry in call.get("history", []):
        found.add(entry["by"])
        found |= set(_assigned(entry.get("before"))) | set(_assigned(entry.get("after")))
    return {person_id for person_id in found if person_id is not None}


def _assigned(values: Any) -> Iterable[int]:
    if not isinstance(values, Mapping):
        return []
    return [values[name] for name in call_history.PEOPLE if isinstance(values.get(name), int)]
