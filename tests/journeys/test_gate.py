"""The gate of the running server, by raw connections."""

import socket

import httpx

from tests.journeys.test_call import sign_in, start


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


def test_what_another_sites_page_sends_with_our_cookie_is_refused(stack):
    agent = stack.client("demo-agent")
    path = f"/api/audio/sessions/{start(agent)['id']}/chunks/0"
    told = {"Cookie": sign_in(stack, "demo-agent"), "Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    answer = httpx.put(f"{stack.url}{path}", content=b"x", headers=told)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "cross_site")
