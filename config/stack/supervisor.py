"""Keeps processes alive, rotates their logs, and stops them in order."""

import asyncio
import time
from itertools import groupby
from pathlib import Path

from config.stack import logs
from config.stack.processes import Child, Program, told
from config.stack.readiness import Ask, Ended, until_it_answers
from config.stack.screen import Failure, Screen

# Before the first, second, … restart; a process that lived long begins again at the first.
_DELAYS_SECONDS = (0, 1, 2, 4, 8, 16, 30)
_LONG_LIFE_SECONDS = 60.0
_RETURN_SECONDS = 60.0
# From one look at the logs to the next.
_LOGS_SECONDS = 60.0


class Supervisor:
    """Every process it has started is started again when it dies, until `stop`."""

    def __init__(
        self, screen: Screen, *, most_log_bytes: int = logs.MOST_BYTES, logs_seconds: float = _LOGS_SECONDS
    ) -> None:
        self._screen, self._most_log_bytes, self._logs_seconds = screen, most_log_bytes, logs_seconds
        self._children: dict[str, Child] = {}
        self._watches: list[asyncio.Task[None]] = []

    async def start(self, program: Program, ask: Ask | None = None, *, seconds: float = _RETURN_SECONDS) -> Child:
        """Start a program and wait until it answers. Raises Failure if it does not, within `seconds`."""
        child = self._children[program.name] = await Child.start(program)
        if ask:
            try:
                await until_it_answers(ask, name=program.name, seconds=seconds, child=child)
            except Ended:
                # What it has left of itself must not be beside another try.
                child.kill()
                raise
        self._watches.append(asyncio.create_task(self._watch(child, ask)))
        if program.log:
            self._watches.append(asyncio.create_task(self._rotate(program.log)))
        return child

    async def stop(self) -> None:
        """Ask all to end: the lowest `stop_order` first, those of one order together."""
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)
        children = sorted(self._children.values(), key=lambda child: child.program.stop_order)
        for _, together in groupby(children, key=lambda child: child.program.stop_order):
            await asyncio.gather(*(child.end() for child in together))
        self._children.clear()

    def kill(self) -> None:
        """End all at once, in no order."""
        for child in self._children.values():
            child.kill()

    async def _rotate(self, log: Path) -> None:
        while True:
            await asyncio.sleep(self._logs_seconds)
            try:
                await asyncio.to_thread(logs.rotate, log, most_bytes=self._most_log_bytes)
            except OSError as error:
                # As when the disk is full. It is tried again.
                self._screen.say(f"  {log.name} cannot be rotated: {error.strerror}")

    async def _watch(self, child: Child, ask: Ask | None) -> None:
        program = child.program
        deaths = 0
        while True:
            status = await child.wait()
            # What it has started itself must not work on beside its successor.
            child.kill()
            deaths = 0 if time.monotonic() - child.born >= _LONG_LIFE_SECONDS else deaths
            delay = _DELAYS_SECONDS[min(deaths, len(_DELAYS_SECONDS) - 1)]
            deaths += 1
            self._screen.say(
                f"  {program.name} ended ({told(status)}); starts again {f'in {delay} s' if delay else 'now'}"
            )
            await asyncio.sleep(delay)
            try:
                child = self._children[program.name] = await Child.start(program)
                if ask:
                    await until_it_answers(ask, name=program.name, seconds=_RETURN_SECONDS, child=child)
                self._screen.step(program.name, "is back", time.monotonic() - child.born)
            except Failure as failure:
                # One that has ended again gets its line above.
                if not child.ended:
                    self._screen.say(f"  {str(failure).splitlines()[0]}")
