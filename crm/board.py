"""The board as people see it: columns of cards, each with who they are that it names.

What is read is read as of one moment (`calls.board`); the people and contacts of all cards are one query each.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypedDict

from rest_framework import serializers

from audio import overview
from calls import board, outlines
from calls.board import NOBODY, Filters
from calls.documents import Call, CallState
from calls.serializers import LARGEST_ID, MomentField, ShareField
from calls.store import Position
from crm.models import Contact, User

# Filters are of this module for whoever asks for a board.
__all__ = ["Board", "Card", "Column", "Filters", "Total", "cards", "cards_of", "column", "filters_of", "read", "totals"]

LONGEST_TEXT = 200
# The column of the calls without a status that the company knows.
NO_STATUS = "No status"
NO_COLOR = "#7c8595"
VERDICT_STATES = ("complete", "incomplete", "recording", "arriving")
DIRECTIONS = ("inbound", "outbound", "internal")


class Person(TypedDict, total=False):
    """One of the company's people; without anything for nobody."""

    id: int
    name: str
    email: str


class Customer(TypedDict, total=False):
    """A contact; without anything for nobody."""

    id: int
    name: str


class Card(TypedDict):
    """A call on the board. `duration` in seconds, `suspicion_score` 0-1; `flags` are kinds, the weightiest first.

    `verdict_state` is `arriving` while a recording that has ended waits for chunks.
    """

    id: int
    call_id: str
    subject: str
    type: str
    direction: str
    platform: str
    language: str
    status_id: str | None
    status: CallState
    start_time: datetime
    end_time: datetime | None
    duration: float
    version: int
    suspicion_score: float | None
    flags: list[str]
    verdict_state: Literal["complete", "incomplete", "recording", "arriving"] | None
    contact_id: int | None
    external_user_id: str | None
    session_id: str | None
    owner_id: int | None
    user_id: int | None
    assigned_to_id: int | None
    owner_details: Person
    user_details: Person
    assigned_to_details: Person
    contact_details: Customer


class Total(TypedDict):
    """How many calls a column has; at least, when it is not exact."""

    id: int | None
    total: int
    total_is_exact: bool


@dataclass(frozen=True, slots=True)
class Column:
    """`id` is that of the status, None for the calls without one; `end` is where the next page begins, if any."""

    id: int | None
    name: str
    description: str
    color: str
    position: int
    total: int
    total_is_exact: bool
    cards: list[Card]
    end: Position | None


@dataclass(frozen=True, slots=True)
class Board:
    columns: list[Column]
    may_move: bool


class _PersonField(serializers.CharField):
    """Somebody's id, `none` for nobody, `me` for who asks. As `Filters` has it."""

    def to_internal_value(self, data: Any) -> Any:
        text = super().to_internal_value(data)
        if text == "none":
            return NOBODY
        if text == "me":
            return self.context["user"].pk
        if text.isascii() and text.isdigit() and len(text) < 20 and 0 < int(text) <= LARGEST_ID:
            return int(text)
        raise serializers.ValidationError("Somebody's id, `me`, or `none` for nobody.")


class FiltersSerializer(serializers.Serializer[Filters]):
    owner = _PersonField(required=False, help_text="Whose the calls are: an id, `me`, or `none`.")
    assignee = _PersonField(required=False, help_text="Who looks after them: an id, `me`, or `none`.")
    user = _PersonField(required=False, help_text="Who had them: an id, `me`, or `none`.")
    since = MomentField(ends=False, required=False, help_text="Begun then or later: a day or a time, UTC.")
    until = MomentField(ends=True, required=False, help_text="Begun on this day or before; or before a time.")
    text = serializers.CharField(max_length=LONGEST_TEXT, required=False, help_text="Words of the subject.")
    direction = serializers.ChoiceField(choices=DIRECTIONS, required=False)
    min_suspicion = ShareField(required=False, help_text="Calls at least so suspicious, from 0 to 1.")


def filters_of(user: User, query: Mapping[str, str]) -> Filters:
    """What an address asks for; a name without a value asks for nothing. Raises the framework's ValidationError."""
    typed = {name: value for name, value in query.items() if value}
    given = FiltersSerializer(data=typed, context={"user": user})
    given.is_valid(raise_exception=True)
    return Filters(**given.validated_data)


def read(user: User, filters: Filters, *, limit: int) -> Board:
    """The whole board, `limit` cards in each column; that without a status only when it holds any."""
    columns = board.columns(user, filters, limit=limit)
    return _board(user, [column for column in columns if column.status or column.total or column.calls])


