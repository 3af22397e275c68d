"""Machines that run Earshot: each with processes, variables and a directory of its own, and nothing on a shared disk.

What they share are the addresses of the stores and the secret key. The stores are a MongoDB set of three and, kept
alive by the launcher, all others.
"""

import json
import os
import signal
import subprocess
import sys

import httpx
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from config.stack import applications, mongodb
from config.stack.binaries import in_package, resolve
from config.stack.place import Place
from config.stack.processes import end_with_parent
from tests.running import QUICK, ROOT, children_of, free_port, processes_of
from tests.waiting import wait_until

# What a machine has of its own accord.
BARE = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH") if name in os.environ}
TELL_AND_STAY = "import json, os, signal; print(json.dumps(dict(os.environ)), flush=True); signal.pause()"
QUEUES = "analysis,transcription,rollup,storage,metrics,privacy,notify"


def started(command, environment, log):
    """A process that does not outlive this one."""
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=log.open("ab"),
        stderr=subprocess.STDOUT,
        preexec_fn=lambda: end_with_parent(signal.SIGKILL),  # noqa: PLW1509 - it is one call into the kernel
    )


class ReplicaSet:
    """Three MongoDB servers that elect one another, with the times that a set has by itself."""

    def __init__(self, directory):
        self.directory = directory
        self.binary = resolve(mongodb.KIND, BARE, packaged=in_package)
        self.ports = [free_port() for _ in range(3)]
        hosts = [f"127.0.0.1:{port}" for port in self.ports]
        self.url = f"mongodb://{','.join(hosts)}/earshot?replicaSet={mongodb.SET}"
        self.servers = {port: self._started(port) for port in self.ports}
        members = [{"_id": number, "host": host} for number, host in enumerate(hosts)]
        with MongoClient(f"mongodb://{hosts[0]}/?directConnection=true") as client:
            client.admin.command("replSetInitiate", {"_id": mongodb.SET, "members": members})
        wait_until(self.primary, what="a primary")

    def primary(self):
        """The port of the server that takes writes; None while there is none."""
        return self._member_in("PRIMARY")

    def kill_primary(self):
        """Once the others have what it has. Returns its port."""
        wait_until(lambda: self._states().count("SECONDARY") == 2, what="both others to follow")
        port = self.primary()
        self.servers[port].kill()
        self.servers[port].wait()
        return port

    def bring_back(self, port):
        self.servers[port] = self._started(port)
        wait_until(lambda: self._states().count("SECONDARY") == 2, what="it to follow again")

    def documents(self, collection, condition=None):
        with MongoClient(self.url) as client:
            return list(client.get_default_database()[collection].find(condition or {}))

    def stop(self):
        for server in self.servers.values():
            server.kill()
            server.wait()

    def _started(self, port):
        home = self.directory / f"mongodb-{port}"
        home.mkdir(exist_ok=True)
        command = [self.binary.path, "--dbpath", home, "--port", port, "--bind_ip", "127.0.0.1", "--nounixsocket"]
        command += ["--replSet", mongodb.SET, "--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "64"]
        command += ["--wiredTigerEngineConfigString", "log=(file_max=4MB,prealloc=false)"]
        command += ["--setParameter", "diagnosticDataCollectionEnabled=false"]
        command += ["--setParameter", "transactionLifetimeLimitSeconds=15"]
        server = started([str(word) for word in command], BARE, self.directory / f"mongodb-{port}.log")
        wait_until(lambda: self._answers(port), what="MongoDB to answer")
        return server

    @staticmethod
    def _answers(port):
        try:
            with MongoClient(
                f"mongodb://127.0.0.1:{port}/?directConnection=true", serverSelectionTimeoutMS=500
            ) as client:
                return client.admin.command("ping")
        except PyMongoError:
            return None

    def _states(self):
        return [member["stateStr"] for member in self._members()]

    def _member_in(self, state):
        found = (member["name"] for member in self._members() if member["stateStr"] == state)
        name = next(found, None)
        return None if name is None else int(name.rpartition(":")[2])

    def _members(self):
        """As any server that runs tells of them."""
        for port, server in self.servers.items():
            if server.poll() is not None:
                continue
            try:
                address = f"mongodb://127.0.0.1:{port}/?directConnection=true"
                with MongoClient(address, serverSelectionTimeoutMS=500) as client:
                    return client.admin.command("replSetGetStatus")["members"]
            except PyMongoError:
                continue
        return []


class Stores:
    """All other servers; whatever of them is killed is started again on its files, at its address."""

    def __init__(self, directory, mongodb_url):
        self.data = directory
        environment = {**BARE, "EARSHOT_MONGODB_URL": mongodb_url}
        command = [sys.executable, "-m", "config.stack", "servers", "--data", str(directory)]
        self.log = directory.parent / "stores.log"
        self.launcher = started([*command, "--", sys.executable, "-c", TELL_AND_STAY], environment, self.log)
        told = wait_until(self._told, what="the stores to be there")
        self.addresses = {name: value for name, value in told.items() if name.startswith("EARSHOT_")}
        # That is where the stores lie, and no machine of ours looks there.
        del self.addresses["EARSHOT_DATA"]

    def kill_redis(self):
        [process] = [pid for pid, line in processes_of(self.data).items() if "/redis/redis.conf" in line]
        os.kill(process, signal.SIGKILL)

    def stop(self):
        self.launcher.send_signal(signal.SIGTERM)
        self.launcher.wait(30)

    def _told(self):
        assert self.launcher.poll() is None, self.log.read_text()
        lines = [line for line in self.log.read_text().splitlines() if line.startswith("{")]
        return json.loads(lines[-1]) if lines else None


class Machine:
    """One machine. `shared` are the variables that all of them have."""

    def __init__(self, name, directory, shared):
        self.name, self.data = name, directory / name
        (self.data / "logs").mkdir(parents=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {**BARE, **QUICK, **shared, "EARSHOT_DATA": str(self.data), "EARSHOT_PORT": str(self.port)}
        self.processes = {}

    def manage(self, *arguments):
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def start(self, *names):
        """Processes by name, with the commands by which `make run` starts them; `worker` takes all queues."""
        programs = applications.applications(Place(self.data), self.environment, host="127.0.0.1", port=self.port)
        commands = {program.name: program.command for program in programs}
        of_worker = [word for word in commands["general"] if word not in {"general@%h", "-c", "2"}]
        of_worker[of_worker.index("-Q") + 1] = QUEUES
        of_worker.insert(of_worker.index("-n") + 1, f"{self.name}@%h")
        commands["worker"] = [*of_worker, "-c", "2"]
        for name in names:
            log = self.data / "logs" / f"{name}.log"
            self.processes[name] = started(commands[name], {**self.environment, "PYTHONUNBUFFERED": "1"}, log)

    def is_ready(self):
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).is_success
        except httpx.TransportError:
            return False

    def said(self, name):
        return (self.data / "logs" / f"{name}.log").read_text()

    def kill(self, name):
        process = self.processes.pop(name)
        for one in (process.pid, *children_of(process.pid)):
            os.kill(one, signal.SIGKILL)
        process.wait()

    def stop(self):
        for name in [*self.processes]:
            self.kill(name)
