import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from config.environment import Environment, MailServer, SettingError

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
        (lambda environment: environment.mail_server("EARSHOT_X"), "imap://mail.example"),
        (lambda environment: environment.mail_server("EARSHOT_X"), "smtps://"),
    ],
)
def test_a_value_that_does_not_fit_is_named(read, value):
    with pytest.raises(SettingError, match="EARSHOT_X"):
        read(Environment({"EARSHOT_X": value}))


def test_a_number_that_is_too_small_is_named_also_when_it_is_the_default():
    with pytest.raises(SettingError, match="EARSHOT_X must be at least 2, not 1"):
        Environment({}).integer("EARSHOT_X", 1, least=2)


@pytest.mark.parametrize(
    ("variables", "numbers"),
    [
        ({}, "10 3 1000 30"),
        ({"EARSHOT_INTAKE_PROFILE": "throughput"}, "20 5 5000 30"),
        ({"EARSHOT_INTAKE_PROFILE": "latency"}, "5 2 1000 5"),
        ({"EARSHOT_INTAKE_PROFILE": "latency", "EARSHOT_INTAKE_BATCH": "7"}, "7 2 1000 5"),
    ],
)
def test_a_profile_of_the_intake_sets_four_numbers_of_which_each_can_be_set_besides(variables, numbers):
    names = "EARSHOT_INTAKE_BATCH EARSHOT_INTAKE_CONCURRENCY EARSHOT_INTAKE_MOST_QUEUED EARSHOT_INTAKE_AGE_SECONDS"
    program = f"from config import settings; print(*(getattr(settings, name) for name in {names.split()}))"
    environment = {"PATH": os.environ["PATH"], "EARSHOT_SECRET_KEY": "x", **variables}
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ran.stdout.strip() == numbers, ran.stderr


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


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("", MailServer()),
        ("smtp://mail.example", MailServer("mail.example", 25)),
        ("smtps://ada:p%40ss@mail.example", MailServer("mail.example", 465, "ada", "p@ss", "tls")),
        ("smtp+starttls://ada:x@mail.example:25", MailServer("mail.example", 25, "ada", "x", "starttls")),
    ],
)
def test_a_mail_servers_url_says_where_it_is_and_how_it_is_secured(url, server):
    assert Environment({"EARSHOT_X": url}).mail_server("EARSHOT_X") == server


def test_every_variable_is_in_the_table_of_the_docs_and_no_other():
    sources = [*ROOT.glob("config/settings.py"), *ROOT.glob("config/stack/*.py"), ROOT / "tests" / "scale.py"]
    named = set().union(*(re.findall(r"EARSHOT_[A-Z0-9_]+", source.read_text()) for source in sources))
    documented = set(re.findall(r"^\| `(EARSHOT_[A-Z0-9_]+)`", (ROOT / "docs/settings.md").read_text(), re.MULTILINE))
    assert documented == named
