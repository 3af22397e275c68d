"""The five servers together: found, made, started side by side, and their addresses told."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from config.stack import mongodb, objects, postgresql, redis
from config.stack.binaries import Binary, Kind, Named, in_package, resolve
from config.stack.place import Place, port_problem
from config.stack.readiness import Ended, Server, until_it_answers
from config.stack.screen import Screen
from config.stack.supervisor import Supervisor

# A first start on a slow disk, with another to spare.
_START_SECONDS = 60.0
# How often a server may find that somebody took its port after we had chosen it.
_MOST_PORTS = 5
# After beat and web, and after the workers.
_STOP_ORDER = 2
# What a server may know of our environment; above all not the secrets in it.
_PASSED_ON = ("PATH", "HOME", "TMPDIR", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


@dataclass(frozen=True, slots=True)
class Row:
    """One of the five: how we run it ourselves, and the question for one that somebody else runs at a URL.

    `made_by` tells which major version alone can read the data there is, None for any.
    """

    kind: Kind
    describe: Callable[[Place, Binary, int, dict[str, str]], Server]
    ask: Callable[[str], None]
    variables: tuple[str, ...] = ()
    made_by: Callable[[Place], int | None] = lambda place: None


SERVERS = (
    Row(postgresql.KIND, postgresql.describe, postgresql.ask, made_by=postgresql.made_by),
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
        *(
            asyncio.to_thread(resolve, row.kind, environment, packaged=in_package, made_by=row.made_by(place))
            for row in SERVERS
        )
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
        server = await start_ours(row, which)
        addresses.update(server.addresses)
        screen.step(f"{row.kind.title} {which.version}", "ready", time.monotonic() - began, which.source)

    async def start_ours(row: Row, binary: Binary) -> Server:
        name = row.kind.name
        for remaining in reversed(range(_MOST_PORTS)):
            server = row.describe(place, binary, ports[name], plain)
            if server.make:
                await server.make()
            program = replace(server.program, stop_order=_STOP_ORDER, keeps=(lock,))
            try:
                await keep.start(program, server.ask, seconds=_START_SECONDS)
                break
            except Ended:
                if not remaining or not port_problem("127.0.0.1", ports[name]):
                    raise
            taken = ports[name]
            ports.update(place.ports([name], avoid=avoid | frozenset(ports.values())))
            screen.say(f"  Somebody has just taken port {taken}; {row.kind.title} tries {ports[name]}")
        return server

    async with asyncio.TaskGroup() as together:
        for row, which in chosen:
            together.create_task(start(row, which))
    return addresses
