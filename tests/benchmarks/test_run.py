import io
import json
from collections import Counter
from itertools import pairwise

import pytest
from rich.console import Console

from benchmarks import __main__ as command
from benchmarks.measuring import Variant, WrongAnswer, alternate, figures
from benchmarks.rows import Row, Suite, at_most, faster, near
from benchmarks.scales import Scale
from calls import store

# All but those that start a stack of their own.
SUITES = ["board", "calls", "erasure", "hearing", "intake", "live", "metrics", "segments", "servers", "uploads"]


@pytest.fixture
def printed():
    return Console(file=io.StringIO(), width=200)


def suite_of(*rows):
    return Suite(title="Some things", baseline="the usual way", floor="the least", measure=lambda run: iter(rows))


def test_a_run_gives_a_table_and_the_same_as_json(transactional_db, intake_queue, printed, tmp_path):
    before = store.page_of({"tenant_id": 1_000_001}, limit=1).calls
    written = tmp_path / "figures.json"

    status = command.measure(SUITES, Scale("tiny"), printed, json=written)

    assert status == 0
    told = json.loads(written.read_text())
    assert told["machine"]["cores"] >= 1
    assert told["machine"]["mongodb"] == store.version()
    assert [suite["name"] for suite in told["suites"]] == SUITES
    rows = {row["what"]: row for suite in told["suites"] for row in suite["rows"]}
    reading = rows["read a call with its segments"]
    assert reading["ours"]["count"] == reading["baseline"]["count"] == reading["floor"]["count"] == 5
    assert all(row["ours"]["count"] > 0 for row in rows.values())
    assert {row["verdict"] for row in rows.values()} <= {"ok", "MISS", ""}
    table = printed.file.getvalue()
    assert all(what in table for what in rows)
    assert "≥ 3 × as fast" in table
    # It measures in a database of its own, and leaves nothing in the queue.
    assert store.page_of({"tenant_id": 1_000_001}, limit=1).calls == before == []
    assert intake_queue.depths().queued == 0


def test_a_row_is_a_miss_when_one_of_its_targets_is():
    ours, baseline, floor = figures([2.0]), figures([6.0]), figures([1.0])
    swift, dear = faster(ours, baseline, least=3), near(ours, floor, most=1.3)

    assert Row("a thing", "ms", ours, baseline, floor, (swift,)).verdict == "ok"
    assert Row("a thing", "ms", ours, baseline, floor, (swift, dear)).verdict == "MISS"
    assert Row("a thing", "ms", ours, baseline, floor).verdict == ""


def test_slowness_fails_no_run(db, printed, monkeypatch):
    slow = Row("a thing", "ms", figures([9.0]), targets=(at_most(9.0, 1.0, "ms"),))
    monkeypatch.setattr(command, "SUITES", {"some": suite_of(slow)})

    assert command.measure(["some"], Scale("tiny"), printed) == 0
    assert "MISS" in printed.file.getvalue()


def differ(run):
    differing = {"ours": Variant(run=lambda given: 1), "the usual way": Variant(run=lambda given: 2)}
    yield Row("a thing that is right", "ms", figures([1.0]))
    yield Row("a thing", "ms", alternate(differing, repetitions=1, step=lambda done: None)["ours"])


def test_a_wrong_answer_fails_the_run(db, printed, monkeypatch):
    monkeypatch.setattr(command, "SUITES", {"some": Suite("Some things", "", "", differ)})

    assert command.measure(["some"], Scale("tiny"), printed) == 1
    assert "the usual way comes to something else than ours: 2, not 1" in printed.file.getvalue()


