"""That whatever is timed is described, and that whatever is described is timed."""

import ast
from pathlib import Path

import pytest

from audio.states import STAGES
from metrics import gauges, operations
from metrics.alerts.kinds import KINDS, Source

ROOT = Path(operations.__file__).resolve().parent.parent
TIMING = {"measured", "record"}


def sources():
    for app in ("audio", "calls", "config", "crm", "metrics"):
        for path in (ROOT / app).rglob("*.py"):
            if path.name != "operations.py" and "management" not in path.parts:
                yield ast.parse(path.read_text())


def strings(node):
    return {one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)}


def timed(tree):
    """The names that `timings.measured` and `timings.record` are given, also by a constant of the module's."""
    constants = {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            names = node.targets[0].elts if isinstance(node.targets[0], ast.Tuple) else [node.targets[0]]
            values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
            constants |= {getattr(name, "id", ""): value for name, value in zip(names, values, strict=False)}
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.args:
            whose, argument = ast.unparse(call.func), constants.get(ast.unparse(call.args[0]), call.args[0])
            if whose == "timings.record_hop":
                yield {f"hop.{hop}" for hop in strings(argument)}
            elif whose.startswith("timings.") and call.func.attr in TIMING and not isinstance(argument, ast.JoinedStr):
                yield strings(argument)


def test_every_operation_that_the_code_names_is_described_and_every_one_described_is_named():
    named = {name for tree in sources() for names in timed(tree) for name in names if "." in name or name == "search"}
    named |= {f"stage.{stage}" for stages in STAGES.values() for stage in stages}
    named |= {"postgresql.lock", "postgresql.read", "postgresql.write", "slow.mongodb", "slow.postgresql"}
    assert named == set(operations.KNOWN)


def test_what_alerts_ask_of_is_described():
    asked = {name for kind in KINDS.values() if kind.source == Source.OPERATIONS for name in kind.subjects}
    assert asked
    assert asked <= set(operations.KNOWN)


def test_a_family_is_described_with_the_rest_of_the_name():
    assert operations.words_of("task.audio.sweep_jobs") == "The task audio.sweep_jobs of the workers"
    assert operations.words_of("http.admin:index").startswith("Requests to the address called admin:index")


@pytest.mark.parametrize("name", ["http.", "http", "http.a b", "tests.sleep", "taskx.y", "stage.nothing"])
def test_anything_else_is_not(name):
    assert operations.words_of(name) == ""


@pytest.mark.parametrize("table", [operations.KNOWN, gauges.KNOWN], ids=["operations", "gauges"])
def test_the_documentation_has_the_same_words(table):
    documented = (ROOT / "docs" / "operations.md").read_text()
    assert [name for name, words in table.items() if f"| `{name}` | {words} |" not in documented] == []
