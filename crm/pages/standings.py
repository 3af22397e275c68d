"""How requests to erase somebody stand, in the words and shapes of their pages."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from crm.erasure.steps import STEPS
from crm.models import ERASURE_MOVES, ErasureRequest, ErasureState, StoreRow, SubjectKind, User

_S = ErasureState
# A tone of privacy.css and an icon for each state.
_SHAPES: dict[str, tuple[str, str]] = {
    _S.PENDING: ("look", "ring"),
    _S.WAITING: ("quiet", "wait"),
    _S.APPROVED: ("busy", "ring"),
    _S.RUNNING: ("busy", "half"),
    _S.VERIFYING: ("busy", "search"),
    _S.COMPLETED: ("done", "check"),
    _S.FAILED: ("look", "alert"),
    _S.CANCELLED: ("quiet", "cross"),
    _S.BLOCKED: ("look", "pause"),
}
# What is seen from moment to moment, and what takes its time.
_MOVING = frozenset({_S.APPROVED, _S.RUNNING, _S.VERIFYING})
_NAMELESS = {
    SubjectKind.USER: "A colleague",
    SubjectKind.CONTACT: "A customer",
    SubjectKind.EXTERNAL: "An id on a platform",
}
_ABOUT: dict[str, str] = {
    _S.PENDING: "Somebody else who looks after privacy has to approve it.",
    _S.WAITING: "Until it begins, it can be cancelled.",
    _S.APPROVED: "It begins in a moment.",
    _S.RUNNING: "You can leave this page; it goes on by itself.",
    _S.VERIFYING: "Every store is looked through again, by other means.",
    _S.COMPLETED: "Nothing was found afterwards, and a certificate says so.",
    _S.FAILED: "Something was left, or a store was out of reach. It is tried again by itself; you can also do it now.",
    _S.CANCELLED: "Nothing was erased.",
    _S.BLOCKED: "A legal hold stands in its way. Once that is lifted, it goes on by itself.",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """One request as a page shows it. `due` is empty once it has ended; `beat` says how often a page looks again."""

    request: ErasureRequest
    who: str
    is_named: bool
    tone: str
    icon: str
    state: str
    about: str
    due: str
    is_near: bool
    beat: str
    steps_done: int
    steps_total: int


def standing_of(request: ErasureRequest, *, now: datetime, remind_days: int) -> Standing:
    tone, icon = _SHAPES[request.state]
    state = ErasureState(request.state)
    is_open = bool(ERASURE_MOVES[state])
    left = request.due_at - now
    return Standing(
        request=request,
        who=request.subject_name or _NAMELESS[SubjectKind(request.kind)],
        is_named=bool(request.subject_name),
        tone=tone,
        icon=icon,
        state=begins(request, now) if state == _S.WAITING else state.label,
        about=_ABOUT[state],
        due=due_words(left) if is_open else "",
        is_near=is_open and left < timedelta(days=remind_days),
        beat="fast" if state in _MOVING else "slow" if is_open else "",
        steps_done=_steps_done(request),
        steps_total=2 * len(STEPS),
    )


@dataclass(frozen=True, slots=True)
class ShownRow:
    """One step, from the start of an erasure on, so that the table does not grow while it goes on."""

    row: StoreRow
    is_begun: bool

    @property
    def is_nothing(self) -> bool:
        return self.is_begun and not any(self.row[name] for name in ("found", "erased", "left", "found_again"))


def rows_of(request: ErasureRequest) -> list[ShownRow]:
    """None of one that has not begun."""
    begun = {(row["store"], row["step"]): row for row in request.stores}
    if not begun and request.state not in _MOVING:
        return []
    # One that has ended may have been of steps that there are no more.
    steps = [step.row() for step in STEPS if ERASURE_MOVES[ErasureState(request.state)]]
    waiting = [row for row in steps if (row["store"], row["step"]) not in begun]
    return [
        *(ShownRow(row, is_begun=True) for row in begun.values()),
        *(ShownRow(row, is_begun=False) for row in waiting),
    ]


def totals_of(rows: Iterable[StoreRow]) -> dict[str, int]:
    """Of all steps together."""
    counts: dict[str, int] = {"found": 0, "erased": 0, "left": 0, "found_again": 0}
    for row in rows:
        counts = {
            "found": counts["found"] + row["found"],
            "erased": counts["erased"] + row["erased"],
            "left": counts["left"] + (row["left"] or 0),
            "found_again": counts["found_again"] + (row["found_again"] or 0),
        }
    return counts


def _steps_done(request: ErasureRequest) -> int:
    """Of twice as many as there are: each is done, and then looked at again."""
    looked = sum(row["found_again"] is not None for row in request.stores)
    # The last of the rows is the one that is being done.
    done = len(STEPS) if request.state != _S.RUNNING else max(len(request.stores) - 1, 0)
    return done + looked


def begins(request: ErasureRequest, now: datetime) -> str:
    """When one that waits begins."""
    if request.waits_until is None or request.waits_until <= now:
        return "Begins in a moment"
    return f"Begins in {_span(request.waits_until - now)}"


def due_words(left: timedelta) -> str:
    """`due in 12 days`; `2 days late`."""
    return f"due in {_span(left)}" if left > timedelta() else f"{_span(-left, rounded=math.floor)} late"


def may_cancel(request: ErasureRequest, person: User) -> bool:
    return person.may("privacy.erase") and ErasureState.CANCELLED in ERASURE_MOVES[ErasureState(request.state)]


def may_approve(request: ErasureRequest, person: User) -> bool:
    is_waited_for = request.state == ErasureState.PENDING and request.requested_by_id != person.pk
    return is_waited_for and person.may("privacy.approve")


def may_run_again(request: ErasureRequest, person: User) -> bool:
    return request.state == ErasureState.FAILED and person.may("privacy.erase")


def _span(span: timedelta, *, rounded: Callable[[float], int] = math.ceil) -> str:
    """Whole days from two on, hours below, minutes up to an hour; rounded up, as thirty days are 30 at their start."""
    minutes = rounded(span.total_seconds() / 60)
    if minutes <= 60:
        return _some(max(minutes, 1), "minute")
    hours = rounded(minutes / 60)
    return _some(hours, "hour") if hours < 48 else _some(rounded(hours / 24), "day")


def _some(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
