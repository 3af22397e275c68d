"""What older programs call goes on working, and what an older installation wrote is read with its calls."""

import pytest

from calls import conversations, editing, forgotten, legacy
from calls.errors import AmbiguousCall, BadSegments, UnknownCall
from calls.models import RedactionPolicy
from calls.store import client
from calls.store import legacy as old
from metrics import person_keys
from tests.builders import bearer, make_tenant, make_user
from tests.calls.old_rows import call_of, old_installation, open_call, row, write_rows

SAID = [
    {"text": "Good morning.", "start_time": 0.0, "end_time": 1.0, "confidence": 0.9},
    {"text": "How can I help?", "start_time": "1.5", "end_time": "2.5", "segment_id": "s2"},
]


@pytest.fixture(autouse=True)
def old_collections(transactional_db):
    with old_installation():
        yield


def stored(call_id, side, segments, **options):
    with pytest.deprecated_call(match=r"calls\.conversations\.upsert_segments"):
        return legacy.store_call_segments(call_id, side, segments, **options)


def got(call_id, side, **options):
    with pytest.deprecated_call(match=r"calls\.conversations\.read_call"):
        return legacy.get_call_segments(call_id, side, **options)


def texts(user, call_id):
    return [segment["text"] for segment in conversations.read_call(user, call_id)["conversation"]]


def test_what_is_stored_is_got_with_the_old_keys(agent):
    call_id = open_call(agent)
    assert stored(call_id, "agent", SAID) is True
    first, second = got(call_id, "agent")
    assert second == {
        "segment_id": "s2",
        "call_id": call_id,
        "audio_type": "agent",
        "text": "How can I help?",
        "start_time": 1.5,
        "end_time": 2.5,
        "speaker": "agent",
        "confidence": 0.5,
    }
    assert first["confidence"] == 0.9
    assert got(call_id, "client") == []


def test_the_sides_come_together_in_the_conversation(agent):
    call_id = open_call(agent)
    stored(call_id, "agent", SAID)
    stored(call_id, "client", [{"text": "Hello.", "start_time": 1.2, "end_time": 1.4, "segment_id": "s2"}])
    call = conversations.read_call(agent, call_id)
    assert [(one["speaker"], one["text"]) for one in call["conversation"]] == [
        ("agent", "Good morning."),
        ("client", "Hello."),
        ("agent", "How can I help?"),
    ]
    assert call["duration"] == 2.5


def test_storing_the_same_again_changes_nothing(agent):
    call_id = open_call(agent)
    stored(call_id, "agent", SAID)
    before = conversations.read_call(agent, call_id)
    stored(call_id, "agent", [*reversed(SAID), *SAID])
    again = conversations.read_call(agent, call_id)
    assert {**again, "updated_at": None} == {**before, "updated_at": None}


def test_what_is_got_can_be_stored_again(agent):
    call_id = open_call(agent)
    stored(call_id, "agent", SAID)
    before = got(call_id, "agent")
    stored(call_id, "agent", before)
    assert got(call_id, "agent") == before


def test_more_than_a_source_gives_at_a_time_is_stored_too(agent):
    call_id = open_call(agent)
    many = [{"text": f"word {number}", "start_time": number, "end_time": number + 1} for number in range(1200)]
    stored(call_id, "client", many)
    assert [one["text"] for one in got(call_id, "client")] == [one["text"] for one in many]


def test_numbers_are_ids_too(agent):
    open_call(agent, "4711")
    stored(4711, "agent", SAID)
    assert len(got(4711, "agent")) == 2


@pytest.mark.parametrize("side", ["Agent", "both", "", "speaker_1"])
def test_there_are_two_sides(agent, side):
    call_id = open_call(agent)
    with pytest.raises(ValueError, match='"agent" or "client"'):
        stored(call_id, side, SAID)
    with pytest.raises(ValueError, match='"agent" or "client"'):
        got(call_id, side)


def test_bad_segments_are_named_and_nothing_is_taken_in(agent):
    call_id = open_call(agent)
    with pytest.raises(BadSegments) as refused:
        stored(call_id, "agent", [*SAID, {"text": "no", "start_time": 2, "end_time": 1}, "nothing"])
    assert set(refused.value.fields) == {"2", "3"}
    assert texts(agent, call_id) == []


def test_too_many_at_once_are_refused(agent):
    with pytest.raises(BadSegments, match="too many"):
        stored(open_call(agent), "agent", SAID * legacy.MOST_AT_ONCE)


def test_a_call_that_is_not_there_is_unknown(agent):
    with pytest.raises(UnknownCall):
        stored("nowhere", "agent", SAID)
    with pytest.raises(UnknownCall):
        got("nowhere", "agent")


def test_an_id_of_several_companies_needs_to_be_told_whose(agent, stranger):
    call_id = open_call(agent)
    open_call(stranger, call_id)
    with pytest.raises(AmbiguousCall, match="tenant_id"):
        stored(call_id, "agent", SAID)
    with pytest.raises(AmbiguousCall, match="tenant_id"):
        got(call_id, "agent")
    stored(call_id, "agent", SAID, tenant_id=agent.tenant_id)
    assert len(got(call_id, "agent", tenant_id=agent.tenant_id)) == 2
    assert got(call_id, "agent", tenant_id=stranger.tenant_id) == []


