"""The gate in front of Django, spoken to as a server speaks to it."""

import asyncio
import json
import select
import socket
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace

import httpx
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from config.access import doors
from config.gate import OUT_OF_LINE, WAITING_BYTES, Gate, Limits
from config.handler import Handler
from metrics import timings
from tests.served import served
from tests.waiting import wait_until

LARGEST = 1000
# The piece with which a body ends.
LAST = b"the end"
PATH = "/api/audio/sessions/00000000-0000-4000-8000-000000000001/chunks/0"
USUAL = Limits(body_bytes=LARGEST, pause_seconds=20, body_seconds=300)
OUR_PAGE = {"cookie": "sessionid=1", "host": "earshot.example"}


def send_through_gate(pieces, *, headers=None, limits=USUAL, method="PUT", then=None):
    """What an application behind the gate received, and what the client was answered.

    After the pieces the client hangs up, or waits for what `then` makes it wait for.
    """
    received, answered = [], []

    async def application(scope, receive, send):
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            received.append(message["body"])
            if not message["more_body"]:
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    messages = [
        {"type": "http.request", "body": piece, "more_body": then is not None or number < len(pieces) - 1}
        for number, piece in enumerate(pieces)
    ]

    async def receive():
        if messages:
            return messages.pop(0)
        return await then() if then else {"type": "http.disconnect"}

    async def send(message):
        answered.append(message)

    encoded = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    gate = Gate(application, limits=limits, trusted_origins=["https://crm.example"])
    asyncio.run(gate({"type": "http", "method": method, "path": PATH, "headers": encoded}, receive, send))
    return received, answered


def waits_for_the_client_to_go(method):
    """What an application behind the gate hears of a client that has sent everything and hangs up."""
    messages = [{"type": "http.request", "body": b"", "more_body": False}, {"type": "http.disconnect"}]
    heard = []

    async def application(scope, receive, send):
        await receive()
        with suppress(TimeoutError):
            heard.append(await asyncio.wait_for(receive(), timeout=0.05))

    async def receive():
        return messages.pop(0)

    async def send(message):
        raise AssertionError("nobody is there to hear it")

    asyncio.run(
        Gate(application, limits=USUAL)({"type": "http", "method": method, "path": PATH, "headers": []}, receive, send)
    )
    return [message["type"] for message in heard]


def code_of(answered):
    return json.loads(answered[1]["body"])["error"]["code"]


@given(st.lists(st.integers(0, 600), min_size=1, max_size=6))
def test_a_body_passes_whole_or_is_answered_413(sizes):
    received, answered = send_through_gate([bytes(size) for size in sizes])
    if sum(sizes) <= LARGEST:
        assert (answered[0]["status"], sum(map(len, received))) == (200, sum(sizes))
    else:
        assert answered[0]["status"] == 413
        assert sum(map(len, received)) <= LARGEST
        assert json.loads(answered[1]["body"])["error"]["code"] == "body_too_large"


def test_a_length_that_is_declared_too_large_is_refused_before_a_byte_reaches_the_application():
    received, answered = send_through_gate([b"x"], headers={"content-length": "1001"})
    assert (received, answered[0]["status"]) == ([], 413)


@pytest.mark.parametrize(
    ("headers", "status", "code", "received"),
    [
        ({"content-length": "1001"}, 413, "body_too_large", 0),
        ({}, 413, "body_too_large", 1200),
        ({"content-length": "many"}, 400, "malformed", 0),
        (OUR_PAGE | {"origin": "null"}, 403, "cross_site", 0),
    ],
)
def test_what_is_turned_away_is_logged_and_counted_by_its_shape(headers, status, code, received):
    with structlog.testing.capture_logs() as logged:
        _, answered = send_through_gate([b"s" * 600] * 2, headers=headers)
    assert answered[0]["status"] == status
    [line] = [line for line in logged if line["event"] == "request_refused"]
    assert (line["status"], line["code"], line["path"], line["bytes"]) == (status, code, PATH, received)
    assert set(line) <= {"event", "log_level", "request_id", "method", "path", "status", "code", "bytes", "ms"}
    timings.flush()
    assert f"gate.{code}" in {summary.operation for summary in timings.summary()}


