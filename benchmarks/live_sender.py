"""A worker that tells what it is told to tell, in each of the ways: `python -m benchmarks.live_sender`.

Each act answers when it began, in nanoseconds of the clock that all processes of a machine share.
"""

import time
from functools import cache
from typing import Any

from websockets.sync.client import ClientConnection, connect

from audio import live
from benchmarks import core_layer
from benchmarks.beside import serve
from calls import live as calls_live
from metrics import lanes


def session(kind: str, session_id: str, company: int, content: dict[str, Any]) -> int:
    """As `audio.progress` announces of a chunk: to who watches the recording, and to who watches all of a company."""
    began = time.monotonic_ns()
    live.announce(kind, session_id, company=company, **content)
    return began


def board(tenant_id: int, call_id: str) -> int:
    began = time.monotonic_ns()
    calls_live.changed(tenant_id, [call_id])
    return began


def core(text: str) -> int:
    """In an event loop that stays, as ours does: one made anew for each would connect anew for each."""
    began = time.monotonic_ns()
    lanes.run(core_layer.send(text))
    return began


def bare(address: str, text: str) -> int:
    socket = _connected(address)
    began = time.monotonic_ns()
    socket.send(text)
    return began


@cache
def _connected(address: str) -> ClientConnection:
    return connect(address)


if __name__ == "__main__":
    serve({act.__name__: act for act in (session, board, core, bare)})
