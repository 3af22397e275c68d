"""The jobs of figures in processes of their own, each of which can be made to die at any step it takes.

`python -m tests.metrics.dying`: each line of JSON that comes in has a job run once, in a process forked for it; one
goes out that says how that ended. A step of the job of hours and days is a command that is about to be sent to MongoDB
or Redis; one of the job of the archive, a request to the object store or a statement to PostgreSQL. The product knows
nothing of it. Every process gets its connections itself.
"""

import json
import os
import signal
import subprocess
import sys
from datetime import datetime
from importlib import import_module
from itertools import count
from urllib.parse import unquote, urlsplit

import django
from pymongo import monitoring
from redis.connection import AbstractConnection

from tests.running import ROOT
from tests.waiting import wait_until

# What connecting is made of.
_NO_STEPS = {"hello", "isMaster", "ping", "saslStart", "saslContinue", "endSessions"}
_NO_STEPS |= {"AUTH", "HELLO", "SELECT", "CLIENT"}


class Workers:
    """Runs jobs one after another, or several at once."""

    def __init__(self, environment):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.metrics.dying"],
            cwd=ROOT,
            env={**os.environ, "EARSHOT_LOG_LEVEL": "CRITICAL", **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, now, *, job="hours", step=None, at=None, kill=None, number=signal.SIGKILL, together=1):
        """Fill and roll up as of then, or `archive`. `killed` at the step of that number or with that word in its name,
        `done`, or `away`, for each of so many that begin together; of these the first alone is killed. With `kill`, the
        id of another process, that one is killed at the step in its place. With another `number`, that signal is sent.
        """
        asked = {"now": now.isoformat(), "job": job, "step": step, "at": at, "together": together}
        asked |= {"kill": kill, "number": int(number)}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return answer["ended"], answer["steps"]

    def stop(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()


class Steps:
    """Tells each step by a pipe, and dies before the one it was told."""

    def __init__(self, pipe, asked):
        self.pipe, self.asked = pipe, asked
        self.numbers = count(1)
        self.is_spent = False

    def take(self, name):
        if name.split()[0] in _NO_STEPS:
            return
        number = next(self.numbers)
        os.write(self.pipe, f"{name}\n".encode())
        at = self.asked["at"]
        if self.is_spent or not (number == self.asked["step"] or (at and at in name)):
            return
        self.is_spent = True
        os.kill(self.asked["kill"] or os.getpid(), self.asked["number"])


def _watch(steps):
    class Sent(monitoring.CommandListener):
        def started(self, event):
            steps.take(f"{event.command_name} {event.command.get(event.command_name)}")

        def succeeded(self, event):
            """Nothing: the next step comes after it."""

        def failed(self, event):
            """Nothing, as for one that succeeded."""

    monitoring.register(Sent())
    send = AbstractConnection.send_packed_command

    def watched(self, command, *args, **kwargs):
        packed = command if isinstance(command, bytes) else b"".join(command)
        # An array of bulk strings: *3 $3 SET …
        steps.take(packed.split(b"\r\n")[2].decode())
        return send(self, command, *args, **kwargs)

    AbstractConnection.send_packed_command = watched


def _work(asked, pipe):
    """In the forked process: 0 when all is done, 1 when something is away."""
    from django.db import OperationalError  # noqa: PLC0415 - needs Django to be set up

    from metrics.errors import RetryableMetricsError  # noqa: PLC0415 - as above

    job = {"hours": _fill_and_roll_up, "archive": _archive}[asked["job"]]
    try:
        job(datetime.fromisoformat(asked["now"]), Steps(pipe, asked))
    except (RetryableMetricsError, OperationalError):
        return 1
    return 0


def _fill_and_roll_up(now, steps):
    from metrics import rollups  # noqa: PLC0415 - needs Django to be set up

    _watch(steps)
    rollups.fill_hours(now)
    rollups.roll_days(now)


def _archive(now, steps):
    from django.db import connection  # noqa: PLC0415 - needs Django to be set up

    from metrics import archive, archived  # noqa: PLC0415 - as above

    def sent(request, **_):
        steps.take(f"{request.method} {unquote(urlsplit(request.url).path)}")

    def executed(execute, sql, *arguments):
        steps.take(sql)
        return execute(sql, *arguments)

    archive._client(os.getpid()).meta.events.register("before-send.s3", sent)
    with connection.execute_wrapper(executed):
        # PostgreSQL may not have noticed yet that the one before, which held the lock, is dead.
        report = wait_until(lambda: archived.archive_days(now), what="the lock to be free")
    assert report.failed == []


def _begin(asked):
    reading, writing = os.pipe()
    process_id = os.fork()
    if process_id == 0:
        os.close(reading)
        status = 2
        try:
            status = _work(asked, writing)
        finally:
            os._exit(status)
    os.close(writing)
    return process_id, reading


def _ended(process_id, reading):
    with os.fdopen(reading) as pipe:
        steps = pipe.read().splitlines()
    _, status = os.waitpid(process_id, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL, status
        return "killed", steps
    return {0: "done", 1: "away"}.get(os.WEXITSTATUS(status), "failed"), steps


def main():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    # Once for all, before any is forked.
    import_module("metrics.archived")
    import_module("metrics.rollups")
    for line in sys.stdin:
        asked = json.loads(line)
        others = {**asked, "step": None, "at": None}
        begun = [_begin(others if number else asked) for number in range(asked["together"])]
        ended = [_ended(*one) for one in begun]
        answer = {"ended": [how for how, _ in ended], "steps": ended[0][1]}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
