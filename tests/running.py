"""A whole Earshot as `make run` starts it, to be used from outside."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx

from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parent.parent
# Short, so that what waits for these to run out does not wait long; everything else as it ships.
QUICK = {
    "EARSHOT_LEASE_SECONDS": "10",
    "EARSHOT_UPLOAD_CLAIM_SECONDS": "10",
    "EARSHOT_SWEEP_SECONDS": "2",
    "EARSHOT_RIGHTS_SECONDS": "2",
    "EARSHOT_PING_SECONDS": "5",
    "EARSHOT_SEAL_SECONDS": "2",
    "EARSHOT_ERASURE_SECONDS": "2",
    "EARSHOT_ERASURE_LEASE_SECONDS": "5",
    "EARSHOT_BODY_PAUSE_SECONDS": "3",
    "EARSHOT_CHUNK_SECONDS": "1",
    "EARSHOT_INTAKE_LOOK_SECONDS": "1",
    "EARSHOT_INTAKE_AGE_SECONDS": "1",
    "EARSHOT_INTAKE_CLAIM_SECONDS": "4",
    "EARSHOT_ALERTS_SECONDS": "1",
    "EARSHOT_DELIVERIES_SECONDS": "1",
    # Tests wait for what is heard as others do for what is sent, and have the processor with them.
    "EARSHOT_WORKER_NICENESS": "0",
    # The tests' own receivers are on this machine.
    "EARSHOT_WEBHOOKS_TO_PRIVATE": "1",
    "EARSHOT_GAUGES_SECONDS": "5",
    "EARSHOT_SIZES_SECONDS": "5",
}


class RunningStack:
    def __init__(self, data):
        self.data = data
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.tokens = {}
        # Servers and addresses of its own, not those that this test process got.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("EARSHOT_")}
        self.environment = {
            **inherited,
            **QUICK,
            "EARSHOT_DATA": str(data),
            "EARSHOT_PORT": str(self.port),
            "EARSHOT_DEMO": "1",
        }

    def start(self):
        self.output = (self.data / "launcher.log").open("wb")
        self.launcher = subprocess.Popen(
            [sys.executable, "-m", "config.stack", "run"],
            cwd=ROOT,
            env=self.environment,
            stdout=self.output,
            stderr=subprocess.STDOUT,
        )
        wait_until(self._is_ready_or_gone, timeout=240, what="the stack to come up")
        assert self.launcher.poll() is None, self.said()

    def stop(self):
        """Once or more often."""
        self.launcher.send_signal(signal.SIGINT)
        status = self.launcher.wait(timeout=60)
        self.output.close()
        return status

    def said(self):
        return (self.data / "launcher.log").read_text()

    def manage(self, *arguments, timeout=180):
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def token(self, username):
        issued = self.manage("issue_token", username)
        assert issued.returncode == 0, issued.stderr
        return issued.stdout.strip()

    def token_of(self, username):
        """One for all who do not end it: a command takes seconds to start."""
        if username not in self.tokens:
            self.tokens[username] = self.token(username)
        return self.tokens[username]

    def client(self, username):
        headers = {"Authorization": f"Bearer {self.token_of(username)}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)

    def password(self):
        return (self.data / "demo-password").read_text().strip()

    def log(self, name):
        return (self.data / "logs" / f"{name}.log").read_text()

    def processes(self, *words):
        """Ids of the stack's processes whose command line holds all the words."""
        return [pid for pid, line in processes_of(self.data).items() if all(word in line for word in words)]

    def _is_ready_or_gone(self):
        if self.launcher.poll() is not None:
            return True
        return "Ctrl-C stops everything" in self.said()


def processes_of(data):
    """Process id → command line of everything that carries this EARSHOT_DATA in its environment."""
    found = {}
    marker = f"EARSHOT_DATA={data}".encode()
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            if marker in (process / "environ").read_bytes().split(b"\0"):
                found[int(process.name)] = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return {pid: line for pid, line in found.items() if line}


def children_of(pid):
    tasks = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in tasks.read_text().split()] if tasks.exists() else []


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
