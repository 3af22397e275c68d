import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from config.environment import SECRET, Environment, MailServer, SettingError, with_secrets

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


def in_a_file(directory, text):
    file = directory / "secret"
    file.write_text(text)
    return {"EARSHOT_SECRET_KEY_FILE": str(file)}


@pytest.mark.parametrize("text", ["it is", "it is\n", "  it is\r\n\n"])
def test_a_secret_may_lie_in_a_file_whatever_breaks_its_line(tmp_path, text):
    environment = Environment.of_process(in_a_file(tmp_path, text), default_data=tmp_path)
    assert environment.text("EARSHOT_SECRET_KEY") == "it is"
    assert environment.given() == {"EARSHOT_DATA", "EARSHOT_SECRET_KEY"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [("", "is empty"), (" \n", "is empty"), ("one\ntwo\n", "more than one line"), ("x" * 20_000, "more than one line")],
)
def test_a_file_that_is_no_secret_is_named_and_not_quoted(tmp_path, text, problem):
    with pytest.raises(SettingError, match=f"EARSHOT_SECRET_KEY_FILE names .*, which .*{problem}") as told:
        with_secrets(in_a_file(tmp_path, text))
    assert "two" not in str(told.value)
    assert len(str(told.value)) < 300


def test_bytes_that_are_no_text_are_no_secret(tmp_path):
    (tmp_path / "secret").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingError, match=r"EARSHOT_SECRET_KEY_FILE names .*, which holds no text"):
        with_secrets({"EARSHOT_SECRET_KEY_FILE": str(tmp_path / "secret")})


@pytest.mark.parametrize("name", ["nowhere", "."])
def test_a_secret_that_cannot_be_read_is_named(tmp_path, name):
    with pytest.raises(SettingError, match=r"EARSHOT_SECRET_KEY_FILE names .*, which cannot be read"):
        with_secrets({"EARSHOT_SECRET_KEY_FILE": str(tmp_path / name)})


def test_a_secret_is_given_one_way_only(tmp_path):
    with pytest.raises(SettingError, match="EARSHOT_SECRET_KEY and EARSHOT_SECRET_KEY_FILE are both set"):
        with_secrets({**in_a_file(tmp_path, "it is"), "EARSHOT_SECRET_KEY": "it is"})


def test_a_secret_in_a_file_comes_before_one_that_a_running_stack_left(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "env").write_text("EARSHOT_SECRET_KEY=the stack's\n")
    process = {"EARSHOT_DATA": str(tmp_path), **in_a_file(tmp_path, "ours")}
    assert Environment.of_process(process, default_data=Path("/nowhere")).text("EARSHOT_SECRET_KEY") == "ours"


def test_what_is_no_secret_comes_from_no_file_and_counts_as_misspelt(tmp_path):
    environment = Environment.of_process({"EARSHOT_URL_FILE": str(tmp_path / "url")}, default_data=tmp_path)
    assert environment.text("EARSHOT_URL", "none") == "none"
    assert "EARSHOT_URL_FILE" in environment.misspelt()


def test_every_secret_that_may_lie_in_a_file_is_in_the_docs():
    told = (ROOT / "docs/settings.md").read_text().partition("## Secrets in files")[2].partition("\n## ")[0]
    assert set(re.findall(r"`(EARSHOT_[A-Z0-9_]+)`", told)) - {"EARSHOT_X_FILE"} == SECRET


@pytest.mark.parametrize("command", [["manage.py", "check"], ["-m", "config.stack", "run"]])
def test_whatever_is_started_says_in_one_line_which_secret_it_lacks(command, tmp_path):
    environment = {"PATH": os.environ["PATH"], "EARSHOT_DATA": str(tmp_path), "EARSHOT_SECRET_KEY_FILE": "/nowhere"}
    ran = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode != 0
    last = (ran.stdout + ran.stderr).strip().splitlines()[-1]
    assert "EARSHOT_SECRET_KEY_FILE names /nowhere, which cannot be read: No such file or directory." in last
