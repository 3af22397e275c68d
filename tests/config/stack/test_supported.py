"""Which Pythons and machines are turned away before anything is installed."""

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from config.stack import mongodb, supported
from config.stack.binaries import in_package
from config.stack.supported import LIBRARIES, PYTHONS, problem, problem_of_mongodb, problem_of_redis
from tests.running import ROOT

WITH_AVX = "processor\t: 0\nflags\t\t: fpu sse4_2 popcnt avx f16c avx2\n"


def test_the_python_and_the_machine_of_these_tests_are_supported() -> None:
    assert problem(sys.version_info[:2], sys.platform, platform.machine(), platform.libc_ver()[0]) is None


@pytest.mark.parametrize(
    ("version", "system", "machine", "libc", "says"),
    [
        ((3, 10), "linux", "x86_64", "glibc", "needs Python 3.11, 3.12 or 3.13"),
        ((3, 14), "linux", "x86_64", "glibc", "needs Python 3.11, 3.12 or 3.13"),
        ((3, 12), "linux", "riscv64", "glibc", "not for linux on riscv64"),
        ((3, 12), "darwin", "x86_64", "", "not for darwin on x86_64"),
        ((3, 12), "linux", "x86_64", "", "with glibc"),
    ],
)
def test_what_no_package_is_built_for_is_said_in_a_sentence(
    version: tuple[int, int], system: str, machine: str, libc: str, says: str
) -> None:
    assert says in (problem(version, system, machine, libc) or "")


@pytest.mark.parametrize(
    ("machine", "cpuinfo", "missing", "says"),
    [
        ("x86_64", "flags\t\t: fpu sse4_2 popcnt\n", [], "processor with AVX"),
        ("x86_64", WITH_AVX, ["libcurl.so.4"], "apt-get install libcurl4."),
        ("aarch64", "Features\t: fp asimd\n", ["libcurl.so.4", "libssl.so.3"], "apt-get install libcurl4 libssl3."),
    ],
)
def test_what_mongodb_does_not_find_is_said_with_what_to_do(
    machine: str, cpuinfo: str, missing: list[str], says: str
) -> None:
    told = problem_of_mongodb(machine, cpuinfo, missing) or ""
    assert says in told
    assert "EARSHOT_MONGODB_URL" in told


@pytest.mark.parametrize(
    ("machine", "cpuinfo"), [("x86_64", WITH_AVX), ("x86_64", ""), ("aarch64", "Features\t: fp asimd\n")]
)
def test_nothing_is_said_of_mongodb_where_it_will_run_or_nobody_knows(machine: str, cpuinfo: str) -> None:
    assert problem_of_mongodb(machine, cpuinfo, []) is None


def test_the_libraries_that_are_looked_for_are_those_that_the_program_asks_for() -> None:
    [program] = in_package(mongodb.KIND)
    text = program.read_bytes()
    assert [library for library in LIBRARIES if library.encode() not in text] == []
    assert not [library for library in LIBRARIES if supported.is_missing(library)]
    assert supported.is_missing("libcurl-of-nobody.so.4")


def test_where_no_package_brings_a_redis_one_is_asked_for() -> None:
    assert problem_of_redis((3, 12), "linux", "x86_64") is None
    for version, system, machine in [((3, 13), "linux", "x86_64"), ((3, 11), "linux", "aarch64")]:
        told = problem_of_redis(version, system, machine) or ""
        assert "install redis-server" in told
        assert "EARSHOT_REDIS_URL" in told


@pytest.mark.parametrize("named", [True, False])
def test_what_the_packages_need_is_looked_for_only_when_they_are_to_serve(tmp_path: Path, *, named: bool) -> None:
    """On the PATH, or named by a variable, another one serves."""
    program = tmp_path / "mongod"
    program.touch(mode=0o755)
    environment = {"EARSHOT_MONGODB_URL": "mongodb://elsewhere"} if named else {"PATH": str(tmp_path)}
    assert not supported.is_ours_to_bring("mongod", "EARSHOT_MONGODB_URL", environment)
    assert supported.is_ours_to_bring("mongod", "EARSHOT_MONGODB_URL", {"PATH": str(tmp_path / "empty")})


def test_it_is_asked_by_a_script_that_needs_nothing_but_python() -> None:
    script = [sys.executable, "-I", "config/stack/supported.py"]
    asked = subprocess.run(script, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=False)
    assert (asked.returncode, asked.stderr) == (0, "")


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_pages_name_the_pythons_and_the_library_that_are_needed(page: str) -> None:
    text = (ROOT / page).read_text()
    *others, last = (f"{major}.{minor}" for major, minor in PYTHONS)
    assert f"Python {', '.join(others)} or {last}" in re.sub(r"\s+", " ", text)
    assert LIBRARIES["libcurl.so.4"] in text
