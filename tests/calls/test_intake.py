"""Conversations that come as text: from being sent to being a call, whatever happens on the way."""

import threading
from contextlib import contextmanager
from functools import reduce

import orjson
import pytest

from calls import consuming, conversations, forgotten, intake, queue, store
from calls.consuming import Consumer
from calls.errors import BadTranscript, IntakeFull, RetryableCallError, UnknownConversation
from crm.models import AuditEntry
from metrics import counters, gauges
from tests.builders import bearer, make_user
from tests.waiting import wait_until

TALK = "Agent: How can I help?\nUser: I want my money back."


@pytest.fixture(autouse=True)
def quick(settings, intake_queue, transactional_db):
    settings.EARSHOT_INTAKE_LOOK_SECONDS = 1
    settings.EARSHOT_INTAKE_AGE_SECONDS = 0
    settings.EARSHOT_INTAKE_CLAIM_SECONDS = 1
    settings.EARSHOT_INTAKE_BATCH = 4
    queue._waiting_client.cache_clear()


@pytest.fixture
def program(tenant):
    return make_user(tenant, "integration")


@contextmanager
def running():
    """A consumer beside the test, until it is over."""
    consumer = Consumer()
    thread = threading.Thread(target=consumer.run)
    thread.start()
    yield consumer
    consumer.end()
    thread.join(timeout=30)
    assert not thread.is_alive()


@pytest.fixture
def consumer():
    with running() as consumer:
        yield consumer


def send(user, transcript=TALK, **values):
    return intake.queue_conversation(
        "+972-55", "whatsapp", transcript, tenant_id=user.tenant_id, sent_by=user.pk, **values
    )


def status(user, conversation_id):
    return intake.standing(user.tenant_id, conversation_id)["status"]


def wait_until_it_is(expected, user, conversation_id):
    wait_until(lambda: status(user, conversation_id) == expected, what=f"it to be {expected}")


def test_a_conversation_becomes_a_call_with_who_said_what(program, consumer):
    conversation_id = send(program, summary="A refund", metadata={"bot": {"version": 3}})
    wait_until_it_is("stored", program, conversation_id)
    call = conversations.read_call(program, conversation_id)
    assert [(one["speaker"], one["text"]) for one in call["conversation"]] == [
        ("agent", "How can I help?"),
        ("client", "I want my money back."),
    ]
    assert (call["platform"], call["external_user_id"], call["user_id"]) == ("whatsapp", "+972-55", program.pk)
    assert (call["status"], call["summary"]) == ("completed", "A refund")
    assert (call["metadata"], call["times_estimated"]) == ({"bot": {"version": 3}}, True)
    assert call["duration"] == call["conversation"][-1]["end_time"] > 0


def stored(user, transcript):
    conversation_id = send(user, transcript)
    intake.store_batch(queue.take("one", most=10, age_seconds=0))
    return conversations.read_call(user, conversation_id)


def speakers_of(call):
    return [one["speaker"] for one in call["conversation"]]


def test_who_is_named_is_called_so_by_whoever_reads_it(program):
    assert speakers_of(stored(program, "Maria: hi\nTom: yo\nMaria: so\nTom: no")) == ["Maria", "Tom", "Maria", "Tom"]
    assert speakers_of(stored(program, "Agent (Eve): hi\nUser: yo")) == ["agent", "client"]
    assert speakers_of(stored(program, "Agent (Eve): hi\nAgent (Tom): yo")) == ["agent", "agent"]


def test_a_name_is_masked_as_words_are_and_two_who_would_be_the_same_then_stay_apart(program):
    first, agent = speakers_of(stored(program, "joe@example.com: hi\nAgent: yo"))
    assert (first[0], agent) == ("[", "agent")
    two = "\n".join(f"{who}@example.com: hi" for who in ("joe", "eve", "joe", "eve"))
    assert speakers_of(stored(program, two)) == ["speaker_1", "speaker_2"] * 2


def test_it_is_queued_until_somebody_stores_it(program, stranger):
    conversation_id = send(program)
    assert intake.standing(program.tenant_id, conversation_id) == {"id": conversation_id, "status": "queued"}
    for tenant_id, other in ((stranger.tenant_id, conversation_id), (program.tenant_id, "another"), (1, "%00")):
        with pytest.raises(UnknownConversation):
            intake.standing(tenant_id, other)