def test_what_is_turned_away_is_answered_with_the_headers_of_every_answer(client):
    _, answered = send_through_gate([b"x"], headers={"content-length": "1001", "x-request-id": "request-1"})
    told = {name.decode(): value.decode() for name, value in answered[0]["headers"]}
    assert told["x-request-id"] == "request-1"
    usual = client.get("/healthz", headers={"host": "localhost"})
    of_the_request_alone = {"Content-Type", "Content-Length", "X-Request-ID", "Vary"}
    for name in set(usual.headers) - of_the_request_alone:
        assert told[name.lower()] == usual[name]
    assert {"X-Content-Type-Options", "Content-Security-Policy", "Cache-Control"} <= set(usual.headers)


def test_a_length_that_is_no_number_is_400():
    received, answered = send_through_gate([b"x"], headers={"content-length": "many"})
    assert (received, answered[0]["status"]) == ([], 400)


def test_a_body_that_pauses_for_too_long_is_answered_408():
    limits = Limits(body_bytes=LARGEST, pause_seconds=0.02, body_seconds=300)
    received, answered = send_through_gate([b"x"], limits=limits, then=asyncio.Event().wait)
    assert (received, answered[0]["status"], code_of(answered)) == ([b"x"], 408, "body_too_slow")


def test_a_body_that_never_pauses_but_takes_too_long_is_answered_408():
    limits = Limits(body_bytes=10**9, pause_seconds=300, body_seconds=0.05)

    async def drip():
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"x", "more_body": True}

    _, answered = send_through_gate([b"x"], limits=limits, then=drip)
    assert (answered[0]["status"], code_of(answered)) == (408, "body_too_slow")


class Line:
    """Requests through one gate, each of which is worked on until it is let go."""

    def __init__(self, *, at_once, **bounds):
        limits = Limits(body_bytes=LARGEST, pause_seconds=20, body_seconds=300, at_once=at_once, **bounds)
        self.gate = Gate(self._work, limits=limits)
        self.begun, self.answers, self.go_on = [], {}, asyncio.Event()

    async def _work(self, scope, receive, send):
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            more = message["more_body"]
        self.begun.append(scope["path"])
        await self.go_on.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def enter(self, name, *, method="PUT", body=None, sent=b"", reads=None):
        """A task that ends when the request is answered.

        `body` waits for the rest of one that is slow, `reads` for a client that takes nothing of its answer.
        """
        self.answers[name] = []

        async def receive():
            if body is not None:
                await body.wait()
            return {"type": "http.request", "body": sent, "more_body": False}

        async def send(message):
            if reads is not None:
                await reads.wait()
            self.answers[name].append(message)

        return asyncio.ensure_future(
            self.gate({"type": "http", "method": method, "path": name, "headers": []}, receive, send)
        )

    def send(self, name, *, method="PUT"):
        """One whose body comes in pieces, when they are put into the queue that is returned; None hangs up."""
        self.answers[name] = []
        pieces = asyncio.Queue()

        async def receive():
            piece = await pieces.get()
            if piece is None:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": piece, "more_body": piece != LAST}

        async def send(message):
            self.answers[name].append(message)

        scope = {"type": "http", "method": method, "path": name, "headers": []}
        return asyncio.ensure_future(self.gate(scope, receive, send)), pieces

    async def settle(self):
        for _ in range(20):
            await asyncio.sleep(0)


def test_what_changes_something_waits_for_its_turn_in_the_order_in_which_it_came():
    async def story():
        line = Line(at_once=2)
        tasks = [line.enter(name) for name in "abcd"]
        await line.settle()
        at_first = list(line.begun)
        line.go_on.set()
        await asyncio.gather(*tasks)
        return at_first, line.begun, [answer[0]["status"] for answer in line.answers.values()]

    assert asyncio.run(story()) == (["a", "b"], ["a", "b", "c", "d"], [200] * 4)


