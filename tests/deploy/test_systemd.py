"""The units of systemd in docs/deployment.md held against the table of what `make run` starts."""

import re
import shlex

from django.conf import settings

from config.stack.applications import applications
from config.stack.place import Place
from tests.docs.test_docs import variables_in_code
from tests.running import ROOT

SECTION = (ROOT / "docs" / "deployment.md").read_text().partition("## Without Docker")[2].partition("\n## ")[0]
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
