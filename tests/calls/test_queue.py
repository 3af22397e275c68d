"""The queue of conversations, on a real Redis: bounded, each once, nothing lost by who dies."""

import threading

import orjson
import pytest
import redis

from calls import queue
from calls.errors import IntakeAway, IntakeFull
from tests.waiting import wait_until

OURS, THEIRS = 1, 2
BODY = orjson.dumps({"transcript": "User: hello"})


@pytest.fixture(autouse=True)
def emptied(intake_queue):
    return intake_queue


@pytest.fixture
def server(settings):
    return redis.Redis.from_url(settings.EARSHOT_REDIS_URL)


def fill(count, *, tenant_id=OURS, start=0):
    for number in range(start, start + count):
        assert queue.append(tenant_id, f"c{number}", BODY)


def take(consumer="one", *, most=10, age_seconds=0):
    return queue.take(consumer, most=most, age_seconds=age_seconds)


def ids(entries):
    return [entry.conversation_id for entry in entries]


def test_what_is_appended_is_taken_in_order_and_acknowledged_for_good():
    fill(3)
    entries = take()
    assert ids(entries) == ["c0", "c1", "c2"]
    assert entries[0].body == BODY
    assert (queue.depths().queued, queue.depths().processing) == (0, 3)
    assert queue.acknowledge(entries) == 3
    assert queue.acknowledge(entries) == 0, "again is the same as once"
    depths = queue.depths()
    assert (depths.queued, depths.processing, depths.queued_bytes) == (0, 0, 0)
    assert queue.counts(OURS) == queue.counts(None) == (3, 0)
    assert queue.counts(THEIRS) == (0, 0)
    assert queue.stored_per_second() == pytest.approx(3 / 60)


def test_the_same_id_again_is_the_same_as_once_while_it_waits():
    assert queue.append(OURS, "c", BODY)
    assert not queue.append(OURS, "c", b"{}")
    assert queue.append(THEIRS, "c", BODY), "another company's is another"
    assert [entry.body for entry in take()] == [BODY, BODY]


def test_it_takes_no_more_than_may_wait_counting_those_that_are_being_stored(settings):
    settings.EARSHOT_INTAKE_MOST_QUEUED = 3
    fill(3)
    entries = take()
    with pytest.raises(IntakeFull) as full:
        queue.append(OURS, "another", BODY)
    assert full.value.retry_after_seconds > 0
    assert not queue.append(OURS, "c0", BODY), "what is known is not refused"
    queue.acknowledge(entries[:1])
    assert queue.append(OURS, "another", BODY)


def test_it_takes_no_more_bytes_than_may_wait(settings):
    settings.EARSHOT_INTAKE_MOST_BYTES = 2 * len(BODY)
    fill(2)
    with pytest.raises(IntakeFull):
        queue.append(OURS, "another", b"x")
    queue.acknowledge(take())
    assert queue.append(OURS, "another", BODY)