def test_whoever_only_reads_waits_for_nobody():
    async def story():
        line = Line(at_once=1)
        tasks = [line.enter("upload"), line.enter("page", method="GET")]
        await line.settle()
        begun = list(line.begun)
        line.go_on.set()
        await asyncio.gather(*tasks)
        return begun

    assert asyncio.run(story()) == ["upload", "page"]


def test_whoever_only_reads_by_post_waits_for_nobody():
    async def story():
        line = Line(at_once=1)
        tasks = [line.enter(name, method="POST") for name in ["upload", *sorted(OUT_OF_LINE)]]
        await line.settle()
        begun = list(line.begun)
        line.go_on.set()
        await asyncio.gather(*tasks)
        return begun

    assert asyncio.run(story()) == ["upload", *sorted(OUT_OF_LINE)]
    assert {door.address for door in doors() if door.method == "POST"} >= OUT_OF_LINE


def test_a_client_that_does_not_read_its_answer_holds_no_turn():
    async def story():
        line, reads = Line(at_once=2), asyncio.Event()
        line.go_on.set()
        unread = [line.enter(name, reads=reads) for name in "abcd"]
        await line.settle()
        await asyncio.wait_for(line.enter("next"), timeout=20)
        still_sending = [task.done() for task in unread]
        reads.set()
        await asyncio.gather(*unread)
        return line.begun, still_sending, [answer[0]["status"] for answer in line.answers.values()]

    assert asyncio.run(story()) == (["a", "b", "c", "d", "next"], [False] * 4, [200] * 5)


def test_a_line_that_holds_as_much_as_it_may_sends_the_next_away_at_once():
    async def story():
        line = Line(at_once=1, line_bytes=2 * WAITING_BYTES + 1200)
        tasks = [line.enter(name, sent=bytes(500)) for name in ["first", "second", "third"]]
        await line.settle()
        await line.enter("too much", sent=bytes(500))
        refused = line.answers["too much"]
        line.go_on.set()
        await asyncio.gather(*tasks)
        await line.enter("next", sent=bytes(LARGEST))
        return line.begun, refused[0]["status"], code_of(refused)

    assert asyncio.run(story()) == (["first", "second", "third", "next"], 503, "busy")


def test_a_slow_body_holds_no_turn():
    async def story():
        line, rest = Line(at_once=1), asyncio.Event()
        tasks = [line.enter("slow", body=rest), line.enter("whole")]
        await line.settle()
        begun = list(line.begun)
        line.go_on.set()
        rest.set()
        await asyncio.gather(*tasks)
        return begun, line.begun

    assert asyncio.run(story()) == (["whole"], ["whole", "slow"])


def test_one_that_waited_in_line_for_too_long_is_to_come_back_and_the_others_go_on():
    async def story():
        line = Line(at_once=1, line_seconds=0.02)
        first = line.enter("first")
        await line.settle()
        await line.enter("late")
        line.go_on.set()
        await first
        await line.enter("next")
        return line

    line = asyncio.run(story())
    assert line.begun == ["first", "next"]
    refused = line.answers["late"]
    assert (refused[0]["status"], code_of(refused)) == (503, "busy")
    assert int(dict(refused[0]["headers"])[b"retry-after"]) > 0


def test_a_turn_is_given_back_by_work_that_breaks():
    async def breaks(scope, receive, send):
        await receive()
        raise ValueError

    async def story():
        gate = Gate(breaks, limits=Limits(body_bytes=LARGEST, pause_seconds=20, body_seconds=300, at_once=1))
        line = Line(at_once=1)
        line.gate = gate
        outcomes = await asyncio.gather(line.enter("a"), line.enter("b"), return_exceptions=True)
        return [type(outcome) for outcome in outcomes]

    assert asyncio.run(story()) == [ValueError, ValueError]


def statuses_of(line):
    return {name: answer[0]["status"] for name, answer in line.answers.items() if answer}


