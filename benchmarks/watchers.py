"""Many WebSockets that watch, as browsers do, and when what they are told comes in."""

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from websockets.asyncio.client import connect

from benchmarks.measuring import WrongAnswer

_PATIENCE_SECONDS = 30.0


class Watchers:
    """As many sockets as there are addresses, in a thread of their own."""

    def __init__(self, addresses: Sequence[str], *, are_greeted: bool) -> None:
        self._addresses = addresses
        self._are_greeted = are_greeted
        self._waiting = len(addresses)
        self.all_there, self._all_told = threading.Event(), threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = asyncio.Event()
        self._came: list[int] = []
        self.text = ""
        self.refused: BaseException | None = None

    def times(self) -> list[int]:
        """When the next frame came in at each, in nanoseconds of the clock that all processes of a machine share.

        One event at a time: the next is told once this has answered. Raises WrongAnswer when it does not come.
        """
        self._wait(self._all_told, "an event to come in everywhere")
        self._all_told.clear()
        came, self._came = self._came, []
        return came

    def wait_for_all(self) -> None:
        """Raises WrongAnswer when one does not come, or is refused."""
        self._wait(self.all_there, "all sockets to be there")

    def end(self) -> None:
        """Have all of them closed."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._ended.set)

    def _wait(self, event: threading.Event, what: str) -> None:
        if not event.wait(_PATIENCE_SECONDS):
            raise WrongAnswer(f"Waited {_PATIENCE_SECONDS:.0f} s for {what}.")
        if self.refused is not None:
            raise WrongAnswer(f"A socket ended while it was waited for {what}: {self.refused}")

    async def watch(self) -> None:
        """Until `end`, in a thread of its own."""
        self._loop = asyncio.get_running_loop()
        watching = [asyncio.create_task(self._watch(address)) for address in self._addresses]
        ended = asyncio.create_task(self._ended.wait())
        done, _ = await asyncio.wait([ended, *watching], return_when=asyncio.FIRST_COMPLETED)
        for task in (ended, *watching):
            task.cancel()
        # Of one that was refused it is said why, and nobody waits for it.
        self.refused = next((error for task in done if (error := task.exception()) is not None), None)
        if self.refused is None and ended not in done:
            self.refused = ConnectionError("The server closed it.")
        self.all_there.set()
        self._all_told.set()
        await asyncio.gather(ended, *watching, return_exceptions=True)

    async def _watch(self, address: str) -> None:
        async with connect(address, max_size=None) as socket:
            if self._are_greeted:
                await socket.recv()
            self._waiting -= 1
            if self._waiting == 0:
                self.all_there.set()
            async for text in socket:
                self._came.append(time.monotonic_ns())
                if len(self._came) == len(self._addresses):
                    self.text = str(text)
                    self._all_told.set()


@contextmanager
def watching(addresses: Sequence[str], *, are_greeted: bool = False) -> Iterator[Watchers]:
    """Sockets at these addresses, once all are there and have had what they are greeted with, until the block ends."""
    watchers = Watchers(addresses, are_greeted=are_greeted)
    thread = threading.Thread(target=asyncio.run, args=(watchers.watch(),), name="watchers", daemon=True)
    thread.start()
    try:
        watchers.wait_for_all()
        yield watchers
    finally:
        watchers.end()
        thread.join(_PATIENCE_SECONDS)
