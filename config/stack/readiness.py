"""Waiting until something answers, by asking it again and again."""

import asyncio
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException

from config.stack.processes import Child, Program, told
from config.stack.screen import Failure

_PAUSE_SECONDS = 0.03
# Our own machine is never reached through a proxy, whatever the environment says.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class NotYet(Exception):
    """It does not answer as it should; the message says how it does."""


class Ended(Failure):
    """It ended instead of answering."""


# One question, answered within about a second: returns when all is well, raises NotYet otherwise.
Ask = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Server:
    """A server of ours: how to start it, how to ask it, and the variables that tell where it is.

    `make` prepares its directory before the start.
    """

    program: Program
    ask: Ask
    addresses: Mapping[str, str]
    make: Callable[[], Awaitable[None]] | None = None


async def until_it_answers(ask: Ask, *, name: str, seconds: float, child: Child | None = None) -> None:
    """Ask until there is an answer.

    Raises Failure with the end of the log after `seconds`, or Ended at once when `child`, who should answer, ended.
    """
    deadline = time.monotonic() + seconds
    while True:
        reason: str | None = None
        try:
            await asyncio.to_thread(ask)
        except NotYet as answer:
            reason = str(answer).strip()
        if child and child.ended:
            # Whoever may have answered in its place.
            raise Ended(f"{name} ended at its start ({told(await child.wait())}):\n{child.last_lines()}")
        if reason is None:
            return
        if time.monotonic() > deadline:
            log = f"\n{child.last_lines()}" if child else ""
            raise Failure(f"{name} does not answer after {seconds:.0f} s: {reason}{log}")
        await asyncio.sleep(_PAUSE_SECONDS)


def ask_http(address: str, *, wrong_from: int, timeout: float = 1.0) -> None:
    """GET `address`. Any status below `wrong_from` is an answer; what a worse one says goes into NotYet."""
    try:
        _direct.open(address, timeout=timeout).close()
    except urllib.error.HTTPError as answer:
        if answer.code >= wrong_from:
            raise NotYet(f"HTTP status {answer.code} {answer.read(2000).decode(errors='replace')}") from answer
    except (OSError, HTTPException) as failed:
        raise NotYet(str(failed)) from failed
