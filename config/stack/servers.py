"""The five servers together: found, made, started side by side, and their addresses told."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from config.stack import mongodb, objects, postgresql, redis
from config.stack.binaries import Binary, Kind, Named, in_package, resolve
from config.stack.place import Place
from config.stack.readiness import Server, until_it_answers
from config.stack.screen import Screen
from config.stack.supervisor import Supervisor

# A first start on a slow disk, with another to spare.
_START_SECONDS = 60.0
# After beat and web, and after the workers.
_STOP_ORDER = 2
# What a server may know of our environment; above all not the secrets in it.
_PASSED_ON = ("PATH", "HOME", "TMPDIR", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


@dataclass(frozen=True, slots=True)
class Row:
    """One of the five: how we run it ourselves, and the question for one that somebody else runs at a URL."""

    kind: Kind
    describe: Callable[[Place, Binary, int, dict[str, str]], Server]
    ask: Callable[[str], None]
    variables: tuple[str, ...] = ()


SERVERS = (
    Row(postgresql.KIND, postgresql.describe, postgresql.ask),
    Row(mongodb.KIND, mongodb.describe, mongodb.ask),
    Row(redis.DURABLE, partial(redis.describe, redis.DURABLE), redis.ask),
    Row(redis.CACHE, partial(redis.describe, redis.CACHE), redis.ask),
    Row(objects.KIND, objects.describe, objects.ask, objects.KEYS),
)


async def start_servers(
    place: Place,
    environment: Mapping[str, str],
    *,
    lock: int,
    avoid: frozenset[int],
    keep: Supervisor,
    screen: Screen,
) -> dict[str, str]:
    """Start what no variable names, wait for all, and return the variables that say where they are.

    Every server inherits the descriptor `lock`; none listens on a port in `avoid`. Raises Failure, or a group
    of them, if one cannot be found, does not start or does not answer.
    """
    found = await asyncio.gather(
        *(asyncio.to_thread(resolve, row.kind, environment, packaged=in_package) for row in SERVERS)
    )
    chosen = list(zip(SERVERS, found, strict=True))
    ports = place.ports([row.kind.name for row, which in chosen if isinstance(which, Binary)], avoid=avoid)
    plain = {name: environment[name] for name in _PASSED_ON if name in environment} | {"EARSHOT_DATA": str(place.root)}
    addresses: dict[str, str] = {}

    async def start(row: Row, which: Named | Binary) -> None:
        began = time.monotonic()
        if isinstance(which, Named):
            await until_it_answers(partial(row.ask, which.url), name=row.kind.title, seconds=_START_SECONDS)
            names = [row.kind.variable, *row.variables]
            addresses.update({name: environment[name] for name in names if name in environment})
            screen.step(row.kind.title, "ready", time.monotonic() - began, f"named by {row.kind.variable}")
            return
        server = row.describe(place, which, ports[row.kind.name], plain)
        if server.make:
            await server.make()
        program = replace(server.program, stop_order=_STOP_ORDER, keeps=(lock,))
        await keep.start(program, server.ask, seconds=_START_SECONDS)
        addresses.update(server.addresses)
        screen.step(f"{row.kind.title} {which.version}", "ready", time.monotonic() - began, which.source)

    async with asyncio.TaskGroup() as together:
        for row, which in chosen:
            together.create_task(start(row, which))
    return addresses
