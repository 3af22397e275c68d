"""The launcher with real servers, seen from outside: what it prints, what answers, what is left of it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import boto3
import psycopg
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from pymongo import MongoClient
from pymongo.errors import OperationFailure
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError
from redis.retry import Retry

from config.stack.place import read_pairs
from tests.running import free_port, processes_of
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]
# Neither the servers that these tests run beside nor the settings that they run under are meant for a new launcher.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("EARSHOT_", "DJANGO_"))}
# A command that tells its environment and then stays until it is asked to go.
TELL_AND_STAY = "import json, os, signal; print(json.dumps(dict(os.environ)), flush=True); signal.pause()"


class Launcher:
    """A running launcher. Its output is in `output`; `stop` sends a signal and waits for the exit code."""

    started: ClassVar[list["Launcher"]] = []

    def __init__(self, *arguments: str, output: Path, environment: dict[str, str], directory: Path = ROOT) -> None:
        self.output = output
        with output.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "config.stack", *arguments],
                cwd=directory,
                env=ENVIRONMENT | environment,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

        self.started.append(self)

    def printed(self, text: str) -> bool:
        assert self.process.poll() is None, self.output.read_text()
        return text in self.output.read_text()

    def stop(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(15)

    def environment(self) -> dict[str, str]:
        """What the command was told; available once it has printed it."""
        lines = [line for line in self.output.read_text().splitlines() if line.startswith("{") and line.endswith("}")]
        told: dict[str, str] = json.loads(lines[-1])
        return told


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    """A directory that PostgreSQL can reach as another user, which pytest's own are not."""
    directory = Path(tempfile.mkdtemp(prefix="earshot-test-")).resolve()
    directory.chmod(0o711)
    yield directory
    # What a failed test left running ends with its launcher.
    for launcher in Launcher.started:
        launcher.process.kill()
        launcher.process.wait()
    wait_until(lambda: not processes_of(directory) and not processes_of(directory / "run-data"))
    shutil.rmtree(directory)


@pytest.fixture(scope="module")
def running(data: Path) -> Launcher:
    """The servers, for the tests that only look at them or kill one of them."""
    command = [sys.executable, "-c", TELL_AND_STAY]
    launcher = Launcher("servers", "--data", str(data), "--", *command, output=data / "output", environment={})
    wait_until(lambda: launcher.printed('"EARSHOT_DATA"'))
    return launcher


def s3(told: dict[str, str], secret: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=told["EARSHOT_S3_ENDPOINT"],
        aws_access_key_id=told["EARSHOT_S3_ACCESS_KEY"],
        aws_secret_access_key=secret,
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}, proxies={}),
    )


def test_postgresql_answers_with_its_password_and_has_pgvector(running: Launcher) -> None:
    address = running.environment()["EARSHOT_DATABASE_URL"]
    with psycopg.connect(address) as connection:
        connection.execute("CREATE EXTENSION vector")
        row = connection.execute(
            "SELECT '[3,4]'::vector <-> '[0,0]'::vector, lower('ÄÖ'), current_database()"
        ).fetchone()
    assert row == (5.0, "äö", "earshot")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(address, password="wrong")


def test_mongodb_answers_with_its_password_and_has_transactions(running: Launcher) -> None:
    address = running.environment()["EARSHOT_MONGODB_URL"]
    with MongoClient[dict[str, Any]](address) as client:
        database = client.get_default_database()
        with client.start_session() as session, session.start_transaction():
            database.things.insert_one({"_id": 1}, session=session)
        assert database.name == "earshot"
        assert database.things.count_documents({}) == 1
    with MongoClient[dict[str, Any]](address, username=None, password=None) as known:
        host, port = known.address or ("", 0)
    with (
        MongoClient[dict[str, Any]](host, port, directConnection=True) as stranger,
        pytest.raises(OperationFailure, match="requires authentication"),
    ):
        stranger.earshot.things.count_documents({})


