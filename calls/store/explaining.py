"""How MongoDB goes about what is really asked: a piece of code is run, and each of its reads explained."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from calls.store.client import calls, reachable
from calls.store.recorded import recorded
from calls.store.slow import shape_of

_READS = ("find", "aggregate", "count", "distinct")
# What an explanation is not to be told: in which session, as of which moment, and for how long at most.
_AROUND = {"lsid", "txnNumber", "readConcern", "maxTimeMS", "startTransaction", "autocommit", "writeConcern"}
# Parts of an explanation about plans that were not taken, and the taken one in the engine's own words.
_ASIDE = {"rejectedPlans", "allPlansExecution", "slotBasedPlan", "executionStages", "parsedQuery"}


@dataclass(frozen=True, slots=True)
class Plan:
    """One read: how the server went about it, and how many index keys and documents that took it.

    `asked` is its shape, without values. `returned` is what the plan's scans hand on, before anything is grouped.
    """

    asked: str
    stages: tuple[str, ...]
    indexes: tuple[str, ...]
    keys: int
    documents: int
    returned: int
    milliseconds: float

    @property
    def scans(self) -> bool:
        """Whether a collection is read from end to end."""
        return "COLLSCAN" in self.stages

    @property
    def sorts(self) -> bool:
        """Whether all that matches has to be read before the first can be answered."""
        return "SORT" in self.stages


def explained(work: Callable[[], object]) -> list[Plan]:
    """Run a piece of code and explain each of the reads that it asks MongoDB, in their order."""
    with recorded() as commands:
        work()
    return [_explained(command) for command in commands if next(iter(command), "") in _READS]


@reachable()
def _explained(command: Mapping[str, Any]) -> Plan:
    name = next(iter(command))
    asked = {field: value for field, value in command.items() if field not in _AROUND and not field.startswith("$")}
    told = calls().database.command("explain", asked, verbosity="executionStats")
    stages = dict.fromkeys(name for name, _ in _stages(told))
    indexes = dict.fromkeys(index for _, index in _stages(told) if index)
    figures = list(_figures(told))
    return Plan(
        asked=shape_of(name, command),
        stages=tuple(stages),
        indexes=tuple(indexes),
        keys=sum(one["totalKeysExamined"] for one in figures),
        documents=sum(one["totalDocsExamined"] for one in figures),
        returned=sum(one["nReturned"] for one in figures),
        milliseconds=float(max((one["executionTimeMillis"] for one in figures), default=0)),
    )


def _stages(told: Any) -> Iterator[tuple[str, str | None]]:
    """The stages of the plans that were taken, each with its index; a sort of an aggregation's counts as one."""
    if isinstance(told, Mapping):
        if isinstance(told.get("stage"), str):
            yield told["stage"], told.get("indexName")
        if "$sort" in told and "sortKey" in told["$sort"]:
            yield "SORT", None
        for name, inside in told.items():
            if name not in _ASIDE and name != "command":
                yield from _stages(inside)
    elif isinstance(told, list):
        for inside in told:
            yield from _stages(inside)


def _figures(told: Any) -> Iterator[Mapping[str, Any]]:
    """The figures of each scan of a read."""
    if isinstance(told, Mapping):
        for name, inside in told.items():
            if name == "executionStats" and isinstance(inside, Mapping):
                yield inside
            elif name not in _ASIDE and name != "command":
                yield from _figures(inside)
    elif isinstance(told, list):
        for inside in told:
            yield from _figures(inside)
