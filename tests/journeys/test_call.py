"""A call from the first second to the transcript, through everything that `make run` starts."""

import http.client
import json
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from pymongo import MongoClient
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from audio.analysis.evaluation import word_error_rate
from tests.builders import digest_header
from tests.sound import SPEECH, encode, speech, speech_text, tone
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def agent(stack):
    return stack.client("demo-agent")


@pytest.fixture(scope="module")
def stranger(stack):
    return stack.client("other-supervisor")


def start(client, **body):
    response = client.post("/api/audio/sessions", json=body)
    assert response.status_code == 201, response.text
    return response.json()


def put(client, session, index, body):
    headers = {"Content-Type": "audio/ogg", "Content-Digest": digest_header(body)}
    return client.put(f"/api/audio/sessions/{session['id']}/chunks/{index}", content=body, headers=headers)


def socket_address(client, session):
    ticket = client.post("/api/tickets").json()["ticket"]
    return f"ws://{urlsplit(str(client.base_url)).netloc}/ws/audio/{session['id']}?ticket={ticket}"


def read_until(socket, kind):
    """Frames up to and with the first of this kind."""
    frames = []
    while not frames or frames[-1]["type"] != kind:
        frames.append(json.loads(socket.recv(timeout=60)))
    return frames


def test_a_file_is_sent_and_its_words_come_back(stack, agent):
    sent = stack.manage("send_audio", str(SPEECH))
    assert sent.returncode == 0, sent.stderr
    assert "transcribed by pocketsphinx; call completed" in sent.stdout
    session = agent.get("/api/audio/sessions?limit=1").json()["results"][0]
    assert session["status"] == "completed"
    call = agent.get(f"/api/calls/{session['call_id']}").json()
    heard = " ".join(segment["text"] for segment in call["conversation"])
    assert word_error_rate(speech_text(), heard) < 0.4
    assert all(segment["text"] in sent.stdout for segment in call["conversation"])

    environment = dict(line.split("=", 1) for line in (stack.data / "run" / "env").read_text().splitlines())
    with MongoClient(environment["EARSHOT_MONGODB_URL"]) as client:
        documents = list(client.get_default_database().calls.find({"call_id": session["call_id"]}))
    assert len(documents) == 1
    assert len(documents[0]["conversation"]) == len(call["conversation"])


def test_a_watcher_hears_every_event_once_in_order(agent):
    session = start(agent)
    with connect(socket_address(agent, session)) as socket:
        assert read_until(socket, "session")[-1]["chunks"] == []
        for index in (0, 1):
            assert put(agent, session, index, encode(tone(1.0))).status_code == 201
        agent.post(f"/api/audio/sessions/{session['id']}/complete", json={"total_chunks": 2})
        frames = read_until(socket, "session_completed")
    kinds = [(frame["type"], frame.get("chunk_index")) for frame in frames]
    each = ["chunk_stored", "chunk_analysed", "chunk_transcribed", "chunk_processed"]
    for index in (0, 1):
        assert [kind for kind, chunk in kinds if chunk == index] == each
    numbers = [int(frame["seq"].split("-")[1]) for frame in frames]
    assert numbers == list(range(1, len(frames) + 1))
    assert {frame["session_id"] for frame in frames} == {session["id"]}


def test_a_watcher_that_was_cut_off_gets_just_what_it_missed(agent):
    session = start(agent)
    with connect(socket_address(agent, session)) as socket:
        put(agent, session, 0, encode(tone(1.0)))
        before = read_until(socket, "chunk_stored")[-1]
    agent.post(f"/api/audio/sessions/{session['id']}/complete", json={"total_chunks": 1})
    wait_until(
        lambda: agent.get(f"/api/audio/sessions/{session['id']}").json()["status"] == "completed",
        what="the session to be completed",
    )
    with connect(socket_address(agent, session)) as socket:
        snapshot = json.loads(socket.recv(timeout=60))
        assert (snapshot["type"], snapshot["session"]["status"]) == ("session", "completed")
        socket.send(json.dumps({"type": "resume", "seq": before["seq"]}))
        missed = read_until(socket, "session_completed")
        assert [int(frame["seq"].split("-")[1]) for frame in missed] == list(range(2, 2 + len(missed)))
        socket.send(json.dumps({"type": "resume", "seq": "00000000-1"}))
        assert json.loads(socket.recv(timeout=60))["reset"] is True


