"""A pipeline tells of each stage how it went."""

import pytest

from audio.analysis.stages import Pipeline
from audio.errors import EngineUnavailable


class Halver:
    """A stage that halves, and fails as it is told to."""

    name, engine, model, version = "halving", "ours", "plain", "3"

    def __init__(self, error=None):
        self.error, self.loaded = error, 0

    def health(self):
        pass

    def load(self):
        self.loaded += 1

    def run(self, given, /):
        if self.error:
            raise self.error
        return given / 2


def test_a_stage_that_ran_is_told_of_with_its_engine_and_its_time():
    pipeline, stage = Pipeline(), Halver()
    assert pipeline.run(stage, 8, lambda found: {"half": found}) == 4
    told = pipeline.results["halving"]
    assert told.pop("ms") >= 0
    assert told == {"state": "completed", "engine": "ours", "model": "plain", "version": "3", "half": 4}
    assert stage.loaded == 1


def test_several_things_are_told_of_as_one():
    pipeline = Pipeline()
    assert pipeline.run_each(Halver(), [2, 4, 6], lambda found: {"sum": sum(found)}) == [1, 2, 3]
    assert pipeline.results["halving"]["sum"] == 6
    assert pipeline.attempt_each(Halver(), []) == []


def test_a_stage_that_is_needed_fails_aloud():
    pipeline = Pipeline()
    with pytest.raises(ZeroDivisionError):
        pipeline.run(Halver(ZeroDivisionError()), 8)
    assert pipeline.results == {}


def test_a_stage_that_is_only_attempted_leaves_the_others_standing():
    pipeline = Pipeline()
    assert pipeline.attempt(Halver(ZeroDivisionError("secret")), 8) is None
    assert pipeline.results["halving"] == {
        "state": "failed",
        "error": "Unexpected ZeroDivisionError.",
        "engine": "ours",
    }
    assert pipeline.run(Halver(), 8) == 4
    assert pipeline.results["halving"]["state"] == "completed"


def test_an_engine_that_is_not_to_be_had_says_why():
    pipeline = Pipeline()
    pipeline.attempt(Halver(EngineUnavailable("Its model is missing.")), 8)
    assert pipeline.results["halving"]["error"] == "Its model is missing."


def test_a_worker_without_memory_does_not_go_on():
    with pytest.raises(MemoryError):
        Pipeline().attempt(Halver(MemoryError()), 8)


def test_what_has_nothing_to_do_says_why():
    pipeline = Pipeline()
    pipeline.skip("halving", "Nothing to halve.")
    assert pipeline.results == {"halving": {"state": "skipped", "reason": "Nothing to halve."}}