def test_a_batch_is_stored_once_however_often_it_is_given_out(program):
    for _ in range(3):
        send(program)
    entries = queue.take("one", most=10, age_seconds=0)
    assert len(intake.store_batch(entries).new) == 3
    again = intake.store_batch(entries)
    assert (len(again.new), len(again.known)) == (0, 3)
    assert queue.counts(program.tenant_id) == (3, 0)


def test_an_id_of_the_callers_own_may_be_sent_again_before_and_after_it_is_stored(program, consumer):
    assert send(program, conversation_id="order-7") == send(program, conversation_id="order-7") == "order-7"
    wait_until_it_is("stored", program, "order-7")
    send(program, "User: something else", conversation_id="order-7")
    wait_until(lambda: queue.depths().queued + queue.depths().processing == 0, what="the queue to be empty")
    call = conversations.read_call(program, "order-7")
    assert call["conversation"][0]["text"] == "How can I help?"


def test_about_somebody_who_was_erased_nothing_is_stored(program, consumer):
    forgotten.forget(program.tenant_id, "external:whatsapp:+972-55")
    send(program, conversation_id="late")
    wait_until(lambda: queue.depths().queued + queue.depths().processing == 0, what="the queue to be empty")
    with pytest.raises(UnknownConversation):
        status(program, "late")


def test_all_that_waits_is_stored_in_batches(program, consumer):
    sent = [send(program) for _ in range(23)]
    for conversation_id in sent:
        wait_until_it_is("stored", program, conversation_id)
    assert queue.counts(program.tenant_id) == (23, 0)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("user_id", {"user_id": ""}),
        ("user_id", {"user_id": "x" * 256}),
        ("user_id", {"user_id": 5}),
        ("user_id", {"user_id": "a\0b"}),
        ("platform", {"platform": "two words"}),
        ("platform", {"platform": "x" * 65}),
        ("platform", {"platform": ""}),
        ("transcript", {"transcript": " \n"}),
        ("transcript", {"transcript": []}),
        ("transcript", {"transcript": [{"role": "user", "content": " "}]}),
        ("transcript", {"transcript": "User:\nAgent:"}),
        ("transcript", {"transcript": [{"role": "user", "content": "x", "start_time": 2, "end_time": 1}]}),
        ("transcript", {"transcript": "x" * 200_001}),
        ("transcript", {"transcript": "half a pair: \ud800"}),
        ("summary", {"summary": "x" * 10_001}),
        ("summary", {"summary": None}),
        ("metadata", {"metadata": {"$where": 1}}),
        ("metadata", {"metadata": {"a": [{"b.c": 1}]}}),
        ("metadata", {"metadata": {"": 1}}),
        ("metadata", {"metadata": {"a": "\0"}}),
        ("metadata", {"metadata": {"a": 2**63}}),
        ("metadata", {"metadata": {"a": "x" * 17_000}}),
        ("metadata", {"metadata": {"a": object()}}),
        ("metadata", {"metadata": {1: 1}}),
        ("metadata", {"metadata": reduce(lambda inside, _: {"a": inside}, range(33), 1)}),
        ("metadata", {"metadata": ["a"]}),
        ("id", {"conversation_id": "stats"}),
        ("id", {"conversation_id": "../x"}),
        ("id", {"conversation_id": "x" * 65}),
        ("id", {"conversation_id": ""}),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_could_not_be_stored_is_refused_at_once_naming_the_field(program, field, values):
    good = {"user_id": "u", "platform": "web", "transcript": TALK}
    with pytest.raises(BadTranscript) as refused:
        intake.queue_conversation(**good | values, tenant_id=program.tenant_id)
    assert set(refused.value.fields) == {field}
    assert queue.depths().queued == 0


def test_what_fails_does_not_hold_up_the_others_and_ends_as_a_dead_letter(program, settings, consumer):
    settings.EARSHOT_INTAKE_MOST_ATTEMPTS = 2
    # As an entry of a version that wrote others, which cannot be read.
    queue.append(program.tenant_id, "broken", orjson.dumps({"transcript": TALK}))
    good = [send(program) for _ in range(3)]
    for conversation_id in good:
        wait_until_it_is("stored", program, conversation_id)
    wait_until_it_is("failed", program, "broken")
    [letter], _ = queue.dead_letters(program.tenant_id)
    assert (letter["conversation_id"], letter["error"], letter["attempts"]) == ("broken", "KeyError", 2)
    assert queue.counts(program.tenant_id) == (3, 1)