def test_bad_frames_are_answered_and_the_socket_stays_open(agent):
    session = start(agent)
    with connect(socket_address(agent, session)) as socket:
        read_until(socket, "session")
        for frame in ["{", "[]", '{"type": "resume"}', '{"type": "resume", "seq": "x"}', '{"type": 7}', "x" * 5000]:
            socket.send(frame)
            assert json.loads(socket.recv(timeout=60))["type"] == "error"
        socket.send(b"\x00\x01")
        assert json.loads(socket.recv(timeout=60))["type"] == "error"
        socket.send('{"type": "ping"}')
        assert json.loads(socket.recv(timeout=60))["type"] == "pong"


def test_a_frame_far_larger_than_any_of_ours_ends_the_socket(agent):
    session = start(agent)
    with connect(socket_address(agent, session)) as socket:
        read_until(socket, "session")
        socket.send("x" * 8193)
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=60)
        assert socket.close_code == 1009


def test_nobody_evades_the_limit_on_guessing_by_making_up_an_address(stack):
    def guess(number):
        with httpx.Client(base_url=stack.url, headers={"X-Forwarded-For": f"203.0.113.{number}"}) as browser:
            browser.get("/sign-in/")
            form = {
                "username": "nobody-at-all",
                "password": "a-wrong-guess",
                "csrfmiddlewaretoken": browser.cookies["csrftoken"],
            }
            return browser.post("/sign-in/", data=form).status_code

    assert [guess(number) for number in range(6)] == [200] * 5 + [429]


def test_a_stranger_is_refused_in_the_handshake(agent, stranger):
    session = start(agent)
    address = socket_address(agent, session)
    with connect(address):
        pass
    refused = [
        socket_address(stranger, session),
        address,  # a ticket is good once
        address.split("?")[0],
        socket_address(agent, {"id": uuid.uuid4()}),
        socket_address(agent, session).replace("/ws/audio/", "/ws/nothing/"),
    ]
    for door in refused:
        with pytest.raises(InvalidStatus) as handshake, connect(door):
            pass
        assert handshake.value.response.status_code in {403, 404}


def test_a_cookie_opens_the_socket_only_from_our_own_pages(stack, agent):
    cookie = sign_in(stack, "demo-agent")
    session = start(agent)
    address = f"ws://127.0.0.1:{stack.port}/ws/audio/{session['id']}"
    with connect(address, additional_headers={"Cookie": cookie}, origin=stack.url) as socket:
        assert read_until(socket, "session")
    for origin in (None, "https://evil.example", f"http://127.0.0.1:{stack.port + 1}"):
        with pytest.raises(InvalidStatus), connect(address, additional_headers={"Cookie": cookie}, origin=origin):
            pass


def test_a_watcher_whose_rights_have_ended_is_shown_out(stack, agent):
    session = start(agent)
    address = f"ws://127.0.0.1:{stack.port}/ws/audio/{session['id']}"
    cookie = sign_in(stack, "demo-supervisor")
    with connect(address, additional_headers={"Cookie": cookie}, origin=stack.url) as socket:
        read_until(socket, "session")
        sign_out(stack, cookie)
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=30)
        assert socket.close_code == 4401


def test_an_eleven_megabyte_upload_is_turned_away_by_length_and_by_counting(agent):
    session = start(agent)
    path = f"/api/audio/sessions/{session['id']}/chunks/0"
    body = encode(tone(1.0), container="wav").ljust(11 * 2**20, b"\0")
    declared = agent.put(path, content=body, headers={"Content-Type": "audio/wav"})
    counted = agent.put(path, content=iter([body]), headers={"Content-Type": "audio/wav"})
    for response in (declared, counted):
        assert (response.status_code, response.json()["error"]["code"]) == (413, "body_too_large")
    assert agent.get(f"/api/audio/sessions/{session['id']}/chunks").json()["results"] == []