@pytest.mark.parametrize(
    ("variable", "policy", "appending"),
    [("EARSHOT_REDIS_URL", "noeviction", "yes"), ("EARSHOT_CACHE_URL", "allkeys-lru", "no")],
)
def test_redis_answers_with_its_password_in_both_roles(
    running: Launcher, variable: str, policy: str, appending: str
) -> None:
    with Redis.from_url(running.environment()[variable], decode_responses=True) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": policy}
        assert client.config_get("appendonly") == {"appendonly": appending}
        port = client.connection_pool.connection_kwargs["port"]
    with Redis(port=port, retry=Retry(NoBackoff(), 0)) as stranger, pytest.raises(AuthenticationError):
        stranger.ping()


def test_the_object_store_takes_signed_requests_alone(running: Launcher) -> None:
    told = running.environment()
    store = s3(told, told["EARSHOT_S3_SECRET_KEY"])
    store.create_bucket(Bucket="things")
    store.put_object(Bucket="things", Key="a/b", Body=b"sound")
    assert store.get_object(Bucket="things", Key="a/b")["Body"].read() == b"sound"
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        s3(told, "wrong").list_buckets()


def test_no_secret_is_on_a_command_line_or_in_a_file_for_others(running: Launcher, data: Path) -> None:
    secrets = [file.read_text().strip() for file in (data / "secrets").iterdir()]
    lines = " ".join(processes_of(data).values())
    assert not [secret for secret in secrets if secret in lines]
    assert {file.stat().st_mode & 0o777 for file in (data / "logs").iterdir()} == {0o600}


def test_a_killed_redis_comes_back_on_its_port_with_its_data(running: Launcher, data: Path) -> None:
    address = running.environment()["EARSHOT_REDIS_URL"]
    port = read_pairs(data / "run" / "ports")["redis"]
    with Redis.from_url(address, decode_responses=True) as client:
        client.set("kept", "yes")
        assert not running.printed("redis                    is back")
        victim = client.info("server")["process_id"]
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: running.printed("redis                    is back"))
    assert running.printed("redis ended (signal SIGKILL); starts again now")
    assert f":{port}/" in address
    with Redis.from_url(address, decode_responses=True) as client:
        assert client.get("kept") == "yes"


def test_after_a_signal_and_after_a_kill_nothing_is_left_and_the_next_start_finds_the_data(data: Path) -> None:
    home = data / "killed"

    def start(script: str) -> Launcher:
        command = [sys.executable, "-c", script + TELL_AND_STAY]
        launcher = Launcher("servers", "--data", str(home), "--", *command, output=data / "killed-out", environment={})
        wait_until(lambda: launcher.printed('"EARSHOT_DATA"'))
        return launcher

    things = "import os, pymongo; things = pymongo.MongoClient(os.environ['EARSHOT_MONGODB_URL']).earshot.things; "
    first = start(things + "things.insert_one({'_id': 1}); ")
    # The signal reaches the command, and all else stops in order.
    assert first.stop(signal.SIGTERM) == 128 + signal.SIGTERM
    assert processes_of(home) == {}
    assert "database system is shut down" in (home / "logs" / "postgres.log").read_text()

    ports = (home / "run" / "ports").read_text()
    # MongoDB's replica set knows its address: another port must not leave it without a primary.
    (home / "run" / "ports").write_text(ports.replace("mongodb=", "forgotten="))
    second = start(things + "print(things.find_one()); ")
    assert second.printed("{'_id': 1}")
    assert f"redis={read_pairs(home / 'run' / 'ports')['redis']}" in ports
    assert len(processes_of(home)) >= 6
    second.process.kill()
    second.process.wait()
    wait_until(lambda: not processes_of(home))