def test_no_more_get_in_than_may_wait_whatever_comes_at_once(settings, server):
    settings.EARSHOT_INTAKE_MOST_QUEUED = 50
    refused = []

    def push(who):
        for number in range(20):
            try:
                queue.append(OURS, f"{who}-{number}", BODY)
            except IntakeFull:
                refused.append(number)

    threads = [threading.Thread(target=push, args=(who,)) for who in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.xlen(queue.STREAM_KEY) == 50
    assert len(refused) == 8 * 20 - 50


def test_a_batch_that_is_not_full_waits_for_its_age():
    fill(2)
    assert take(most=3, age_seconds=60) == []
    fill(1, start=2)
    assert ids(take(most=3, age_seconds=60)) == ["c0", "c1", "c2"]
    fill(1, start=3)
    assert wait_until(lambda: take(most=3, age_seconds=0.2), what="the age of one that is alone")


def test_who_waits_is_woken_when_a_batch_is_full_and_not_before(settings, server):
    settings.EARSHOT_INTAKE_BATCH = 3
    fill(2)
    assert server.llen(queue.WAKE_KEY) == 0
    woken = []
    waiter = threading.Thread(target=lambda: woken.append(queue.wait_for_batch(10)))
    waiter.start()
    fill(1, start=2)
    waiter.join()
    assert woken == [True]


def test_tokens_that_nobody_takes_do_not_pile_up(settings, server):
    settings.EARSHOT_INTAKE_BATCH, settings.EARSHOT_INTAKE_CONCURRENCY = 1, 2
    fill(9)
    assert server.llen(queue.WAKE_KEY) == 2


def test_what_a_dead_consumer_held_is_claimed_and_what_a_living_one_holds_is_not():
    fill(2)
    dead, alive = take("dead", most=1), take("alive", most=1)
    taken = []

    def claimed():
        queue.hold("alive", [entry.entry_id for entry in alive])
        taken.extend(queue.claim("heir", most=10, idle_seconds=0.5))
        return taken

    wait_until(claimed, what="its claim")
    assert ids(taken) == ids(dead)
    assert taken[0].given_out == 2
    assert queue.acknowledge(taken) == 1


def test_names_of_dead_consumers_go_unless_they_hold_something(settings, server):
    settings.EARSHOT_INTAKE_LOOK_SECONDS = 0
    fill(2)
    take("holder", most=1)
    queue.acknowledge(take("idle", most=1))
    names = {group["name"] for group in server.xinfo_consumers(queue.STREAM_KEY, queue.GROUP)}
    assert names == {b"holder", b"idle"}

    def left():
        queue.see("living")
        return {group["name"] for group in server.xinfo_consumers(queue.STREAM_KEY, queue.GROUP)} == {b"holder"}

    wait_until(left, what="the idle one's name to go")
    assert queue.depths().processing == 1
    assert queue.depths().consumers == 1


def test_a_consumer_that_leaves_is_not_counted_any_more():
    assert queue.see("one") == 1
    queue.leave("one")
    assert queue.depths().consumers == 0


def bury(entry, **values):
    return queue.bury(entry, **{"code": "not_stored", "error": "ValueError", "attempts": 4, **values})


def test_what_keeps_failing_lies_with_the_dead_letters_of_its_company():
    queue.append(OURS, "ours", BODY)
    queue.append(THEIRS, "theirs", BODY)
    for entry in take():
        assert bury(entry)
    assert queue.depths().processing == 0
    [letter], count = queue.dead_letters(OURS)
    assert count == 1
    assert (letter["conversation_id"], letter["error"], letter["attempts"]) == ("ours", "ValueError", 4)
    letters, count = queue.dead_letters(None)
    assert ({one["conversation_id"] for one in letters}, count) == ({"ours", "theirs"}, 2)
    assert queue.dead_letters_named(OURS, "theirs") == []
    assert len(queue.dead_letters_named(None, "theirs")) == 1
    assert queue.standing(OURS, "ours") == "failed"
    assert queue.counts(OURS) == (0, 1)


def test_a_dead_letter_keeps_what_our_error_says_within_bounds():
    fill(2)
    first, second = take()
    long = "x" * 9999
    bury(first, message=long, fields={f"{number}{long}": [long] * 99 for number in range(99)})
    bury(second)
    letters = {letter["conversation_id"]: letter for letter in queue.dead_letters(OURS)[0]}
    assert (letters["c1"]["message"], letters["c1"]["fields"]) == ("", {})
    assert len(letters["c0"]["message"]) == queue.LONGEST_SENTENCE
    assert len(letters["c0"]["fields"]) == queue.MOST_FIELDS
    for name, sentences in letters["c0"]["fields"].items():
        assert len(sentences) == queue.MOST_SENTENCES
        assert {len(text) for text in (name, *sentences)} == {queue.LONGEST_SENTENCE}


def test_a_dead_letter_of_an_older_version_says_nothing_of_its_error(server):
    fill(1)
    bury(take()[0], message="No.")
    letter = orjson.loads(server.hget(queue.DEAD_KEY, f"{OURS}:c0"))
    del letter["message"], letter["fields"]
    server.hset(queue.DEAD_KEY, f"{OURS}:c0", orjson.dumps(letter))
    [[told], _] = queue.dead_letters(OURS)
    assert (told["message"], told["fields"], told["body"]) == ("", {}, BODY.decode())


def test_a_dead_letter_is_replayed_as_it_was_once():
    queue.append(OURS, "c", BODY)
    bury(take()[0])
    assert not queue.replay(THEIRS, "c")
    assert queue.replay(OURS, "c")
    assert not queue.replay(OURS, "c")
    assert queue.dead_letters(None) == ([], 0)
    [entry] = take()
    assert (entry.conversation_id, entry.body) == ("c", BODY)
    queue.acknowledge([entry])
    assert queue.depths().queued_bytes == 0


def test_a_full_queue_takes_no_dead_letter_back(settings):
    queue.append(OURS, "c", BODY)
    bury(take()[0])
    settings.EARSHOT_INTAKE_MOST_QUEUED = 1
    queue.append(OURS, "other", BODY)
    with pytest.raises(IntakeFull):
        queue.replay(OURS, "c")
    assert queue.standing(OURS, "c") == "failed"


def test_a_dead_letter_that_is_discarded_is_gone():
    queue.append(OURS, "c", BODY)
    bury(take()[0])
    assert not queue.discard(THEIRS, "c")
    assert queue.discard(OURS, "c")
    assert not queue.discard(OURS, "c")
    assert queue.standing(OURS, "c") is None
    assert queue.append(OURS, "c", BODY)


def test_when_there_is_no_room_for_dead_letters_the_oldest_stay_and_it_stays_in_the_queue(settings):
    settings.EARSHOT_INTAKE_MOST_DEAD = 1
    fill(2)
    first, second = take()
    assert bury(first)
    assert not bury(second)
    [letter], _ = queue.dead_letters(None)
    assert letter["conversation_id"] == "c0"
    assert queue.standing(OURS, "c1") == "queued"
    assert queue.depths().processing == 1


def test_a_conversation_whose_size_nobody_knows_any_more_can_be_buried_replayed_discarded_and_acknowledged(server):
    def taken():
        server.delete(queue.STANDINGS_KEY)
        [entry] = take()
        return entry

    queue.append(OURS, "c", BODY)
    assert bury(taken())
    assert queue.replay(OURS, "c")
    assert queue.acknowledge([taken()]) == 1
    server.delete(queue.BYTES_KEY)
    queue.append(OURS, "d", b"")
    assert bury(taken())
    assert queue.discard(OURS, "d")
    assert (queue.depths().queued, queue.depths().processing, queue.depths().dead) == (0, 0, 0)


@pytest.mark.parametrize("broken", [queue.BYTES_KEY, queue.COUNTS_KEY])
@pytest.mark.parametrize("leave", [bury, lambda entry: queue.acknowledge([entry])])
def test_a_step_that_fails_in_the_middle_loses_nothing(server, broken, leave):
    fill(1)
    [entry] = take()
    names = {queue.BYTES_KEY: ["queued"], queue.COUNTS_KEY: [f"{OURS}:failed", f"{OURS}:completed"]}
    server.hset(broken, mapping=dict.fromkeys(names[broken], "x"))
    with pytest.raises(redis.ResponseError):
        leave(entry)
    assert server.xlen(queue.STREAM_KEY) == server.xpending(queue.STREAM_KEY, queue.GROUP)["pending"] == 1
    server.delete(broken)
    assert leave(entry)
    assert server.xlen(queue.STREAM_KEY) == 0


def test_a_server_that_has_lost_everything_takes_conversations_again(server):
    server.delete(queue.STREAM_KEY)
    assert queue.check() == ["stream intake:conversations"]
    fill(1)
    assert ids(take()) == ["c0"]
    assert queue.check() == []


def test_a_server_that_is_away_is_told_as_such(settings):
    queue._client.cache_clear()
    queue._script.cache_clear()
    settings.EARSHOT_REDIS_URL, before = "redis://127.0.0.1:9/0", settings.EARSHOT_REDIS_URL
    try:
        for ask in (lambda: queue.append(OURS, "c", BODY), queue.depths, lambda: queue.standing(OURS, "c")):
            with pytest.raises(IntakeAway):
                ask()
    finally:
        settings.EARSHOT_REDIS_URL = before
        queue._client.cache_clear()
        queue._script.cache_clear()