def column(user: User, filters: Filters, status_id: int | None, *, cursor: Position | None, limit: int) -> Board:
    """One column of it, from a position. Raises UnknownStatus."""
    return _board(user, [board.column(user, filters, status_id, before=cursor, limit=limit)])


def cards(user: User, filters: Filters, call_ids: Collection[str]) -> list[Card]:
    """Those of some calls that there are, that the user may see, and that the filters let through."""
    return cards_of(user, board.cards(user, filters, call_ids))


def totals(user: User, filters: Filters) -> list[Total]:
    """How many calls each column has, in the board's order, the column without a status last."""
    return [
        Total(id=_id_of(one), total=one.total, total_is_exact=one.total_is_exact)
        for one in board.columns(user, filters, limit=0)
    ]


def cards_of(user: User, calls: Sequence[Call]) -> list[Card]:
    """Calls as cards, in their order."""
    people, customers = _people_in(user.tenant_id, calls), _customers_in(user.tenant_id, calls)
    under_way = overview.under_way(
        user.tenant_id, [call["call_id"] for call in calls if call["status"] == "in_progress"]
    )
    return [_card(call, people, customers, under_way.get(call["call_id"])) for call in calls]


def _board(user: User, columns: Sequence[board.Column]) -> Board:
    every = iter(cards_of(user, [call for column in columns for call in column.calls]))
    return Board(
        columns=[
            Column(
                id=_id_of(column),
                name=column.status.name if column.status else NO_STATUS,
                description=column.status.description if column.status else "",
                color=column.status.color if column.status else NO_COLOR,
                position=column.status.position if column.status else len(columns),
                total=column.total,
                total_is_exact=column.total_is_exact,
                cards=[next(every) for _ in column.calls],
                end=column.end,
            )
            for column in columns
        ],
        may_move=user.may("calls.move"),
    )


def _id_of(column: board.Column) -> int | None:
    return column.status.pk if column.status else None


def _card(
    call: Call,
    people: Mapping[int, Person],
    customers: Mapping[int, Customer],
    under_way: Literal["recording", "arriving"] | None,
) -> Card:
    owner_id, user_id, assigned_to_id = call.get("owner_id"), call.get("user_id"), call.get("assigned_to_id")
    contact_id = call.get("contact_id")
    suspicion: Mapping[str, Any] = call.get("suspicion") or {}
    return Card(
        id=call["id"],
        call_id=call["call_id"],
        subject=call.get("subject") or "",
        type=call.get("type") or "",
        direction=call.get("direction") or "",
        platform=call.get("platform") or "",
        language=call.get("language") or "",
        status_id=call["status_id"],
        status=call["status"],
        start_time=call["start_time"],
        end_time=call.get("end_time"),
        duration=call.get("duration") or 0.0,
        version=call["version"],
        suspicion_score=suspicion.get("score"),
        flags=list(outlines.flags_of(suspicion)),
        verdict_state=under_way or (call.get("verdict") or {}).get("state"),
        contact_id=contact_id,
        external_user_id=call.get("external_user_id"),
        session_id=call.get("session_id"),
        owner_id=owner_id,
        user_id=user_id,
        assigned_to_id=assigned_to_id,
        owner_details=people.get(owner_id, {}),  # type: ignore[arg-type]
        user_details=people.get(user_id, {}),  # type: ignore[arg-type]
        assigned_to_details=people.get(assigned_to_id, {}),  # type: ignore[arg-type]
        contact_details=customers.get(contact_id, {}),  # type: ignore[arg-type]
    )


def _people_in(tenant_id: int | None, calls: Sequence[Call]) -> dict[int, Person]:
    named = ("owner_id", "user_id", "assigned_to_id")
    wanted: set[Any] = {person for call in calls for name in named if (person := call.get(name)) is not None}
    if not wanted:
        return {}
    # Whoever is none of the company's people any more is nobody, as one is whom a caller has made up.
    found = User.objects.of(tenant_id).filter(pk__in=wanted).only("username", "first_name", "last_name", "email")
    return {user.pk: Person(id=user.pk, name=str(user), email=user.email) for user in found}


def _customers_in(tenant_id: int | None, calls: Sequence[Call]) -> dict[int, Customer]:
    wanted = {contact for call in calls if (contact := call.get("contact_id")) is not None}
    if not wanted or tenant_id is None:
        return {}
    found = Contact.objects.of(tenant_id).filter(pk__in=wanted)
    return {contact.pk: Customer(id=contact.pk, name=str(contact)) for contact in found}
