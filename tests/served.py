"""Our sockets on a real web server in this process, and a client whose line can be cut after any byte."""

import json
import socket
import struct
import threading
from contextlib import contextmanager
from urllib.parse import urlsplit

import uvicorn
from django.utils.module_loading import import_string
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from tests.waiting import wait_until

PATIENCE_SECONDS = 30


@contextmanager
def served(*, ping_seconds=20.0, application=None):
    """`host:port` of a uvicorn as it ships, on the test's own database; `application` in the place of ours."""
    config = uvicorn.Config(
        # The static files are collected by then, and no sooner; not imported within the server's own loop.
        application or import_string("config.asgi.application"),
        host="127.0.0.1",
        port=0,
        http="config.connections:BoundedHeaders",
        lifespan="off",
        log_config=None,
        access_log=False,
        ws_max_size=8192,
        ws_ping_interval=ping_seconds,
        ws_ping_timeout=ping_seconds,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started, what="the web server")
    try:
        yield f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(PATIENCE_SECONDS)


class Line:
    """A WebSocket without compression. It answers pings, unless it is `mute`."""

    def __init__(self, address, *, mute=False):
        self._mute = mute
        self._protocol = ClientProtocol(parse_uri(address), max_size=None)
        parts = urlsplit(address)
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE_SECONDS)
        self._protocol.send_request(self._protocol.connect())
        self._flush()
        # By single bytes, so that none of the first frame is taken along.
        while self._protocol.state is State.CONNECTING:
            self._protocol.receive_data(self.socket.recv(1))
            self._protocol.events_received()

    def say(self, message):
        self._protocol.send_text(json.dumps(message).encode())
        self._flush()

    def frames(self, most_bytes=None):
        """Each frame, until so many bytes have come or the server ends the line."""
        left = most_bytes
        while left is None or left > 0:
            data = self.socket.recv(65536 if left is None else min(left, 65536))
            if not data:
                return
            left = None if left is None else left - len(data)
            self._protocol.receive_data(data)
            events = self._protocol.events_received()
            if not self._mute:
                self._flush()
            for event in events:
                if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                    yield json.loads(event.data)

    @property
    def close_code(self):
        """What the server closed with; None where it did not say."""
        return self._protocol.close_rcvd.code if self._protocol.close_rcvd else None

    def cut(self):
        """As a lost network does: no goodbye, and what was under way is gone."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _flush(self):
        for data in self._protocol.data_to_send():
            if data:
                self.socket.sendall(data)


class Follower:
    """A client as docs/socket.md has it: takes what follows, ignores what it has, asks for what is missing."""

    def __init__(self):
        self.seq = None
        # Each stretch begins with a snapshot and goes on with the events that were taken: [(seq, frame)].
        self.stretches = []
        self._asks = False

    def begin(self, line):
        """On a new line: whoever has a seq wants what followed it, and no snapshot."""
        self._asks = self.seq is not None
        if self._asks:
            line.say({"type": "resume", "seq": self.seq})

    def take(self, line, frame):
        if frame["type"] == "session":
            if frame["reset"] or not self._asks:
                self.seq, self._asks = frame["seq"], False
                self.stretches.append((frame["seq"], []))
        elif frame["seq"] is not None:
            epoch, number = frame["seq"].split("-")
            known, last = self.seq.split("-") if self.seq else (epoch, 0)
            if epoch == known and int(number) == int(last) + 1:
                self.seq, self._asks = frame["seq"], False
                self.stretches[-1][1].append((frame["seq"], frame))
            elif (epoch != known or int(number) > int(last)) and not self._asks:
                self.begin(line)