def test_whoever_hangs_up_in_mid_body_does_not_wait_in_line():
    async def story():
        line = Line(at_once=1)
        first = line.enter("first")
        await line.settle()
        cut, pieces = line.send("cut")
        pieces.put_nowait(bytes(100))
        pieces.put_nowait(None)
        await cut
        line.go_on.set()
        await first
        return line.begun, statuses_of(line)

    assert asyncio.run(asyncio.wait_for(story(), timeout=20)) == (["first"], {"first": 200})


@pytest.mark.parametrize("method", ["PUT", "GET"])
def test_what_comes_of_all_bodies_together_is_bounded_and_the_next_bytes_are_refused(method):
    async def story():
        line = Line(at_once=9, held_bytes=1000)
        sent = {name: line.send(name, method=method) for name in "abcd"}
        for _, pieces in sent.values():
            pieces.put_nowait(bytes(300))
            await line.settle()
        sent["d"][1].put_nowait(LAST)
        await sent["d"][0]
        early = statuses_of(line)
        line.go_on.set()
        for name in "abc":
            sent[name][1].put_nowait(LAST)
            await sent[name][0]
        return early, code_of(line.answers["d"]), statuses_of(line)

    assert asyncio.run(asyncio.wait_for(story(), timeout=20)) == (
        {"d": 503},
        "busy",
        {"a": 200, "b": 200, "c": 200, "d": 503},
    )


@pytest.mark.parametrize("ends", ["answered", "hangs up", "breaks off", "is refused"])
def test_room_for_a_body_is_free_again_when_the_request_has_ended(ends):
    async def story():
        pause_seconds = 0.02 if ends == "breaks off" else 20
        line = Line(at_once=1, held_bytes=1000)
        line.gate.limits = replace(line.gate.limits, pause_seconds=pause_seconds)
        line.go_on.set()
        first, pieces = line.send("first")
        pieces.put_nowait(bytes(900))
        match ends:
            case "answered":
                pieces.put_nowait(LAST)
            case "hangs up":
                pieces.put_nowait(None)
            case "is refused":
                pieces.put_nowait(bytes(900))
                pieces.put_nowait(LAST)
        await first
        await line.enter("next", sent=bytes(1000))
        return line.answers["next"][0]["status"]

    assert asyncio.run(asyncio.wait_for(story(), timeout=20)) == 200


def test_room_is_free_again_before_the_answer_is_read():
    async def story():
        line, reads = Line(at_once=9, held_bytes=1000), asyncio.Event()
        line.go_on.set()
        unread = line.enter("unread", sent=bytes(900), reads=reads)
        await line.settle()
        await line.enter("next", sent=bytes(900))
        reads.set()
        await unread
        return statuses_of(line)

    assert asyncio.run(asyncio.wait_for(story(), timeout=20)) == {"unread": 200, "next": 200}


def test_whoever_has_been_sending_for_long_gives_way_where_there_is_no_more_room():
    async def story():
        line = Line(at_once=1, held_bytes=1000, gives_way_seconds=0)
        line.go_on.set()
        slow = [line.send(name) for name in ["first", "second"]]
        for _, pieces in slow:
            pieces.put_nowait(bytes(400))
            await line.settle()
        await line.enter("whole", sent=bytes(500))
        await line.settle()
        early, why = statuses_of(line), code_of(line.answers["first"])
        for _, pieces in slow:
            pieces.put_nowait(LAST)
        await asyncio.gather(*(task for task, _ in slow))
        return early, why, statuses_of(line)

    early = {"first": 503, "whole": 200}
    assert asyncio.run(asyncio.wait_for(story(), timeout=20)) == (early, "busy", early | {"second": 200})


def test_what_has_come_whole_gives_way_to_nobody():
    async def story():
        line = Line(at_once=1, held_bytes=1000, gives_way_seconds=0)
        tasks = [line.enter(name, sent=bytes(400)) for name in ["worked on", "in line"]]
        await line.settle()
        await line.enter("next", sent=bytes(400))
        line.go_on.set()
        await asyncio.gather(*tasks)
        return statuses_of(line)

    assert asyncio.run(asyncio.wait_for(story(), timeout=20)) == {"worked on": 200, "in line": 200, "next": 503}