def test_a_client_that_sends_before_it_reads_hears_the_refusal_too(stack, agent):
    session = start(agent)
    connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=30)
    headers = {"Authorization": agent.headers["Authorization"], "Content-Type": "audio/wav"}
    connection.request("PUT", f"/api/audio/sessions/{session['id']}/chunks/0", body=bytes(11 * 2**20), headers=headers)
    assert connection.getresponse().status == 413
    connection.close()


def test_an_upload_without_a_length_is_taken(agent):
    session = start(agent)
    path = f"/api/audio/sessions/{session['id']}/chunks/0"
    response = agent.put(path, content=iter([encode(tone(1.0))]), headers={"Content-Type": "audio/ogg"})
    assert response.status_code == 201


def test_a_second_company_sees_nothing(agent, stranger):
    session = start(agent, call={"subject": "Ours"})
    put(agent, session, 0, encode(tone(1.0)))
    for path in (
        f"/api/audio/sessions/{session['id']}",
        f"/api/audio/sessions/{session['id']}/chunks",
        f"/api/calls/{session['call_id']}",
    ):
        assert agent.get(path).status_code == 200
        assert stranger.get(path).status_code == 404
    assert put(stranger, session, 1, encode(tone(1.0))).status_code == 404
    listed = stranger.get("/api/audio/sessions").json()["results"]
    assert session["id"] not in {theirs["id"] for theirs in listed}


def test_what_took_how_long_is_told_across_web_and_workers(stack, agent):
    put(agent, start(agent), 0, encode(speech()[: 16_000 * 8]))
    supervisor = stack.client("demo-supervisor")
    wanted = {"http.chunk-detail", "upload.store", "stage.decode", "stage.transcription", "calls.store_segments"}

    def measured():
        operations = supervisor.get("/api/metrics/operations").json()
        return wanted <= {operation["operation"] for operation in operations}

    wait_until(measured, timeout=90, what="measurements of web and workers")
    assert agent.get("/api/metrics/operations").status_code == 403


def test_logs_hold_no_secret_and_no_words(stack, agent):
    session = start(agent)
    with connect(socket_address(agent, session)) as socket:
        put(agent, session, 0, encode(speech()[: 16_000 * 22]))
        said = read_until(socket, "chunk_transcribed")[-1]["segments"]
    assert any("more amiable woman" in segment["text"] for segment in said)
    logs = "".join(path.read_text() for path in Path(stack.data / "logs").iterdir())
    assert session["id"] in logs
    secrets = [file.read_text().strip() for file in (stack.data / "secrets").iterdir() if "access" not in file.name]
    for secret in [*secrets, stack.password(), "ticket=", "more amiable woman"]:
        assert secret not in logs


def test_what_is_said_in_several_chunks_lies_where_it_was_said(agent):
    session = start(agent)
    sentences = speech()[: 16_000 * 8]
    for index in range(3):
        put(agent, session, index, encode(sentences))
    agent.post(f"/api/audio/sessions/{session['id']}/complete", json={"total_chunks": 3})
    wait_until(
        lambda: agent.get(f"/api/audio/sessions/{session['id']}").json()["status"] == "completed",
        timeout=200,
        what="the session to be completed",
    )
    conversation = agent.get(f"/api/calls/{session['call_id']}").json()["conversation"]
    texts = {
        index: [segment["text"] for segment in conversation if segment["chunk_index"] == index] for index in range(3)
    }
    assert texts[0]
    assert texts[0] == texts[1] == texts[2]
    assert conversation == sorted(conversation, key=lambda segment: segment["start_time"])


def sign_in(stack, username):
    """The session cookie that the sign-in form gives."""
    with httpx.Client(base_url=stack.url, follow_redirects=False) as browser:
        browser.get("/sign-in/")
        form = {
            "username": username,
            "password": stack.password(),
            "csrfmiddlewaretoken": browser.cookies["csrftoken"],
        }
        assert browser.post("/sign-in/", data=form).status_code == 302
        return f"sessionid={browser.cookies['sessionid']}"


def sign_out(stack, cookie):
    with httpx.Client(base_url=stack.url, headers={"Cookie": cookie}) as browser:
        page = browser.get("/sessions/")
        token = page.cookies["csrftoken"]
        headers = {"Cookie": f"{cookie}; csrftoken={token}"}
        assert browser.post("/sign-out/", data={"csrfmiddlewaretoken": token}, headers=headers).status_code == 302
