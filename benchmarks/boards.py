"""Boards to measure with: companies of so many calls, and other ways of reading them."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from pymongo import DESCENDING, MongoClient, WriteConcern
from pymongo.collection import Collection

from benchmarks import layouts
from benchmarks.layouts import Document
from benchmarks.people import make_supervisor
from benchmarks.samples import make_call, make_segments
from calls import statuses
from calls.documents import HistoryEntry
from calls.store.client import CALLS, COUNTERS, collection
from calls.store.indexes import INDEXES
from crm.models import User

STATUSES, COLLEAGUES, SEGMENTS = 7, 20, 2
PEOPLE = "people_alone"
_INSERTED_AT_ONCE = 5000
_NEWEST = [("start_time", DESCENDING), ("id", DESCENDING)]
_CARD = {"conversation": False, "history": False, "metadata": False, "summary": False, "_id": False}
# Status → how many calls have it, and the numbers of the newest ones with the names of whose they are.
Answer = Mapping[str | None, tuple[int, Sequence[tuple[int, Sequence[str]]]]]
_NAMED = ("owner_id", "user_id", "assigned_to_id")


@dataclass(frozen=True, slots=True)
class Company:
    """Somebody who may see all calls of a company, how many there are, and its statuses as calls name them."""

    user: User
    tenant_id: int
    calls: int
    statuses: Sequence[str | None]


@contextmanager
def database_of_its_own() -> Iterator[None]:
    """As `layouts.database_of_its_own`."""
    with layouts.database_of_its_own():
        try:
            yield
        finally:
            _client(settings.EARSHOT_MONGODB_URL).close()
            _client.cache_clear()


def make_companies(sizes: Sequence[int], step: Callable[[float], None]) -> list[Company]:
    """A company for each number of calls, which have statuses and people in turns. `step` is told how much is done.

    Indexes are made afterwards, which takes half as long; at a million calls longer than the product would wait.
    """
    there = _patient(CALLS)
    there.drop_indexes()
    made = []
    for calls in sizes:
        made.append(_make_company(calls))
        for inserted in _insert(made[-1]):
            step((sum(company.calls for company in made[:-1]) + inserted) / sum(sizes))
    there.create_indexes(INDEXES[CALLS])
    return made


def _make_company(calls: int) -> Company:
    user, tenant_id = make_supervisor()
    columns = [str(statuses.create(tenant_id, {"name": f"Status {number}"}).pk) for number in range(STATUSES)]
    for number in range(COLLEAGUES):
        User.objects.create(username=f"{user.username}-{number}", role="agent", tenant_id=tenant_id)
    return Company(user, tenant_id, calls, [*columns, None])


def _insert(company: Company) -> Iterator[int]:
    """How many calls are in by now, again and again."""
    people = list(User.objects.of(company.tenant_id).exclude(pk=company.user.pk).values_list("pk", flat=True))
    said, quick = make_segments(SEGMENTS), _patient(CALLS).with_options(write_concern=WriteConcern(w=1))
    for start in range(0, company.calls, _INSERTED_AT_ONCE):
        some = []
        for number in range(start, min(start + _INSERTED_AT_ONCE, company.calls)):
            call = make_call(company.tenant_id, number, said, user_id=people[number % len(people)])
            call["status_id"] = company.statuses[number % len(company.statuses)]
            call["assigned_to_id"] = company.user.pk if number % 3 == 0 else None
            call["contact_id"] = None
            some.append({**call})
        quick.insert_many(some, ordered=False, bypass_document_validation=True)
        yield start + len(some)
    counts = Counter(company.statuses[number % len(company.statuses)] for number in range(company.calls))
    collection(COUNTERS).insert_many(
        [
            {"tenant_id": company.tenant_id, "status_id": status_id, "slot": 0, "count": count}
            for status_id, count in counts.items()
        ]
    )
    told = User.objects.of(company.tenant_id).values("pk", "username", "email")
    # It waits for a majority to have it, and with it all that was written before.
    collection(PEOPLE).insert_many([{"_id": one["pk"], "name": one["username"], "email": one["email"]} for one in told])


def _patient(name: str) -> Collection[Document]:
    """A collection by a client without deadlines."""
    return _client(settings.EARSHOT_MONGODB_URL).get_default_database().get_collection(name)


@cache
def _client(url: str) -> MongoClient[Document]:
    return MongoClient(url, tz_aware=True)


def by_lookups(company: Company, limit: int) -> list[Document]:
    """The usual way: the ids of all calls pushed into a group for each status, and what they are looked up by."""
    pipeline: list[Document] = [
        {"$match": {"tenant_id": company.tenant_id, "deleted": 0}},
        {"$sort": dict(_NEWEST)},
        {"$group": {"_id": "$status_id", "total": {"$sum": 1}, "ids": {"$push": "$_id"}}},
        {"$project": {"total": True, "ids": {"$slice": ["$ids", limit]}}},
    ]
    if limit:
        pipeline.append({"$lookup": _looked_up(CALLS, "ids", "calls", [{"$project": _CARD}])})
        pipeline += [{"$lookup": _looked_up(PEOPLE, f"calls.{name}", name, [])} for name in _NAMED]
    return list(_patient(CALLS).aggregate(pipeline, allowDiskUse=True))


def by_bare_reads(company: Company, limit: int) -> dict[str | None, list[Document]]:
    """The least: one read by the driver for each status, in the order of the index, without anybody's name."""
    there = collection(CALLS)
    return {
        status_id: list(
            there.find({"tenant_id": company.tenant_id, "deleted": 0, "status_id": status_id}, _CARD)
            .sort(_NEWEST)
            .limit(limit)
            .hint("tenant_status")
        )
        for status_id in company.statuses
    }


def looked_up(groups: Sequence[Document]) -> Answer:
    """What `by_lookups` comes to; what it looks up comes in any order."""
    answer = {}
    for group in groups:
        names = {person["_id"]: person["name"] for name in _NAMED for person in group.get(name, ())}
        newest = sorted(group.get("calls", ()), key=lambda call: (call["start_time"], call["id"]), reverse=True)
        told = [(call["id"], [names[call[name]] for name in _NAMED if call[name] is not None]) for call in newest]
        answer[group["_id"]] = (group["total"], told)
    return answer


def grouped_by_us(answer: Any) -> Answer:
    """What `crm.grouped.by_status` comes to."""
    return {
        None if group["id"] is None else str(group["id"]): (
            group["total_calls"],
            [
                (
                    card["id"],
                    [card[name.replace("_id", "_details")]["name"] for name in _NAMED if card[name] is not None],
                )
                for card in group["calls"]
            ],
        )
        for group in answer["data"]
    }


def numbers_in(answer: Answer) -> dict[str | None, list[int]]:
    return {status_id: [number for number, _ in told] for status_id, (_, told) in answer.items()}


def move_without_counting(tenant_id: int, call_id: str, status_id: str | None, entry: HistoryEntry) -> bool:
    """What `store.move` does to the call, and nothing else."""
    wanted = {"tenant_id": tenant_id, "call_id": call_id, "deleted": 0}
    history = {"$each": [{**entry, "after": status_id}], "$slice": -500}
    update = {"$set": {"status_id": status_id}, "$inc": {"version": 1}, "$push": {"history": history}}
    return collection(CALLS).update_one(wanted, update).matched_count == 1


def _looked_up(other: str, local: str, name: str, pipeline: list[Document]) -> dict[str, Any]:
    return {"from": other, "localField": local, "foreignField": "_id", "as": name, "pipeline": pipeline}
