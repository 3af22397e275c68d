import re
from pathlib import Path

import pytest

from config.environment import Environment, SettingError

ROOT = Path(__file__).resolve().parents[2]


def test_a_missing_variable_is_named():
    with pytest.raises(SettingError, match="EARSHOT_SECRET_KEY"):
        Environment({}).text("EARSHOT_SECRET_KEY")


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (lambda environment: environment.integer("EARSHOT_X", 1), "many"),
        (lambda environment: environment.boolean("EARSHOT_X"), "perhaps"),
        (lambda environment: environment.choice("EARSHOT_X", ["red", "blue"]), "green"),
        (lambda environment: environment.database("EARSHOT_X", ""), "not a url"),
    ],
)
def test_a_value_that_does_not_fit_is_named(read, value):
    with pytest.raises(SettingError, match="EARSHOT_X"):
        read(Environment({"EARSHOT_X": value}))


def test_of_several_words_the_first_is_the_default():
    environment = Environment({"EARSHOT_X": "blue"})
    assert environment.choice("EARSHOT_X", ["red", "blue"]) == "blue"
    assert environment.choice("EARSHOT_Y", ["red", "blue"]) == "red"


def test_a_command_beside_a_running_stack_finds_it_and_may_override_it(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "env").write_text("EARSHOT_REDIS_URL=redis://a:p=w@h/0\nEARSHOT_PORT=8100\n")
    process = {"EARSHOT_DATA": str(tmp_path), "EARSHOT_PORT": "9000"}
    environment = Environment.of_process(process, default_data=Path("/nowhere"))
    assert environment.text("EARSHOT_REDIS_URL") == "redis://a:p=w@h/0"
    assert environment.integer("EARSHOT_PORT", 1) == 9000


def test_without_a_stack_there_is_only_the_process_environment(tmp_path):
    environment = Environment.of_process({}, default_data=tmp_path)
    assert environment.path("EARSHOT_DATA") == tmp_path
    assert environment.words("EARSHOT_HOSTS", ["a"]) == ["a"]


def test_a_database_url_becomes_djangos_form():
    url = "postgresql://me:p%40ss@db.example:6432/calls"
    read = Environment({"EARSHOT_DATABASE_URL": url}).database("EARSHOT_DATABASE_URL", "")
    assert (read["USER"], read["PASSWORD"], read["HOST"], read["PORT"]) == ("me", "p@ss", "db.example", "6432")


def test_every_variable_is_in_the_table_of_the_docs_and_no_other():
    sources = [*ROOT.glob("config/settings.py"), *ROOT.glob("config/stack/*.py"), ROOT / "tests" / "scale.py"]
    named = set().union(*(re.findall(r"EARSHOT_[A-Z0-9_]+", source.read_text()) for source in sources))
    documented = set(re.findall(r"^\| `(EARSHOT_[A-Z0-9_]+)`", (ROOT / "docs/settings.md").read_text(), re.MULTILINE))
    assert documented == named
