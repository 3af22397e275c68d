"""What is announced of calls, on a real Redis."""

from contextlib import suppress
from datetime import UTC, datetime

from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from calls import board, conversations, editing, live, opening, statuses
from calls.errors import StaleVersion
from calls.opening import NewCall
from tests.builders import make_flag, make_segment, make_session
from tests.sockets import heard

NOW = datetime(2026, 11, 5, 9, 30, tzinfo=UTC)


def told(messages):
    """Without the numbers, which follow one another."""
    numbers = [message.pop("number") for message in messages]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))) if numbers else True
    return messages


def heard_of(tenant, act):
    return told(heard(live.group_of(tenant.pk), act))


def conversation(tenant, number):
    return NewCall(
        tenant_id=tenant.pk,
        call_id=f"chat-{number}",
        user_id=None,
        platform="chat",
        external_user_id=f"person-{number}",
        start_time=NOW,
        type="conversation",
        summary="",
        metadata={},
        segments=[],
        duration=0.0,
    )


def test_everything_that_changes_a_call_is_announced_once(tenant, supervisor):
    session = make_session(supervisor)
    segment, flag = make_segment(session), make_flag(session)
    status = statuses.create(tenant.pk, {"name": "Open"})
    whose = {"tenant_id": tenant.pk, "call_id": session.call_id}
    acts = [
        lambda: board.move(supervisor, session.call_id, status_id=status.pk, version=None),
        lambda: editing.change(supervisor, session.call_id, {"subject": "A refund"}, version=2),
        lambda: editing.correct(supervisor, session.call_id, segment["segment_id"], text="Good evening."),
        lambda: editing.rename_speaker(supervisor, session.call_id, name="client", to="Maria"),
        lambda: editing.note(supervisor, session.call_id, "Call back."),
        lambda: conversations.review_flag(supervisor, session.call_id, flag["flag_id"], "wrong"),
        lambda: conversations.store_segments(**whose, parts=["0000"], segments=[segment], end_time=1.0),
        lambda: conversations.upsert_segments(**whose, segments=[{**segment, "segment_id": "a"}]),
        lambda: conversations.store_estimates(**whose, parts=["0000"], emotions=[], flags=[]),
        lambda: conversations.correct_speakers(**whose, corrections={"agent": [segment["segment_id"]]}, speakers=[]),
        lambda: conversations.finish_call(**whose, state="completed", end_time=NOW, duration=1.0),
        lambda: conversations.reopen_call(**whose),
        lambda: editing.delete(supervisor, session.call_id),
    ]

    def all_of_them():
        for act in acts:
            act()

    assert heard_of(tenant, all_of_them) == [{"type": "calls.changed", "call_ids": [session.call_id]}] * len(acts)


def test_a_call_is_announced_when_it_comes_and_not_when_it_is_told_of_again(tenant, supervisor):
    def come():
        make_session(supervisor, call={"call_id": "recorded"})
        opening.create_call(supervisor, {"call_id": "told"})
        opening.create_call(supervisor, {"call_id": "told"})

    assert [one["call_ids"] for one in heard_of(tenant, come)] == [["recorded"], ["told"]]


def test_a_batch_of_conversations_is_one_announcement_to_each_company(tenant, stranger):
    theirs = [conversation(tenant, number) for number in range(300)]

    def store():
        opening.insert_calls([*theirs, conversation(stranger.tenant, 0)])
        opening.insert_calls(theirs)

    (message,) = heard_of(tenant, store)
    assert (message["type"], len(message["call_ids"])) == ("calls.changed", 300)


def test_more_than_can_be_named_is_said_to_be_much(tenant):
    named = [str(number) for number in range(live.MOST_NAMED + 1)]
    assert heard_of(tenant, lambda: live.changed(tenant.pk, named)) == [{"type": "calls.many"}]


def test_what_people_do_to_statuses_is_announced(tenant, supervisor):
    first, second = (statuses.create(tenant.pk, {"name": name}) for name in ("Open", "Done"))
    opening.create_call(supervisor, {"status_id": first.pk})

    def change_all():
        statuses.create(tenant.pk, {"name": "New"})
        statuses.change(tenant.pk, first.pk, {"color": "#112233"})
        statuses.put_in_order(tenant.pk, [second.pk, first.pk])

    assert heard_of(tenant, change_all) == [{"type": "calls.statuses"}] * 3
    removed = heard_of(tenant, lambda: statuses.remove(supervisor, first.pk, move_calls_to=second.pk))
    assert sorted(message["type"] for message in removed) == ["calls.many", "calls.statuses"]


def test_what_did_not_happen_is_not_announced(tenant, supervisor):
    call, _ = opening.create_call(supervisor, {})

    def fail():
        with suppress(StaleVersion):
            board.move(supervisor, call["call_id"], status_id=None, version=7)
        with transaction.atomic():
            live.changed(tenant.pk, ["undone"])
            transaction.set_rollback(True)
        live.changed(tenant.pk, [])
        live.statuses_changed(tenant.pk)

    assert heard_of(tenant, fail) == [{"type": "calls.statuses"}]


def test_what_could_not_be_announced_is_as_soon_as_redis_is_back(tenant, supervisor, settings):
    call, _ = opening.create_call(supervisor, {})

    def away_and_back():
        there = settings.EARSHOT_REDIS_URL
        settings.EARSHOT_REDIS_URL = "redis://127.0.0.1:9/0"
        live._client.cache_clear()
        try:
            board.move(supervisor, call["call_id"], status_id=None, version=None)
            statuses.create(tenant.pk, {"name": "New"})
            assert live.latest(tenant.pk) is None
        finally:
            settings.EARSHOT_REDIS_URL = there
            live._client.cache_clear()

    assert heard_of(tenant, away_and_back) == [{"type": "calls.many"}, {"type": "calls.statuses"}]


# --- Numbers ---


@given(st.permutations(range(1, 30)), st.sets(st.integers(1, 29)))
def test_just_what_is_never_heard_is_missed(order, lost):
    heard_by = live.Heard()
    heard_by.begin(0)
    for number in order:
        if number not in lost:
            heard_by.hear(number)
    assert not heard_by.has_missed(29)  # What was announced just now may be on its way.
    assert heard_by.has_missed(29) == bool(lost)
    assert not heard_by.has_missed(29)


def test_numbers_that_go_back_or_cannot_be_told_are_something_missed():
    heard_by = live.Heard()
    heard_by.begin(5)
    assert heard_by.has_missed(4)
    assert not heard_by.has_missed(4)
    assert not heard_by.has_missed(None)
    assert heard_by.is_deaf
    heard_by.hear(6)
    assert heard_by.has_missed(6)
    assert not heard_by.is_deaf


def test_a_long_gap_takes_no_more_than_so_much_memory():
    heard_by = live.Heard()
    heard_by.begin(0)
    for number in range(2, 2 * live.Heard.MOST_BEYOND):
        heard_by.hear(number)
    assert len(heard_by._beyond) == live.Heard.MOST_BEYOND
