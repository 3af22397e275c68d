"""The units of systemd: those in docs/deployment.md held against the table of what `make run` starts, and those of
backups in deploy/systemd against the former and against docs/backup.md."""

import re
import shlex

import pytest
from django.conf import settings
from django.core.management import load_command_class

from config.stack.applications import applications
from config.stack.place import Place
from tests.docs.test_docs import variables_in_code
from tests.running import ROOT

SECTION = (ROOT / "docs" / "deployment.md").read_text().partition("## Without Docker")[2].partition("\n## ")[0]
SHIPPED = ROOT / "deploy" / "systemd"
BACKUPS = (ROOT / "docs" / "backup.md").read_text().partition("## Every night")[2].partition("\n## ")[0]
PYTHON = "/srv/earshot/.venv/bin/python"
PROXY = "127.0.0.1"
# systemd's weights are in hundredths of the usual one; the kernel's, by niceness, in 1024ths.
WEIGHTS = {0: 100, 5: 33, 10: 11}


def units():
    """Service → its lines as [(name, value)], of those that differ between services."""
    blocks = [re.sub(r"\\\n\s*", "", block) for block in re.findall(r"```ini\n(.*?)```", SECTION, re.DOTALL)]
    web, others = blocks
    found = {"web": web}
    found |= dict(re.findall(r"^# earshot-(\w+)\.service\n((?:.+\n)+)", others, re.MULTILINE))
    return {name: dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE)) for name, text in found.items()}


def programs(directory):
    return applications(Place(directory), {"EARSHOT_PROXIES": PROXY}, host="127.0.0.1", port=8000)


def test_every_process_has_a_unit_with_the_same_command(tmp_path):
    written = {name: shlex.split(unit["ExecStart"].replace("%%", "%")) for name, unit in units().items()}
    assert written == {program.name: [PYTHON, *program.command[1:]] for program in programs(tmp_path)}
    # A single one systemd would fill in.
    assert not [name for name, unit in units().items() if "%" in unit["ExecStart"].replace("%%", "")]


def test_a_unit_stands_back_as_far_as_a_process_and_is_given_the_time_to_end(tmp_path):
    for program in programs(tmp_path):
        unit = units()[program.name]
        assert int(unit["CPUWeight"]) == WEIGHTS[program.niceness], program.name
        is_worker = "worker" in program.command
        assert int(unit["TimeoutStopSec"]) > (settings.CELERY_TASK_TIME_LIMIT if is_worker else program.patience)


def test_what_starts_them_all_names_each_and_the_environment_what_there_is(tmp_path):
    (started,) = re.findall(r"systemctl enable --now ([^`]+)`", SECTION)
    assert started.split() == [f"earshot-{program.name}" for program in programs(tmp_path)]
    named = set(re.findall(r"^(EARSHOT_\w+)=", SECTION, re.MULTILINE))
    assert {name.removesuffix("_FILE") for name in named} <= variables_in_code()
    assert f"EARSHOT_PROXIES={PROXY}\n" in SECTION


def shipped(name):
    return dict(re.findall(r"^(\w+)=(.*)$", (SHIPPED / name).read_text(), re.MULTILINE))


JOBS = {"earshot-backup": "back_up", "earshot-verify-backup": "verify_backup"}


@pytest.mark.parametrize(("name", "command"), JOBS.items())
def test_a_job_of_backups_runs_as_earshot_does_and_is_closed_to_all_else(name, command):
    web, job = units()["web"], shipped(f"{name}.service")
    for line in ("User", "WorkingDirectory", "EnvironmentFile", "NoNewPrivileges", "PrivateTmp", "ProtectSystem"):
        assert job[line] == web[line], line
    assert (job["ProtectHome"], job["Type"]) == (web["ProtectHome"], "oneshot")
    python, manage, given, *arguments = shlex.split(job["ExecStart"])
    assert (python, manage, given) == (PYTHON, "manage.py", command)
    load_command_class("config", command).create_parser("manage.py", command).parse_args(arguments)


def test_where_a_backup_is_written_may_be_written_and_is_where_it_is_looked_at():
    backup, verifying = (shlex.split(shipped(f"{name}.service")["ExecStart"])[3] for name in JOBS)
    assert backup == verifying
    assert shipped("earshot-backup.service")["ReadWritePaths"].split() == [units()["web"]["ReadWritePaths"], backup]
    assert f"install -d -o {shipped('earshot-backup.service')['User']} -m 700 {backup}\n" in BACKUPS


def test_every_job_of_backups_has_a_timer_that_the_page_starts():
    assert {path.name for path in SHIPPED.iterdir()} == {
        f"{job}.{kind}" for job in JOBS for kind in ("service", "timer")
    }
    (started,) = re.findall(r"systemctl enable --now (.+)", BACKUPS)
    assert started.split() == [f"{job}.timer" for job in JOBS]
    for job in JOBS:
        timer = shipped(f"{job}.timer")
        assert (timer["WantedBy"], timer["Persistent"]) == ("timers.target", "yes")
    nightly, weekly = (shipped(f"{job}.timer")["OnCalendar"] for job in JOBS)
    assert (nightly, weekly) == ("*-*-* 02:17", "Sun 05:47")
    assert "at 2:17 each night, and looked at each Sunday" in BACKUPS
