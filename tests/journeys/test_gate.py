"""The gate of the running server, by raw connections."""

import select
import socket
from contextlib import ExitStack

import httpx

from tests.journeys.test_call import sign_in, start
from tests.waiting import wait_until


def say(stack, head, *, then=b"", patience=60):
    """Send a request's head, and what follows; read to the end of the answer."""
    with socket.create_connection(("127.0.0.1", stack.port), timeout=patience) as line:
        line.sendall("\r\n".join([*head, f"Host: 127.0.0.1:{stack.port}", "", ""]).encode() + then)
        answer = b""
        while piece := line.recv(65536):
            answer += piece
        return answer.decode()


def test_ten_gigabytes_are_refused_before_they_are_sent(stack):
    head = ["PUT /api/audio/sessions/x/chunks/0 HTTP/1.1", f"Content-Length: {10 * 2**30}", "Connection: close"]
    assert say(stack, head).startswith("HTTP/1.1 413")


def test_a_body_that_stops_coming_is_given_up(stack):
    head = ["PUT /api/audio/sessions/x/chunks/0 HTTP/1.1", "Content-Length: 1000"]
    answer = say(stack, head, then=b"a few bytes")
    assert answer.startswith("HTTP/1.1 408")
    assert "body_too_slow" in answer


def test_of_large_bodies_that_do_not_end_only_so_many_are_held_and_then_others_get_through(stack):
    """Of nearly ten megabytes each, fewer than forty have room together."""
    head = ["PUT /api/audio/sessions/x/chunks/0 HTTP/1.1", "Host: 127.0.0.1", "Content-Length: 10300000", "", ""]
    piece, answers = bytes(500_000), []
    with ExitStack() as ends:
        sending = [ends.enter_context(socket.create_connection(("127.0.0.1", stack.port), 60)) for _ in range(45)]
        for line in sending:
            line.sendall("\r\n".join(head).encode())
        # In turns, so that none of them pauses for long.
        for _ in range(20):
            for line in sending:
                line.sendall(piece)
            answered = select.select(sending, [], [], 0)[0]
            answers += [line.recv(12) for line in answered]
            sending = [line for line in sending if line not in answered]
        if not answers:
            [line, *_] = wait_until(lambda: select.select(sending, [], [], 0)[0], what="one to be refused")
            answers.append(line.recv(12))
        assert b"HTTP/1.1 503" in answers
        assert len(sending) > 30
    assert start(stack.client("demo-agent"))["id"]


def test_what_another_sites_page_sends_with_our_cookie_is_refused(stack):
    agent = stack.client("demo-agent")
    path = f"/api/audio/sessions/{start(agent)['id']}/chunks/0"
    told = {"Cookie": sign_in(stack, "demo-agent"), "Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    answer = httpx.put(f"{stack.url}{path}", content=b"x", headers=told)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "cross_site")
