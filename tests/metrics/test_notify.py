"""What is sent to webhooks and where it is not; what comes of it as a delivery is told beside the deliveries."""

import socket
import threading

import pytest

from metrics import notify
from tests.receivers import WebhookReceiver
from tests.running import free_port

SECRET = "whsec_c2VjcmV0IG9mIHRoaXJ0eS10d28gYnl0ZXMhISE="


@pytest.fixture
def receiver():
    receiver = WebhookReceiver()
    yield receiver
    receiver.stop()


@pytest.fixture
def to_private(settings):
    settings.EARSHOT_WEBHOOKS_TO_PRIVATE = True


def post(url):
    return notify.post(url, body=b"{}", secret=SECRET, message_id="msg_1", timestamp=1_600_000_000)


def test_a_signature_is_the_one_of_the_standards_own_example():
    # https://github.com/standard-webhooks/standard-webhooks, the example of its libraries.
    signed = notify.signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "[::1]", "0"])
def test_this_machine_is_not_asked_by_whatever_name(receiver, host):
    outcome = post(f"http://{host}:{receiver.port}/")
    assert outcome.error == "private_address"
    assert receiver.requests == []


def test_a_name_is_resolved_once_and_what_it_says_then_is_where_the_request_goes(receiver, to_private, monkeypatch):
    asked = []
    real = socket.getaddrinfo

    def once_here_then_elsewhere(host, *args, **options):
        if host != "rebinding.example":
            return real(host, *args, **options)
        asked.append(host)
        return real("127.0.0.1" if len(asked) == 1 else "127.0.0.99", *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", once_here_then_elsewhere)
    assert post(f"http://rebinding.example:{receiver.port}/").is_delivered
    assert len(asked) == 1
    assert receiver.requests[0][0]["Host"] == f"rebinding.example:{receiver.port}"


def test_a_name_that_is_not_resolved_in_time_is_given_up(receiver, to_private, monkeypatch):
    monkeypatch.setattr(notify, "DEADLINE_SECONDS", 0.2)
    is_answered, has_ended = threading.Event(), threading.Event()

    def hang(*args, **options):
        is_answered.wait(30)
        has_ended.set()
        return []

    with monkeypatch.context() as resolver:
        resolver.setattr(socket, "getaddrinfo", hang)
        assert post("http://slow.example/").error == "timed_out"
        assert not has_ended.is_set(), "nobody waited for the resolver"
        is_answered.set()
        assert has_ended.wait(30)


def test_a_redirect_is_not_followed(receiver, to_private):
    inner = WebhookReceiver()
    receiver.status, receiver.location = 307, inner.url
    outcome = post(receiver.url)
    inner.stop()
    assert (outcome.error, outcome.status_code) == ("redirected", 307)
    assert inner.requests == []


def test_an_answer_that_comes_drop_by_drop_is_none(to_private, monkeypatch):
    monkeypatch.setattr(notify, "DEADLINE_SECONDS", 0.5)
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip():
            connection, _ = server.accept()
            with connection:
                while not ended.wait(0.05):
                    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: "[:1])

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        outcome = post(f"http://127.0.0.1:{server.getsockname()[1]}/")
        ended.set()
        thread.join()
    assert outcome.error in {"timed_out", "not_http"}


def test_what_goes_wrong_is_said_in_a_word(receiver, to_private):
    assert post(f"http://127.0.0.1:{free_port()}/").error == "unreachable"
    assert post("http://nowhere.invalid/").error == "unknown_host"
    assert post(f"https://127.0.0.1:{receiver.port}/").error == "not_trusted"
    receiver.status = 410
    refused = post(receiver.url)
    assert (refused.error, refused.status_code) == ("refused", 410)
