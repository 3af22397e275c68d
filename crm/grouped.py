"""All of a company's calls, grouped by status, in one answer of a fixed shape."""

from http import HTTPStatus
from typing import Any, TypedDict

from calls import board
from crm.board import NO_COLOR, NO_STATUS, Card, cards_of
from crm.models import User

MESSAGE = "Calls grouped by status retrieved successfully"
# Of those who see their own calls alone, each is counted.
_ALL = 1_000_000


class Group(TypedDict):
    """`id` is that of a status, None for the calls without one; `calls` are cards, or numbers."""

    id: int | None
    name: str
    description: str
    color: str
    total_calls: int
    calls: list[Card] | list[int]


class Summary(TypedDict):
    total_calls: int
    total_status_groups: int
    limit_per_status: int
    enrichment_enabled: bool


class Answer(TypedDict):
    status: int
    message: str
    data: list[Group]
    summary: Summary


def by_status(user: User, *, limit: int, with_people: bool = True, with_calls: bool = True) -> Answer:
    """Every status with its newest calls, `limit` at most; last the calls without one, or with one that is gone.

    Without people, calls are told by their numbers; without calls, they are only counted.
    """
    columns = board.columns(user, limit=limit if with_calls else 0, only_numbers=not with_people, count_up_to=_ALL)
    calls = [call for column in columns for call in column.calls]
    every: Any = iter(cards_of(user, calls) if with_people else [call["id"] for call in calls])
    groups = [
        Group(
            id=column.status.pk if column.status else None,
            name=column.status.name if column.status else NO_STATUS,
            description=column.status.description if column.status else "",
            color=column.status.color if column.status else NO_COLOR,
            total_calls=column.total,
            calls=[next(every) for _ in column.calls],
        )
        for column in columns
    ]
    return Answer(
        status=HTTPStatus.OK.value,
        message=MESSAGE,
        data=groups,
        summary=Summary(
            total_calls=sum(group["total_calls"] for group in groups),
            total_status_groups=len(groups),
            limit_per_status=limit,
            enrichment_enabled=with_people,
        ),
    )
