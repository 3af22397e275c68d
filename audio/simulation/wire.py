"""The recorders' way to the server: one client for all of them, bounded, patient, and counting what it meets."""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from itertools import count
from typing import Any, Final, Self

import httpx

from audio.sending import FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS, PASSING_STATUSES, Refused, Unreachable, said_by
from audio.simulation.figures import Measured

# Each recorder has a connection of its own up to here; more would only wait for one another within one process.
MOST_CONNECTIONS: Final = 256
# A server that has not taken something by then is not coming back while anybody looks.
GIVE_UP_SECONDS: Final = 600.0
# Of a pause, so much more at most, so that those refused together do not come back together.
JITTER: Final = 0.5


class Wire:
    """HTTP for all recorders of one server. Latencies are told without the wait for a connection of the bounded pool:
    real recorders have one each."""

    def __init__(self, url: str, measured: Measured, *, connections: int = MOST_CONNECTIONS) -> None:
        self.url = url.rstrip("/")
        self.measured = measured
        most = min(max(connections, 1), MOST_CONNECTIONS)
        self._turns = asyncio.Semaphore(most)
        self._http = httpx.AsyncClient(
            base_url=self.url,
            timeout=httpx.Timeout(60, connect=10),
            limits=httpx.Limits(max_connections=most, max_keepalive_connections=most),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def ask(
        self,
        kind: str,
        token: str,
        method: str,
        path: str,
        *,
        accepts: frozenset[int] = frozenset(),
        patience: float = GIVE_UP_SECONDS,
        headers: Callable[[], dict[str, str]] = dict,
        **request: Any,
    ) -> tuple[int, Any]:
        """The status and body of the answer, asked for again while the server cannot be had or refuses for the moment.

        `headers` is called for each try; statuses in `accepts` are answers though they are errors. Raises Refused,
        and Unreachable when patience ran out.
        """
        began = time.monotonic()
        for tries in count():
            asked = 0.0
            try:
                response = await self._once(kind, token, method, path, {**request, "headers": headers()})
            except httpx.TransportError as error:
                why = "cut off or not answered"
                said = f"{self.url} does not answer ({type(error).__name__})"
            else:
                status, answer = response.status_code, _json_of(response)
                if status < 400 or status in accepts:
                    self.measured.until_taken[kind].append(time.monotonic() - began)
                    return status, answer
                why, said = _code_of(status, answer), said_by(response)
                if status not in PASSING_STATUSES:
                    raise Refused(said)
                asked = _seconds_of(response.headers.get("Retry-After", ""))
            self.measured.retries[f"{kind}: {why}"] += 1
            pause = max(asked, min(FIRST_RETRY_SECONDS * 2**tries, LONGEST_RETRY_SECONDS))
            # Above what was asked for, never below it. It spreads recorders out and guards nothing.
            pause *= 1 + JITTER * random.random()  # noqa: S311
            if time.monotonic() + pause - began > patience:
                raise Unreachable(said)
            await asyncio.sleep(pause)
        raise AssertionError("count() has no end")

    async def cut_off(self, token: str, path: str, body: bytes, headers: dict[str, str]) -> None:
        """Begin to put the body and hang up halfway, as a laptop does that is shut."""

        async def half() -> Any:
            yield body[: len(body) // 2]
            raise _HangUp

        told = {**headers, "Authorization": f"Bearer {token}", "Content-Length": str(len(body))}
        async with self._turns:
            with contextlib.suppress(_HangUp, httpx.TransportError):
                await self._http.put(path, content=half(), headers=told)

    async def _once(self, kind: str, token: str, method: str, path: str, request: dict[str, Any]) -> httpx.Response:
        told = {**request.pop("headers"), "Authorization": f"Bearer {token}"}
        async with self._turns:
            began = time.monotonic()
            response = await self._http.request(method, path, headers=told, **request)
            seconds = time.monotonic() - began
        if response.status_code not in PASSING_STATUSES:
            self.measured.taken[kind].append(seconds)
        return response


class _HangUp(Exception):
    """Thrown from within a body to cut its request off."""


def _json_of(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None


def _code_of(status: int, answer: Any) -> str:
    try:
        return f"{status} {answer['error']['code']}"
    except (KeyError, TypeError):
        return str(status)


def _seconds_of(retry_after: str) -> float:
    return float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0.0