def test_a_thousand_recorders_that_send_at_the_same_moment_have_room():
    assert USUAL.held_bytes > USUAL.line_bytes > 1000 * (240_000 + WAITING_BYTES)


@contextmanager
def half_sent(address, *, how_many, length, sent):
    """Connections that have sent so much of a body, and stay."""
    with ExitStack() as stack:
        lines = []
        for _ in range(how_many):
            line = stack.enter_context(socket.create_connection(address, timeout=20))
            line.sendall(f"PUT {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n".encode())
            lines.append(line)
        for line in lines:
            line.sendall(bytes(sent))
        yield lines


def answered_among(lines):
    return select.select(lines, [], [], 0)[0]


@pytest.mark.django_db
def test_of_those_who_send_a_little_and_stay_no_more_are_held_than_there_is_room_for():
    limits = Limits(body_bytes=2**20, pause_seconds=20, body_seconds=300, held_bytes=2**20)
    with served(application=Gate(Handler(), limits=limits)) as there:
        host, _, port = there.partition(":")
        with half_sent((host, int(port)), how_many=12, length=256_000, sent=250_000) as lines:
            wait_until(lambda: len(answered_among(lines)) == 8, what="the rest to be refused")
            refused = answered_among(lines)
            assert all(line.recv(65536).startswith(b"HTTP/1.1 503 ") for line in refused)
            for line in set(lines) - set(refused):
                line.sendall(bytes(6_000))
                assert line.recv(65536).startswith(b"HTTP/1.1 401 ")


@pytest.mark.django_db
def test_those_who_send_a_little_and_stay_keep_nobody_out():
    limits = Limits(body_bytes=2**20, pause_seconds=20, body_seconds=300, held_bytes=2**20, gives_way_seconds=0)
    with served(application=Gate(Handler(), limits=limits)) as there:
        host, _, port = there.partition(":")
        with half_sent((host, int(port)), how_many=4, length=500_000, sent=250_000):
            answer = httpx.put(f"http://{there}{PATH}", content=bytes(2**20), timeout=20)
            assert answer.status_code == 401


@pytest.mark.parametrize(
    "told",
    [
        {"sec-fetch-site": "cross-site", "origin": "https://evil.example"},
        {"sec-fetch-site": "same-site", "origin": "https://other.earshot.example"},
        {"sec-fetch-site": "cross-site", "origin": "https://earshot.example"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ],
)
def test_what_another_sites_page_sends_with_our_cookie_stays_outside(settings, told):
    settings.ALLOWED_HOSTS = ["earshot.example"]
    received, answered = send_through_gate([b"x"], headers=OUR_PAGE | told)
    assert (received, answered[0]["status"], code_of(answered)) == ([], 403, "cross_site")


@pytest.mark.parametrize(
    "headers",
    [
        OUR_PAGE | {"sec-fetch-site": "same-origin", "origin": "https://earshot.example"},
        OUR_PAGE | {"sec-fetch-site": "none"},
        OUR_PAGE | {"origin": "https://earshot.example"},
        OUR_PAGE | {"sec-fetch-site": "cross-site", "origin": "https://crm.example"},
        OUR_PAGE | {"sec-fetch-site": "cross-site", "authorization": "Bearer ear_"},
        OUR_PAGE,
        {"host": "earshot.example", "sec-fetch-site": "cross-site", "origin": "https://evil.example"},
    ],
    ids=["our page", "typed in", "older browser", "trusted origin", "by token", "a program", "no cookie"],
)
def test_everything_else_is_let_in(settings, headers):
    settings.ALLOWED_HOSTS = ["earshot.example"]
    assert send_through_gate([b"x"], headers=headers)[1][0]["status"] == 200


def test_another_sites_page_may_lead_here():
    headers = OUR_PAGE | {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}
    assert send_through_gate([b""], headers=headers, method="GET")[1][0]["status"] == 200


def test_what_is_being_changed_is_changed_to_its_end_though_the_client_hangs_up():
    assert waits_for_the_client_to_go("POST") == []
    assert waits_for_the_client_to_go("GET") == ["http.disconnect"]
