"""Conversations of somebody that are no calls yet, and those that were given up: out of the queue, in all its parts."""

import random

import orjson
import pytest
import redis

from calls import consuming, forgotten, intake, queue, store
from calls.erasing import waiting
from calls.opening import Inserted
from calls.phone_numbers import phone_key
from metrics.erasing import Identity, Share, Subject
from tests.builders import make_user

TALK = "Agent: How can I help?\nUser: I want my money back."
DANA = Identity("whatsapp", "+972-55")


@pytest.fixture(autouse=True)
def emptied(intake_queue, transactional_db):
    return intake_queue


@pytest.fixture
def program(tenant):
    return make_user(tenant, "integration")


@pytest.fixture
def server(settings):
    return redis.Redis.from_url(settings.EARSHOT_REDIS_URL)


def send(user, transcript=TALK, *, of=DANA, **values):
    return intake.queue_conversation(
        of.external_user_id, of.platform, transcript, tenant_id=user.tenant_id, sent_by=user.pk, **values
    )


def take(*, most=100):
    return queue.take("one", most=most, age_seconds=0)


def bury(entries):
    for entry in entries:
        queue.bury(entry, code="not_stored", error="ValueError", attempts=3)


def of_client(user, **values):
    return Subject(tenant_id=user.tenant_id, identities=(DANA,), **values)


def of_sender(user, **values):
    return Subject(tenant_id=user.tenant_id, user_id=user.pk, **values)


def erase(subject):
    before = waiting.count(subject)
    done = waiting.erase(subject)
    assert (waiting.count(subject), waiting.search(subject)) == (0, 0)
    assert done == before
    return done


def raw(server):
    """All bytes of the queue, as Redis would write them to disk, but that they are not packed."""
    server.config_set("rdbcompression", "no")
    kept = b"".join(server.dump(key) or b"" for key in server.scan_iter("intake:*"))
    server.config_set("rdbcompression", "yes")
    return kept


def figures(server):
    """What is kept of the queue beside its entries."""
    depths = queue.depths()
    return {
        "entries": depths.queued + depths.processing,
        "bytes": {name.decode(): int(size) for name, size in server.hgetall("intake:bytes").items()},
        "standings": server.hlen("intake:standings"),
        "attempts": server.hlen("intake:attempts"),
        "dead": depths.dead,
    }


def test_what_a_customer_has_waiting_goes_and_others_stay_in_order(program, server):
    others = [send(program, of=Identity("whatsapp", "other")) for _ in range(2)]
    send(program)
    others.append(send(program, of=Identity("telegram", "+972-55")))
    send(program)
    assert erase(of_client(program)) == 2
    assert [entry.conversation_id for entry in take()] == others
    told = figures(server)
    assert (told["entries"], told["standings"]) == (3, 3)
    assert told["bytes"]["queued"] == sum(len(entry.body) for entry in queue.entries_from())


def test_another_companys_conversations_stay(program, stranger):
    conversation_id = send(stranger)
    erase(of_client(program))
    assert queue.standing(stranger.tenant_id, conversation_id) == "queued"


def test_a_phone_that_is_theirs_alone_makes_it_theirs(program):
    send(program, of=Identity("whatsapp", "unknown"), phone="+972 50 555")
    assert erase(Subject(tenant_id=program.tenant_id, phone_keys=(phone_key("+972 50 555"),))) == 1
    assert take() == []


def test_dead_letters_go_too_and_are_counted_as_before(program, server):
    send(program)
    kept = send(program, of=Identity("whatsapp", "other"))
    bury(take())
    before = queue.counts(program.tenant_id)
    assert erase(of_client(program)) == 1
    letters, count = queue.dead_letters(program.tenant_id)
    assert ([one["conversation_id"] for one in letters], count) == ([kept], 1)
    assert queue.count_dead(None) == 1
    assert figures(server)["bytes"] == {"queued": 0, "dead": len(letters[0]["body"])}
    assert queue.counts(program.tenant_id) == before