def test_a_wrong_answer_takes_nothing_from_the_other_suites(db, printed, monkeypatch, tmp_path):
    right = suite_of(Row("another thing", "ms", figures([1.0])))
    suites = {"before": right, "wrong": Suite("Some things", "", "", differ), "after": right}
    monkeypatch.setattr(command, "SUITES", suites)
    json_file, table = tmp_path / "figures.json", tmp_path / "figures.md"

    status = command.measure(list(suites), Scale("tiny"), printed, json=json_file, markdown=table)

    assert status == 1
    told = {suite["name"]: suite for suite in json.loads(json_file.read_text())["suites"]}
    assert [[row["what"] for row in suite["rows"]] for suite in told.values()] == [
        ["another thing"],
        ["a thing that is right"],
        ["another thing"],
    ]
    assert told["wrong"]["wrong"] == "the usual way comes to something else than ours: 2, not 1."
    assert told["before"]["wrong"] == told["after"]["wrong"] == ""
    assert table.read_text().count("| another thing |") == 2


def test_what_is_measured_is_in_the_files_when_a_later_suite_breaks_off(db, printed, monkeypatch, tmp_path):
    def end(run):
        raise KeyboardInterrupt
        yield

    suites = {"done": suite_of(Row("a thing", "ms", figures([1.0]))), "ended": Suite("Some things", "", "", end)}
    monkeypatch.setattr(command, "SUITES", suites)
    json_file, table = tmp_path / "figures.json", tmp_path / "figures.md"

    with pytest.raises(KeyboardInterrupt):
        command.measure(list(suites), Scale("tiny"), printed, json=json_file, markdown=table)

    assert [suite["name"] for suite in json.loads(json_file.read_text())["suites"]] == ["done"]
    assert "| a thing |" in table.read_text()


def test_a_log_has_a_line_for_each_suite_and_row_as_it_comes(db, printed, monkeypatch):
    seen = []

    def watched(run):
        seen.append(printed.file.getvalue())
        yield Row("a thing", "ms", figures([1.0]), targets=(at_most(1.0, 2.0, "ms"),))
        seen.append(printed.file.getvalue())

    monkeypatch.setattr(command, "SUITES", {"some": Suite("Some things", "", "", watched)})

    command.measure(["some"], Scale("tiny"), printed)

    assert seen[0].endswith("some, 0 s: begun\n")
    assert seen[1] == seen[0] + "some, 0 s: a thing ok\n"


def test_few_repetitions_are_not_warmed_up_for_longer_than_they_take():
    runs = []

    alternate({"ours": Variant(run=lambda given: runs.append(1) or 1)}, repetitions=2, step=lambda done: None)

    # Its answer is looked at once, it warms up once, and is measured twice.
    assert len(runs) == 4


def test_nothing_at_all_is_no_answer():
    with pytest.raises(WrongAnswer, match="comes to nothing"):
        alternate({"ours": Variant(run=lambda given: None)}, repetitions=1, step=lambda done: None)


def test_variants_take_turns():
    order = []
    variants = {name: Variant(run=lambda given, name=name: order.append(name) or 1) for name in ("a", "b")}

    taken = alternate(variants, repetitions=4, step=lambda done: None, warming=0)

    assert "".join(order) == "ab" + "abba" + "baab"
    assert {name: one.count for name, one in taken.items()} == {"a": 4, "b": 4}


def test_each_comes_after_each_of_the_others_as_often():
    order = []
    variants = {name: Variant(run=lambda given, name=name: order.append(name) or 1) for name in ("a", "b", "c")}

    alternate(variants, repetitions=6, step=lambda done: None, warming=0)

    turns = ["".join(order[at : at + 3]) for at in range(3, len(order), 3)]
    assert Counter(turn[0] for turn in turns) == {"a": 2, "b": 2, "c": 2}
    assert set(Counter(pair for turn in turns for pair in pairwise(turn)).values()) == {2}


def test_the_p99_of_two_hundred_is_not_the_largest_one():
    told = figures([100.0, 50.0, *[1.0] * 198])

    assert (told.median, told.p99, told.count) == (1.0, 50.0, 200)


def test_it_runs_on_servers_of_its_own_alone(printed, monkeypatch):
    monkeypatch.delenv(command.OWN_SERVERS, raising=False)

    assert command.main([], printed) == 2
    assert "make bench" in printed.file.getvalue()
