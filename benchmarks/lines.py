"""Connections to a server of this machine, each of which sends one request after another in a thread of its own."""

import http.client
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks.measuring import WrongAnswer

_PATIENCE_SECONDS = 60
# By then a server may have closed a line over which nothing came; uvicorn does after five.
_STALE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Request:
    """`expects` is the status of an answer that is right."""

    method: str
    address: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    expects: int = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """`seconds` from the first byte that was sent to the last that came."""

    headers: Mapping[str, str]
    body: bytes
    seconds: float


class Lines:
    def __init__(self, port: int, count: int, pool: ThreadPoolExecutor) -> None:
        self._lines = [http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_SECONDS) for _ in range(count)]
        self._pool = pool
        self._used = 0.0

    def __len__(self) -> int:
        return len(self._lines)

    def send(self, requests: Sequence[Sequence[Request]]) -> list[Answer]:
        """Each line its own ones, all lines at once. Raises WrongAnswer."""
        if time.monotonic() - self._used > _STALE_SECONDS:
            self.close()
        if len(self._lines) == 1:
            answers = _sent(self._lines[0], requests[0])
        else:
            answers = [answer for some in self._pool.map(_sent, self._lines, requests) for answer in some]
        self._used = time.monotonic()
        return answers

    def close(self) -> None:
        """Each opens anew for its next request."""
        for line in self._lines:
            line.close()


@contextmanager
def opened(port: int, count: int) -> Iterator[Lines]:
    """So many lines to the port."""
    with ThreadPoolExecutor(count) as pool:
        lines = Lines(port, count, pool)
        try:
            yield lines
        finally:
            lines.close()


def _sent(line: http.client.HTTPConnection, requests: Sequence[Request]) -> list[Answer]:
    answers = []
    for request in requests:
        began = time.perf_counter()
        line.request(request.method, request.address, request.body or None, dict(request.headers))
        response = line.getresponse()
        body = response.read()
        seconds = time.perf_counter() - began
        if response.status != request.expects:
            told = f"{request.method} {request.address} is answered with {response.status}: {body[:300]!r}"
            raise WrongAnswer(told)
        answers.append(Answer({name.lower(): value for name, value in response.getheaders()}, body, seconds))
    return answers