def test_who_only_stands_in_the_metadata_of_another_holds_nothing_up(program):
    named = {"user_id": DANA.external_user_id, "platform": DANA.platform, "sent_by": program.pk}
    conversation_id = send(program, of=Identity("whatsapp", "+972-99"), metadata={"introduced_by": named})
    bury(take())
    erase(of_client(program))
    assert [letter["conversation_id"] for letter in queue.dead_letters(program.tenant_id)[0]] == [conversation_id]


def test_a_dead_letter_that_cannot_be_read_goes_when_it_names_them(program):
    body = orjson.dumps({"user_id": DANA.external_user_id, "platform": DANA.platform})
    queue.append(program.tenant_id, "theirs", body[:-1])
    queue.append(program.tenant_id, "nobodys", b'"Quetzalcoatlus')
    bury(take())
    erase(of_client(program))
    assert [letter["conversation_id"] for letter in queue.dead_letters(program.tenant_id)[0]] == ["nobodys"]


def test_what_a_consumer_holds_leaves_redis_and_is_stored_by_nobody(program, server):
    gone, kept = send(program), send(program, of=Identity("whatsapp", "other"))
    held = take()
    queue.count_attempt(held[0])
    forgotten.forget(program.tenant_id, "external:whatsapp:+972-55")
    assert erase(of_client(program)) == 1
    assert figures(server)["attempts"] == 0
    done = intake.store_batch(held)
    assert done == Inserted(new=frozenset({kept}), forgotten=frozenset({gone}))
    assert store.find({"tenant_id": program.tenant_id, "call_id": gone}) is None
    assert queue.counts(program.tenant_id) == (1, 0)
    assert figures(server) == {
        "entries": 0,
        "bytes": {"queued": 0},
        "standings": 0,
        "attempts": 0,
        "dead": 0,
    }


def test_nothing_of_what_went_is_left_in_the_bytes_that_redis_keeps(program, server):
    for number in range(7):
        send(program, f"User: phrase-{number} of whom", of=DANA if number % 2 else Identity("whatsapp", "other"))
    take(most=3)
    erase(of_client(program))
    kept = raw(server)
    assert b"+972-55" not in kept
    assert b"phrase-3" not in kept
    assert b"phrase-2" in kept


def test_who_holds_what_is_as_before(program, server):
    sent = [send(program, of=Identity("whatsapp", f"other-{number}")) for number in range(6)]
    send(program)
    first = queue.take("one", most=2, age_seconds=0)
    second = queue.take("two", most=2, age_seconds=0)
    erase(of_client(program))
    groups = {one["name"]: one["pending"] for one in server.xinfo_consumers(queue.STREAM_KEY, queue.GROUP)}
    assert groups == {b"one": 2, b"two": 2}
    assert [entry.conversation_id for entry in take()] == sent[4:]
    assert queue.acknowledge([*first, *second]) == 4
    # New ones come behind those that were there.
    assert queue.append(program.tenant_id, "later", b"{}")
    assert [entry.conversation_id for entry in queue.entries_from()][-1] == "later"


def test_who_sent_one_is_named_no_more_and_what_the_customer_says_stays(program, server):
    conversation_id = send(program, summary="by bot@example.com")
    (entry,) = queue.entries_from()
    forgotten.forget(program.tenant_id, f"user:{program.pk}")
    assert erase(of_sender(program, emails=("bot@example.com",))) == 1
    (anew,) = queue.entries_from()
    assert figures(server)["bytes"]["queued"] == len(anew.body)
    assert anew.read()["summary"] == "by [e-mail]"
    intake.store_batch(take())
    call = store.find({"tenant_id": program.tenant_id, "call_id": conversation_id})
    assert [segment["text"] for segment in call["conversation"]] == ["I want my money back."]
    assert (call["user_id"], call["owner_id"], call["external_user_id"]) == (None, None, "+972-55")
    assert call["start_time"] == entry.queued_at
    assert b"How can I help" not in raw(server)


def test_what_is_only_the_senders_goes_whole(program):
    send(program, "Agent: Hello?\nAgent: Anybody?")
    send(program, "Dana Cohen: Hello\nBen Levi: Hi")
    assert erase(of_sender(program)) == 2
    assert queue.entries_from() == []