def test_a_dead_letter_says_what_is_to_be_mended_in_our_words_and_never_in_anothers(program, settings, consumer):
    settings.EARSHOT_INTAKE_MOST_ATTEMPTS = 1
    whole = {"user_id": "u", "platform": "web", "summary": "", "metadata": {}, "sent_by": None}
    # As versions queued them that refused less.
    queue.append(program.tenant_id, "ours", orjson.dumps({**whole, "transcript": [{"role": "Quetzalcoatlus"}]}))
    queue.append(program.tenant_id, "another", b'"Quetzalcoatlus')
    for conversation_id in ("ours", "another"):
        wait_until_it_is("failed", program, conversation_id)
    letters = {letter["conversation_id"]: letter for letter in queue.dead_letters(program.tenant_id)[0]}
    assert letters["ours"]["error"] == "BadTranscript"
    assert letters["ours"]["fields"] == {"transcript": ["Entry 0 needs a role and a content, both texts."]}
    assert letters["ours"]["message"].endswith("see the fields.")
    assert (letters["another"]["error"], letters["another"]["message"]) == ("JSONDecodeError", "")
    assert "Quetzalcoatlus" not in str([{**letter, "body": ""} for letter in letters.values()])


def test_no_word_of_what_was_said_and_no_id_of_the_callers_gets_into_the_log(program, settings, consumer, caplog):
    settings.EARSHOT_INTAKE_MOST_ATTEMPTS = 1
    queue.append(program.tenant_id, "ada-lovelace", orjson.dumps({"transcript": "Quetzalcoatlus"}))
    good = send(program, "User: Quetzalcoatlus")
    wait_until_it_is("failed", program, "ada-lovelace")
    wait_until_it_is("stored", program, good)
    wait_until(lambda: "conversation_given_up" in caplog.text)
    assert "conversation_not_stored" in caplog.text
    assert "ada-lovelace" not in caplog.text
    assert "Quetzalcoatlus" not in caplog.text


def test_what_killed_every_consumer_that_held_it_is_given_up(program, monkeypatch):
    monkeypatch.setattr(consuming, "MOST_TIMES_GIVEN_OUT", 1)
    conversation_id = send(program)
    assert queue.take("dead", most=1, age_seconds=0)
    with running():
        wait_until_it_is("failed", program, conversation_id)
    [letter], _ = queue.dead_letters(program.tenant_id)
    assert letter["code"] == "consumers_died"


def test_while_the_store_is_away_nothing_is_lost_and_no_attempt_counted(program, settings, consumer):
    settings.EARSHOT_INTAKE_MOST_ATTEMPTS = 2
    store.close()
    settings.EARSHOT_MONGODB_URL, before = (
        "mongodb://127.0.0.1:9/earshot?serverSelectionTimeoutMS=100",
        settings.EARSHOT_MONGODB_URL,
    )
    try:
        conversation_id = send(program)
        with pytest.raises(RetryableCallError):
            conversations.find_everywhere("anything")
        wait_until(lambda: queue.depths().processing == 1, what="it to be tried")
        # Longer than a dead consumer's would be left alone: this one lives, and keeps it.
        wait_until(lambda: queue.depths().oldest_seconds > 2.5, what="it to be tried for a while")
        assert queue.dead_letters(None) == ([], 0)
        assert queue.standing(program.tenant_id, conversation_id) == "queued"
    finally:
        settings.EARSHOT_MONGODB_URL = before
        store.close()
    wait_until_it_is("stored", program, conversation_id)


def test_what_a_dead_consumer_held_is_stored_by_another(program):
    conversation_id = send(program)
    assert queue.take("dead", most=1, age_seconds=0)
    with running():
        wait_until_it_is("stored", program, conversation_id)


def test_who_is_asked_to_end_stores_what_waits_whatever_its_age(program, settings):
    settings.EARSHOT_INTAKE_AGE_SECONDS = 3600
    with running():
        wait_until(lambda: queue.depths().consumers, what="the consumer")
        sent = [send(program) for _ in range(3)]
        assert [status(program, one) for one in sent] == ["queued"] * 3
    assert [status(program, one) for one in sent] == ["stored"] * 3
    assert queue.depths().consumers == 0