def test_temporary_servers_leave_nothing_and_the_exit_code_is_the_commands() -> None:
    command = "import os, sys; print(os.environ['EARSHOT_DATA'], os.getcwd()); sys.exit(7)"
    arguments = [
        sys.executable,
        "-m",
        "config.stack",
        "servers",
        "--temporary",
        "--",
        sys.executable,
        "-c",
        command,
    ]
    ended = subprocess.run(arguments, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert ended.returncode == 7, ended.stderr
    directory, here = ended.stdout.split()
    assert here == str(ROOT)
    assert not Path(directory).exists()
    assert processes_of(Path(directory)) == {}


APPLICATION = """
async def application(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})
"""
PREPARE = """
import os, pathlib, sys
if os.environ.get("BROKEN"):
    sys.exit("the migration broke")
print("step", "migrate", "0.5", sep="\\t")
if sys.argv[1:] == ["prepare", "--demo"]:
    pathlib.Path(os.environ["EARSHOT_DATA"], "demo-password").write_text("open sesame")
"""
CELERY = """
import os, signal
from celery import Celery, signals
from config.stack.processes import end_with_parent
app = Celery("smallest", broker=os.environ["EARSHOT_REDIS_URL"])
signals.worker_ready.connect(lambda **_: print("at work"), weak=False)
signals.worker_process_init.connect(lambda **_: end_with_parent(signal.SIGKILL), weak=False)
"""


CONNECTIONS = "from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as BoundedHeaders"


@pytest.fixture(scope="module")
def checkout(data: Path) -> Path:
    """The launcher beside the smallest applications that it can launch."""
    root = data / "checkout"
    shutil.copytree(ROOT / "config" / "stack", root / "config" / "stack")
    # It reads secrets from files before it starts anything.
    shutil.copy(ROOT / "config" / "environment.py", root / "config")
    sources = {"__init__": "", "asgi": APPLICATION, "connections": CONNECTIONS, "celery": CELERY}
    for name, source in sources.items():
        (root / "config" / f"{name}.py").write_text(source)
    (root / "manage.py").write_text(PREPARE)
    return root


def run(checkout: Path, data: Path, *, output: str = "run-output", **environment: str) -> Launcher:
    told = {"EARSHOT_DATA": str(data / "run-data"), "EARSHOT_PORT": str(free_port()), **environment}
    return Launcher("run", output=data / output, environment=told, directory=checkout)


def test_run_tells_its_steps_keeps_its_processes_alive_and_stops_in_order(checkout: Path, data: Path) -> None:
    launcher = run(checkout, data, EARSHOT_DEMO="1")
    home = data / "run-data"
    wait_until(lambda: launcher.printed("Ctrl-C stops everything."))
    told = read_pairs(home / "run" / "env")
    assert (home / "run" / "env").stat().st_mode & 0o777 == 0o600
    assert {name for name in told if not name.endswith(("_URL", "_KEY"))} == {
        "EARSHOT_S3_ENDPOINT",
        "EARSHOT_HOST",
        "EARSHOT_PORT",
        "EARSHOT_DEMO",
    }
    assert launcher.printed(f"Earshot is at {told['EARSHOT_URL']}")
    assert launcher.printed("other-supervisor; the password is open sesame")

    second = run(checkout, data, output="second-output")
    elsewhere = {"EARSHOT_DATA": str(data / "other"), "EARSHOT_PORT": told["EARSHOT_PORT"]}
    other = run(checkout, data, output="other-output", **elsewhere)
    assert (second.process.wait(15), other.process.wait(15)) == (1, 1)
    assert f"process {launcher.process.pid}, since " in second.output.read_text()
    assert f", at {told['EARSHOT_URL']}." in second.output.read_text()
    assert "Address already in use" in other.output.read_text()

    def workers() -> list[int]:
        return [number for number, line in processes_of(home).items() if "-Q analysis" in line]

    def times_at_work() -> int:
        return (home / "logs" / "analysis.log").read_text().count("at work")

    wait_until(lambda: times_at_work() == 1)
    # The worker and its one pool process, which must go when the worker is killed.
    before = workers()
    assert len(before) == 2
    os.kill(min(before), signal.SIGKILL)
    wait_until(lambda: times_at_work() == 2)
    assert not set(workers()) & set(before)

    assert launcher.stop(signal.SIGINT) == 0
    assert processes_of(home) == {}


def test_run_shows_why_the_preparation_failed_and_leaves_nothing_running(checkout: Path, data: Path) -> None:
    launcher = run(checkout, data, BROKEN="1")
    assert launcher.process.wait(30) == 1
    assert "    the migration broke" in launcher.output.read_text()
    assert processes_of(data / "run-data") == {}


def test_run_that_was_killed_leaves_nothing_and_starts_again_at_once(checkout: Path, data: Path) -> None:
    for _ in range(2):
        launcher = run(checkout, data)
        wait_until(partial(launcher.printed, "Ctrl-C stops everything."))
        launcher.process.kill()
        launcher.process.wait()
    wait_until(lambda: not processes_of(data / "run-data"))