def test_old_rows_are_read_with_their_call(agent):
    call_id = open_call(agent)
    write_rows("agent", row(call_id, "Good morning.", 0, 1), row(call_id, "Goodbye.", 9, 10))
    write_rows("client", row(call_id, "Hello.", "1.2", "2"))
    assert texts(agent, call_id) == ["Good morning.", "Hello.", "Goodbye."]
    assert conversations.read_call(agent, call_id)["duration"] == 10
    assert [one["text"] for one in got(call_id, "client")] == ["Hello."]
    assert call_of(agent, call_id)["conversation"] == []


def test_old_rows_are_in_the_api_s_answer(agent, api):
    call_id = open_call(agent)
    write_rows("client", row(call_id, "Hello.", 1, 2))
    assert [one["text"] for one in api.get(f"/api/calls/{call_id}").json()["conversation"]] == ["Hello."]


def test_old_rows_are_found_by_numbers_and_in_lists(agent):
    call_id = open_call(agent, "815")
    write_rows("agent", row(815, "one", 0, 1), {"call_id": 815.0, "segments": [{"text": "two", "start_time": 1}]})
    write_rows("client", row(call_id, "three", 2, 3))
    assert texts(agent, call_id) == ["one", "two", "three"]


def test_what_a_call_has_itself_is_not_read_twice(agent):
    call_id = open_call(agent)
    write_rows("agent", *({"call_id": call_id, **one} for one in SAID))
    stored(call_id, "agent", [SAID[0], {**SAID[1], "text": "How can I help you?"}])
    assert texts(agent, call_id) == ["Good morning.", "How can I help you?"]


def test_old_rows_are_masked_as_any_words_are(agent):
    call_id = open_call(agent)
    write_rows("client", row(call_id, "Write to ada@example.com, please.", 0, 1))
    (segment,) = conversations.read_call(agent, call_id)["conversation"]
    assert "ada@" not in segment["text"]
    assert [one["kind"] for one in segment["redactions"]] == ["email"]
    RedactionPolicy.objects.create(tenant=agent.tenant, redact_emails=False)
    assert texts(agent, call_id) == ["Write to ada@example.com, please."]


def test_corrections_hold_for_old_rows(agent):
    call_id = open_call(agent)
    write_rows("client", row(call_id, "I one a refund.", 0, 1))
    (segment,) = conversations.read_call(agent, call_id)["conversation"]
    editing.correct(agent, call_id, segment["segment_id"], text="I want a refund.")
    assert texts(agent, call_id) == ["I want a refund."]


def test_another_company_s_rows_are_not_read(agent, stranger):
    call_id = open_call(agent)
    open_call(stranger, call_id)
    write_rows("agent", row(call_id, "ours", 0, 1, tenant_id=agent.tenant_id))
    write_rows("client", row(call_id, "theirs", 1, 2, tenant_id=str(stranger.tenant_id)))
    write_rows("client", row(call_id, "whose?", 2, 3))
    assert texts(agent, call_id) == ["ours"]
    assert texts(stranger, call_id) == ["theirs"]


def test_rows_without_a_company_are_those_of_the_one_that_settings_name(agent, stranger, settings):
    call_id = open_call(agent)
    open_call(stranger, call_id)
    write_rows("client", row(call_id, "whose?", 2, 3))
    settings.EARSHOT_LEGACY_TENANT_ID = agent.tenant_id
    assert texts(agent, call_id) == ["whose?"]
    assert texts(stranger, call_id) == []


def test_who_gives_a_new_call_an_old_id_is_shown_nothing(agent):
    """The row says no company, and is of a call that has been gone for long."""
    write_rows("client", row("gone-long-ago", "a secret", 0, 1, _id="r1"))
    call_id = open_call(agent, "gone-long-ago")
    assert texts(agent, call_id) == []


def test_words_of_somebody_erased_are_left_out(agent):
    call_id = open_call(agent)
    write_rows("agent", row(call_id, "mine", 0, 1))
    write_rows("client", row(call_id, "theirs", 1, 2))
    forgotten.forget(agent.tenant_id, person_keys.of_user(agent.pk))
    assert texts(agent, call_id) == ["theirs"]


def asked_for(work):
    """The collections that the server was asked about, question by question."""
    database = client.calls().database
    work()
    database.command("profile", 2)
    work()
    database.command("profile", 0)
    asked = [
        one["ns"].partition(".")[2] for one in database["system.profile"].find({"op": {"$in": ["query", "command"]}})
    ]
    database.drop_collection("system.profile")
    return [name for name in asked if not name.startswith(("system.", "$cmd"))]


def test_old_rows_cost_one_more_query_and_nothing_where_there_are_none(agent):
    call_id = open_call(agent)

    def read():
        conversations.read_call(agent, call_id)

    assert asked_for(read) == ["calls"]
    write_rows("agent", row(call_id, "yes", 0, 1, tenant_id=agent.tenant_id))
    assert asked_for(read) == ["calls", "call_segments_agent"]


def test_old_collections_are_noticed_and_their_end_too(agent):
    call_id = open_call(agent)
    assert texts(agent, call_id) == []
    write_rows("agent", row(call_id, "late", 0, 1))
    assert old.is_there()
    old.drop()
    assert not old.is_there()
    assert texts(agent, call_id) == []


def test_colleagues_see_no_more_of_it_than_of_the_call(agent):
    call_id = open_call(agent)
    write_rows("agent", row(call_id, "mine", 0, 1))
    colleague = make_user(agent.tenant, "agent")
    assert bearer(colleague).get(f"/api/calls/{call_id}").status_code == 404
    assert bearer(make_user(make_tenant(), "supervisor")).get(f"/api/calls/{call_id}").status_code == 404
