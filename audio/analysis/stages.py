"""What a stage of hearing is, and a pipeline that runs stages, times each and keeps what came of those that ran."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import structlog

from audio.errors import EngineUnavailable
from metrics import timings

log = structlog.get_logger("earshot.stages")

Given = TypeVar("Given", contravariant=True)
Found = TypeVar("Found", covariant=True)
T = TypeVar("T")
S = TypeVar("S")

# Stage → {"state", "ms", "engine", "model", "version", …what it found}, as a chunk's `analysis_results` have it.
StageResults = dict[str, dict[str, Any]]


class Stage(Protocol[Given, Found]):
    """One thing that is found out about a stretch of sound, by an engine of which there may be several.

    `engine`, `model` and `version` go with every result. Two runs over the same input find the same.
    """

    @property
    def name(self) -> str: ...
    @property
    def engine(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def version(self) -> str: ...

    def health(self) -> None:
        """Raises EngineUnavailable, saying what is missing and what to do. Cheap; loads nothing."""
        ...

    def load(self) -> None:
        """Load what `run` needs, once in each process and after the fork; again is free."""
        ...

    def run(self, given: Given, /) -> Found:
        """What `given` tells. Not for two threads at a time."""
        ...


class Pipeline:
    """Runs stages one after another. `results` tells of each how it went, what it took and what it found."""

    def __init__(self) -> None:
        self.results: StageResults = {}

    def run(self, stage: Stage[S, T], given: S, tell: Callable[[T], Mapping[str, Any]] = lambda _: {}) -> T:
        """Run a stage that the later ones cannot do without; raises what it raises. `tell` puts into words."""
        return self.run_each(stage, [given], lambda found: tell(found[0]))[0]

    def run_each(
        self, stage: Stage[S, T], given: Sequence[S], tell: Callable[[list[T]], Mapping[str, Any]] = lambda _: {}
    ) -> list[T]:
        """Run a stage on several things, one after another, told of as one."""
        stage.load()
        began = time.perf_counter()
        with timings.measured(f"stage.{stage.name}"):
            found = [stage.run(one) for one in given]
        self.results[stage.name] = {
            "state": "completed",
            "ms": round((time.perf_counter() - began) * 1000, 1),
            "engine": stage.engine,
            "model": stage.model,
            "version": stage.version,
            **tell(found),
        }
        return found

    def fail(self, stage: Stage[Any, Any], said: str) -> None:
        """Tell of a stage that found nothing, and why."""
        self.results[stage.name] = {"state": "failed", "error": said, "engine": stage.engine}

    def skip(self, name: str, reason: str) -> None:
        """Tell of a stage that has nothing to do here, and why."""
        self.results[name] = {"state": "skipped", "reason": reason}

    def attempt(self, stage: Stage[S, T], given: S, tell: Callable[[T], Mapping[str, Any]] = lambda _: {}) -> T | None:
        """Run a stage whose failure leaves the others standing; None when it failed."""
        found = self.attempt_each(stage, [given], lambda found: tell(found[0]))
        return found[0] if found else None

    def attempt_each(
        self, stage: Stage[S, T], given: Sequence[S], tell: Callable[[list[T]], Mapping[str, Any]] = lambda _: {}
    ) -> list[T] | None:
        """As `attempt`, on several things."""
        try:
            return self.run_each(stage, given, tell)
        except MemoryError:
            raise
        except Exception as error:
            # An engine fails in as many ways as there are engines; the row says that it did, the log how.
            log.exception("stage_failed", stage=stage.name, engine=stage.engine)
            said = error.message if isinstance(error, EngineUnavailable) else f"Unexpected {type(error).__name__}."
            self.fail(stage, said)
            return None