def test_of_a_dead_letter_the_customers_part_stays(program, server):
    conversation_id = send(program)
    bury(take())
    assert erase(of_sender(program)) == 1
    (letter,) = queue.dead_letters_named(program.tenant_id, conversation_id)
    body = orjson.loads(letter["body"])
    assert body["sent_by"] is None
    assert "How can I help" not in letter["body"]
    assert figures(server)["bytes"]["dead"] == len(letter["body"].encode())
    assert queue.replay(program.tenant_id, conversation_id)
    intake.store_batch(take())
    assert store.is_there({"tenant_id": program.tenant_id, "call_id": conversation_id})


def test_again_is_the_same_as_once(program, server):
    send(program)
    send(program, of=Identity("whatsapp", "other"))
    for subject in (of_client(program), of_sender(program)):
        erase(subject)
        before = [(entry.entry_id, entry.body) for entry in queue.entries_from()], figures(server)
        assert waiting.erase(subject) == 0
        assert ([(entry.entry_id, entry.body) for entry in queue.entries_from()], figures(server)) == before


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happened_before_the_figures_are_what_there_is(program, server, seed):
    order = random.Random(seed)  # noqa: S311
    people = [DANA, Identity("whatsapp", "other"), Identity("telegram", "x")]
    held = []
    for _ in range(40):
        match order.randrange(5):
            case 0 | 1:
                send(program, of=order.choice(people))
            case 2:
                held += take(most=order.randrange(1, 4))
            case 3 if held:
                bury([held.pop()])
            case 4 if held:
                queue.count_attempt(held[0])
    erase(of_client(program))
    entries = queue.entries_from()
    letters, dead = queue.dead_letters(program.tenant_id)
    told = figures(server)
    assert told["entries"] == len(entries)
    assert told["standings"] == len(entries) + dead
    assert told["bytes"].get("queued", 0) == sum(len(entry.body) for entry in entries)
    assert told["bytes"].get("dead", 0) == sum(len(one["body"].encode()) for one in letters)
    there = {entry.entry_id for entry in entries}
    assert {one.decode() for one in server.hkeys("intake:attempts")} <= there
    assert DANA.external_user_id.encode() not in raw(server)


def test_a_consumer_that_runs_meanwhile_stores_nothing_of_theirs(program):
    sent = [send(program, of=DANA if number % 2 else Identity("whatsapp", "other")) for number in range(40)]
    forgotten.forget(program.tenant_id, "external:whatsapp:+972-55")
    consumer = consuming.Consumer()
    held = take(most=15)
    erase(of_client(program))
    intake.store_batch(held)
    intake.store_batch(take())
    assert not consumer.is_busy
    there = {one for one in sent if store.is_there({"tenant_id": program.tenant_id, "call_id": one})}
    assert there == set(sent[::2])


def test_people_of_what_waits_and_was_given_up_are_named(program):
    send(program)
    bury(take())
    send(program, of=Identity("telegram", "x"))
    assert waiting.people(program.tenant_id) == ({program.pk}, {DANA, Identity("telegram", "x")})


def test_what_a_customer_has_waiting_is_known_by_its_id_too(program):
    by_id, by_phone = send(program), send(program, of=Identity("sms", "1"), phone="+49 40 998877")
    others = send(program, of=Identity("web", "7"))
    subject = of_client(program, phone_keys=(phone_key("+49 40 998877"),))
    assert set(waiting.of_client(subject)) == {by_id, by_phone}
    assert waiting.ids(program.tenant_id) == {by_id, by_phone, others}


def test_what_is_theirs_by_its_id_goes_whatever_it_says_now(program):
    conversation_id, others = send(program, of=Identity("sms", "1")), send(program, of=Identity("sms", "1"))
    bury(take(most=1))
    subject = Subject(tenant_id=program.tenant_id, calls={conversation_id: Share.WHOLE})
    assert waiting.search(subject) == 1
    erase(subject)
    assert waiting.ids(program.tenant_id) == {others}