def test_how_it_stands_is_told_to_who_watches(program, consumer):
    wait_until_it_is("stored", program, send(program))

    def told():
        return {gauge.name: gauge.value for gauge in gauges.all_told() if not gauge.labels}

    wait_until(lambda: told().get("intake.completed") == 1.0, what="the gauges")
    assert told()["intake.consumers"] == 1.0


# --- Over HTTP ---


@pytest.fixture
def bridge(program):
    return bearer(program)


def post(client, **values):
    body = {"user_id": "+972-55", "platform": "whatsapp", "transcript": TALK, **values}
    return client.post("/api/conversations", body, format="json")


def test_a_conversation_is_accepted_and_its_standing_told(bridge, program):
    answer = post(bridge, metadata={"a": 1}, summary="Short")
    assert answer.status_code == 202
    conversation_id = answer.json()["id"]
    address = f"/api/conversations/{conversation_id}"
    assert bridge.get(address).json() == {"id": conversation_id, "status": "queued"}
    intake.store_batch(queue.take("one", most=10, age_seconds=0))
    assert bridge.get(address).json() == {"id": conversation_id, "status": "stored"}
    assert bridge.get(f"/api/calls/{conversation_id}").json()["external_user_id"] == "+972-55"


def test_who_has_sent_it_is_written_down(bridge, program):
    conversation_id = post(bridge).json()["id"]
    entry = AuditEntry.objects.get(act="conversation.queued")
    assert (entry.subject, entry.actor) == (f"conversation:{conversation_id}", f"user:{program.pk}")


def test_a_list_is_accepted_and_an_id_of_the_callers_own(bridge):
    answer = post(bridge, id="order-7", transcript=[{"role": "user", "content": "hello"}])
    assert (answer.status_code, answer.json()) == (202, {"id": "order-7"})
    assert post(bridge, id="order-7").status_code == 202
    assert queue.depths().queued == 1


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("transcript", {"transcript": "x" * 200_001}),
        ("transcript", {"transcript": {"role": "user"}}),
        ("transcript", {"transcript": None}),
        ("metadata", {"metadata": {"$set": 1}}),
        ("metadata", {"metadata": {"a.b": 1}}),
        ("metadata", {"metadata": "text"}),
        ("metadata", {"metadata": {"a": "x" * 17_000}}),
        ("user_id", {"user_id": "x" * 256}),
        ("platform", {"platform": "two words"}),
        ("id", {"id": "a/b"}),
    ],
)
def test_what_cannot_be_right_is_a_422_and_nothing_is_queued(bridge, field, values):
    answer = post(bridge, **values)
    assert answer.status_code == 422
    assert set(answer.json()["error"]["fields"]) == {field}
    assert queue.depths().queued == 0


def test_a_full_queue_is_a_503_that_says_when_to_come_again(bridge, settings):
    settings.EARSHOT_INTAKE_MOST_QUEUED = 1
    assert post(bridge).status_code == 202
    answer = post(bridge)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "intake_full")
    assert int(answer["Retry-After"]) > 0
    with pytest.raises(IntakeFull):
        intake.queue_conversation("u", "web", TALK, tenant_id=1)


def test_another_company_finds_nothing(bridge, stranger):
    conversation_id = post(bridge).json()["id"]
    answer = bearer(stranger).get(f"/api/conversations/{conversation_id}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_conversation")


def test_statistics_tell_the_queue_and_ones_own_companys_figures(bridge, stranger, program):
    for _ in range(2):
        post(bridge)
    intake.store_batch(queue.take("one", most=1, age_seconds=0))
    counters.add(counters.EMBEDDING_CACHE_HITS, 3)
    told = bridge.get("/api/conversations/stats").json()
    assert (told["queued"], told["processing"], told["completed"], told["failed"]) == (1, 0, 1, 0)
    assert told["cache_hits"] >= 3
    assert set(told["wait"]) == set(told["store"]) == set(told["enqueue"]) == {"p50", "p95", "p99"}
    assert told["health"] == "critical"
    assert [alert["figure"] for alert in told["alerts"]] == ["consumers"]
    assert bearer(stranger).get("/api/conversations/stats").json()["completed"] == 0
