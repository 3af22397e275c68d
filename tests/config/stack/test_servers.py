"""One server at a time, real and started by the launcher; those around it are the tests' own."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.stack import redis
from config.stack.binaries import in_package
from config.stack.place import read_pairs
from tests.running import processes_of

ROOT = Path(__file__).resolve().parents[3]
OURS = {
    "EARSHOT_DATABASE_URL",
    "EARSHOT_MONGODB_URL",
    "EARSHOT_REDIS_URL",
    "EARSHOT_CACHE_URL",
    "EARSHOT_S3_ENDPOINT",
    "EARSHOT_S3_ACCESS_KEY",
    "EARSHOT_S3_SECRET_KEY",
}
CHANGE_FEATURES = """
import os, sys
from pymongo import MongoClient
admin = MongoClient(os.environ["EARSHOT_MONGODB_URL"]).admin
for version in sys.argv[1:]:
    admin.command({"setFeatureCompatibilityVersion": version})
print(admin.command({"getParameter": 1, "featureCompatibilityVersion": 1})["featureCompatibilityVersion"])
"""


@pytest.fixture
def data() -> Iterator[Path]:
    """A directory that only its owner may pass."""
    directory = Path(tempfile.mkdtemp(prefix="earshot-test-")).resolve()
    yield directory / "data"
    assert processes_of(directory / "data") == {}
    shutil.rmtree(directory)


def start(variable: str, data: Path, *command: str, path: str = "") -> subprocess.Popen[str]:
    """The launcher around a command, with one server of its own: the one that `variable` would name."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("EARSHOT_")}
    named = {name: os.environ[name] for name in OURS - {variable}}
    return subprocess.Popen(
        [sys.executable, "-m", "config.stack", "servers", "--data", str(data), "--", *command],
        cwd=ROOT,
        env={**inherited, **named, "PATH": f"{path}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def around(variable: str, data: Path, *command: str) -> tuple[int, str, str]:
    """The launcher's exit code and what it and the command printed."""
    launcher = start(variable, data, *command)
    printed, said = launcher.communicate(timeout=90)
    return launcher.returncode, printed, said


def test_data_of_the_last_mongodb_becomes_data_of_this_one(data: Path) -> None:
    change = (sys.executable, "-c", CHANGE_FEATURES)
    status, printed, said = around("EARSHOT_MONGODB_URL", data, *change, "5.0")
    assert (status, "'5.0'" in printed) == (0, True), said
    (data / "mongodb" / "version").write_text("5\n")
    status, printed, said = around("EARSHOT_MONGODB_URL", data, *change)
    assert (status, "'6.0'" in printed) == (0, True), said
    assert (data / "mongodb" / "version").read_text() == "6\n"


def test_data_that_this_mongodb_cannot_read_is_refused_with_the_way_there(data: Path) -> None:
    (data / "mongodb").mkdir(parents=True)
    (data / "mongodb" / "version").write_text("4\n")
    status, _, said = around("EARSHOT_MONGODB_URL", data, "true")
    assert status == 1
    assert "was written by MongoDB 4" in said
    assert "start once with MongoDB 5 on the PATH" in said
    assert "Traceback" not in said


def test_a_port_that_somebody_takes_at_the_last_moment_is_replaced(data: Path, tmp_path: Path) -> None:
    [real] = in_package(redis.DURABLE)
    asked, answered, told = tmp_path / "asked", tmp_path / "answered", tmp_path / "told"
    os.mkfifo(asked)
    os.mkfifo(answered)
    late = tmp_path / "bin" / "redis-server"
    late.parent.mkdir()
    # It tells its port and waits until somebody else has it, the first time.
    late.write_text(
        "#!/bin/sh\n"
        f'if [ "$1" != --version ] && [ ! -e {told} ]; then\n'
        f'  touch {told}; grep "^port" "$1" > {asked}; read -r go < {answered}\n'
        f'fi\nexec {real} "$@"\n'
    )
    late.chmod(0o755)
    launcher = start("EARSHOT_REDIS_URL", data, "printenv", "EARSHOT_REDIS_URL", path=str(late.parent))
    first = int(asked.read_text().split()[1])
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first))
        taken.listen()
        answered.write_text("go\n")
        printed, said = launcher.communicate(timeout=90)
    assert launcher.returncode == 0, said
    assert f"taken port {first}; Redis tries" in said
    second = int(read_pairs(data / "run" / "ports")["redis"])
    assert second != first
    assert f":{second}/0" in printed


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only Linux's root hands on a right to pass")
def test_postgresql_of_root_serves_from_a_directory_that_is_closed_to_others(data: Path) -> None:
    data.mkdir(mode=0o700)
    facts = """
import os, pathlib, psycopg
with psycopg.connect(os.environ["EARSHOT_DATABASE_URL"]) as connection:
    pid = connection.info.backend_pid
status = pathlib.Path("/proc", pathlib.Path(os.environ["EARSHOT_DATA"], "postgres/data/postmaster.pid").open()
    .readline().strip(), "status")
print(*[line for line in status.read_text().splitlines() if line.startswith(("Uid", "CapEff", "CapPrm"))])
"""
    status, printed, said = around("EARSHOT_DATABASE_URL", data, sys.executable, "-c", facts)
    assert status == 0, said
    words = printed.split()
    assert "0" not in words[1:5]
    # One right alone, and nobody else got one to our directories.
    assert [int(words[words.index(name) + 1], 16).bit_count() for name in ("CapPrm:", "CapEff:")] == [1, 1]
    assert (data.parent.stat().st_mode & 0o777, data.stat().st_mode & 0o777) == (0o700, 0o700)


def test_data_of_another_postgresql_is_refused_with_the_way_to_carry_it_over(data: Path) -> None:
    made = data / "postgres" / "data"
    made.mkdir(parents=True)
    (made / "PG_VERSION").write_text("12\n")
    status, _, said = around("EARSHOT_DATABASE_URL", data, "true")
    assert status == 1
    assert "was made by PostgreSQL 12" in said
    assert "pg_dump" in said
    assert "Traceback" not in said
