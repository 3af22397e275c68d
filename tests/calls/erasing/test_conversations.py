"""Calls of somebody: whole, or one side of each, with nothing of them left and the other side as it was."""

import random

import pytest

from calls import conversations, editing, indexing, live, opening, statuses, store
from calls.documents import segment_id_of
from calls.erasing import conversations as erased
from calls.errors import PersonForgotten
from calls.store import erasing
from calls.store.client import BUCKETS, calls, collection
from metrics.erasing import Share, Subject
from tests.builders import make_user
from tests.calls.erasing.talks import (
    counters_are_right,
    document_of,
    documents_of,
    feel,
    give_to_contact,
    hold_talk,
    of_agent,
    of_client,
    say,
    work,
)
from tests.calls.old_rows import old_installation


def erase(subject):
    """Erases, and makes sure that all three say the same of it."""
    before = erased.count(subject)
    done = erased.erase(subject)
    assert (erased.count(subject), erased.search(subject)) == (0, 0)
    assert done == before
    return done


def texts(call):
    return [segment["text"] for segment in call["conversation"]]


def everything(tenant_id):
    return [
        *calls().find({"tenant_id": tenant_id}).sort("_id"),
        *collection(BUCKETS).find({"tenant_id": tenant_id}).sort("_id"),
    ]


def test_a_call_whose_sides_are_not_known_goes_whole_and_is_counted_out(agent, supervisor, tenant):
    status = statuses.create(tenant.pk, {"name": "New"})
    gone, kept = hold_talk(agent, speakers=("speaker_1",)), hold_talk(agent, client="other")
    for call_id in (gone, kept):
        editing_version = document_of(agent, call_id)["version"]
        assert editing_version
    store.move(
        {"tenant_id": tenant.pk, "call_id": gone},
        status_id=str(status.pk),
        entry=editing.entry_of(supervisor, "moved"),
        version=None,
    )
    before = document_of(agent, kept)
    assert erase(of_client(agent)) == 1
    assert document_of(agent, gone) is None
    assert document_of(agent, kept) == before
    assert store.counts(tenant.pk) == {None: 1}
    assert counters_are_right(tenant.pk)


def test_deleted_calls_go_without_being_counted_out_twice(agent, supervisor, tenant):
    call_id = hold_talk(agent, speakers=("speaker_1",))
    editing.delete(supervisor, call_id)
    assert erase(of_agent(agent)) == 1
    assert document_of(agent, call_id) is None
    assert store.counts(tenant.pk) == {}
    assert counters_are_right(tenant.pk)


def test_whole_calls_go_with_their_buckets(agent, settings):
    settings.EARSHOT_BUCKET_SEGMENTS = 4
    call_id = hold_talk(agent, speakers=("speaker_1",))
    for number in range(1, 6):
        say(agent, call_id, number=number, speakers=("speaker_1",))
    assert collection(BUCKETS).count_documents({"call_id": call_id})
    assert erase(of_agent(agent)) == 1
    assert documents_of(agent, call_id) == "[]"


def test_of_the_client_nothing_stays_and_of_the_agent_everything(agent, supervisor):
    call_id = hold_talk(agent, phone="+972 50 555")
    give_to_contact(agent, call_id, 81)
    work(supervisor, call_id)
    before = document_of(agent, call_id)
    assert erase(of_client(agent, contact_id=81)) == 1
    after, left = document_of(agent, call_id), documents_of(agent, call_id)
    for trace in ("dana-55", "Dana", "said by client", "corrected client", "hurry", "T-1", "555", "evidence 1"):
        assert trace in repr(before)
        assert trace not in left
    assert after["conversation"] == [one for one in before["conversation"] if one["speaker"] == "agent"]
    assert [one["heard_as"] for one in after["corrections"]] == ["agent"]
    assert [one["evidence"] for one in after["suspicion"]["reasons"]] == ["“evidence 0”"]
    assert after["suspicion"]["score"] == 0.5
    assert after["final_emotions"] == {"anger": 1.0}
    assert after["user_id"] == agent.pk
    assert after["version"] == before["version"] + 1
    assert after["erased_side"] == "client"


def test_of_the_agent_nothing_stays_and_of_the_client_everything(agent, supervisor, tenant):
    call_id = hold_talk(agent)
    work(supervisor, call_id)
    before = document_of(agent, call_id)
    assert erase(of_agent(agent)) == 1
    after, left = document_of(agent, call_id), documents_of(agent, call_id)
    for trace in ("said by agent", "corrected agent", "evidence 0"):
        assert trace in repr(before)
        assert trace not in left
    assert after["conversation"] == [one for one in before["conversation"] if one["speaker"] == "client"]
    assert after["user_id"] is after["owner_id"] is None
    assert after["history"][0]["by"] is None
    assert {one["by"] for one in after["notes"]} == {supervisor.pk}
    for name in ("external_user_id", "subject", "summary", "metadata", "notes", "renamed"):
        assert after[name] == before[name]
    shown = conversations.read_call(supervisor, call_id)
    assert {segment["speaker"] for segment in shown["conversation"]} == {"Dana"}
    assert "corrected client" in texts(shown)


def test_what_an_agent_wrote_in_their_own_call_stays_without_their_name(agent, supervisor):
    call_id = hold_talk(agent)
    work(agent, call_id)
    erase(of_agent(agent))
    after = document_of(agent, call_id)
    assert [(one["text"], one["by"]) for one in after["notes"]] == [("Dana is in a hurry", None)]
    assert {one["by"] for one in (*after["history"], *after["corrections"], *after["suspicion"]["reviews"])} <= {None}
    assert [one["by"] for one in conversations.read_call(supervisor, call_id)["notes"]] == [None]


def test_a_line_that_a_person_gave_to_the_other_side_goes_with_that_side(agent, supervisor):
    call_id = hold_talk(agent)
    editing.correct(supervisor, call_id, segment_id_of(call_id, "0000", 0), speaker="client")
    erase(of_client(agent))
    assert texts(document_of(agent, call_id)) == ["said by agent 0 2"]
    assert document_of(agent, call_id)["corrections"] == []


def test_exact_addresses_are_masked_in_what_stays(agent, supervisor):
    call_id = hold_talk(agent, speakers=("agent", "client"))
    calls().update_one(
        {"call_id": call_id},
        {
            "$set": {
                "conversation.1.text": "Write to Ann@Example.com, not to joann@example.com.",
                "conversation.1.words": [
                    {"text": word, "start_time": 3.0, "end_time": 3.1, "confidence": 1.0}
                    for word in ["Write", "to", "Ann@Example.com,", "not", "to", "joann@example.com."]
                ],
                "conversation.3.redactions": [
                    {
                        "kind": "email",
                        "start": 0,
                        "end": 4,
                        "original": "ann@example.com",
                        "start_time": None,
                        "end_time": None,
                    }
                ],
                "summary": "ann@example.com called",
                "metadata": {"from": ["ann@example.com"]},
            }
        },
    )
    erase(of_agent(agent, emails=("ann@example.com",)))
    left = documents_of(agent, call_id)
    assert "joann@example.com" in left
    assert "ann@example.com" not in left.replace("joann@example.com", "").lower()
    after = document_of(agent, call_id)
    assert after["summary"] == "[e-mail] called"
    assert after["metadata"] == {"from": ["[e-mail]"]}
    assert "[e-mail]" in " ".join(word["text"] for word in after["conversation"][0]["words"])


@pytest.mark.parametrize("order", [("agent", "client"), ("client", "agent")])
@pytest.mark.parametrize("is_planned_before", [True, False])
def test_once_both_sides_are_erased_the_call_is_gone(agent, supervisor, tenant, order, is_planned_before):
    call_id = hold_talk(agent)
    work(supervisor, call_id)
    subjects = {"agent": of_agent(agent), "client": of_client(agent)}
    first, second = order
    erase(subjects[first])
    assert document_of(agent, call_id) is not None
    if not is_planned_before:
        again = {"agent": of_agent, "client": of_client}[second](agent)
        assert again.calls == {call_id: Share.WHOLE}
        subjects[second] = again
    erase(subjects[second])
    assert documents_of(agent, call_id) == "[]"
    assert store.counts(tenant.pk) == {}
    assert counters_are_right(tenant.pk)


@pytest.mark.parametrize("who", [of_agent, of_client])
def test_again_is_the_same_as_once(agent, supervisor, tenant, who):
    for _ in range(3):
        work(supervisor, hold_talk(agent))
    hold_talk(agent, speakers=("speaker_1",))
    subject = who(agent)
    erase(subject)
    before = everything(tenant.pk)
    assert erased.erase(subject) == 0
    assert everything(tenant.pk) == before


@pytest.mark.parametrize("who", [of_agent, of_client])
@pytest.mark.parametrize("seed", range(3))
def test_what_dies_in_between_is_done_by_the_next(agent, tenant, monkeypatch, who, seed):
    order = random.Random(seed)  # noqa: S311
    monkeypatch.setattr(erased, "_ANEW_AT_ONCE", 1)
    monkeypatch.setattr(erased, "_AWAY_AT_ONCE", 1)
    for _ in range(6):
        hold_talk(agent, speakers=order.choice([("speaker_1",), ("agent", "client")]))
    subject = who(agent)
    expected = {call_id for call_id, share in subject.calls.items() if share is not Share.WHOLE}

    class Died(Exception):
        pass

    def die(_):
        if order.random() < 0.4:
            raise Died

    for _ in range(50):
        try:
            erased.erase(subject, progress=die)
        except Died:
            continue
        break
    assert (erased.count(subject), erased.search(subject)) == (0, 0)
    assert {one["call_id"] for one in everything(tenant.pk)} == expected
    assert counters_are_right(tenant.pk)


@pytest.mark.parametrize(("who", "kept"), [(of_agent, "client"), (of_client, "agent")])
def test_of_a_long_call_a_side_goes_from_every_bucket(agent, settings, who, kept):
    settings.EARSHOT_BUCKET_SEGMENTS = 4
    call_id = hold_talk(agent)
    feel(agent, call_id)
    for number in range(1, 8):
        say(agent, call_id, number=number)
    before = conversations.segments_of(tenant_id=agent.tenant_id, call_id=call_id)
    assert erase(who(agent)) == 1
    after = conversations.segments_of(tenant_id=agent.tenant_id, call_id=call_id)
    assert after == [segment for segment in before if segment["speaker"] == kept]
    spilled = document_of(agent, call_id)["spilled"]
    held = [one for bucket in collection(BUCKETS).find({"call_id": call_id}) for one in bucket["conversation"]]
    assert spilled["segments"] == len(held) > 0
    assert len(spilled["emotions"]) == 1
    # It goes on as before.
    say(agent, call_id, number=8)
    assert len(conversations.segments_of(tenant_id=agent.tenant_id, call_id=call_id)) == len(after) + 2


def test_nothing_that_an_erased_side_says_is_taken_in_any_more(agent):
    call_id = hold_talk(agent)
    erase(of_client(agent))
    say(agent, call_id, number=1, word="later")
    assert "later by client" not in documents_of(agent, call_id)
    assert "later by agent" in documents_of(agent, call_id)
    feel(agent, call_id)
    assert document_of(agent, call_id)["suspicion"]["reasons"] == []
    with pytest.raises(PersonForgotten):
        say(agent, call_id, number=2, speakers=("speaker_1",))


def test_boards_and_pages_that_are_open_are_told(agent):
    whole, by_side = hold_talk(agent, speakers=("speaker_1",)), hold_talk(agent)
    before = live.latest(agent.tenant_id)
    erase(of_agent(agent))
    assert live.latest(agent.tenant_id) >= before + 2
    assert document_of(agent, whole) is None
    assert document_of(agent, by_side) is not None


def test_the_index_is_told_of_what_a_call_says_no_more(agent):
    call_id = hold_talk(agent)
    indexing.index_stale()
    erase(of_agent(agent))
    from calls.models import IndexedCall  # noqa: PLC0415

    assert IndexedCall.objects.get(tenant=agent.tenant_id, call_id=call_id).stale_since is not None


def test_what_older_programs_kept_goes_too(agent, tenant):
    with old_installation():
        whole, by_side = hold_talk(agent, speakers=("speaker_1",)), hold_talk(agent)
        for name in ("call_segments_agent", "call_segments_client"):
            collection(name).insert_many(
                {"call_id": call_id, "tenant_id": company, "text": f"old {name}", "start_time": 1, "end_time": 2}
                for call_id in (whole, by_side)
                for company in (tenant.pk, tenant.pk + 1000)
            )
        collection("users").insert_many(
            [
                {"id": agent.pk, "tenant_id": tenant.pk, "name": "Ann"},
                {"id": agent.pk, "tenant_id": tenant.pk + 1000, "name": "Ben"},
                {"id": agent.pk + 1000, "tenant_id": tenant.pk, "emails": ["Ann@example.com"]},
            ]
        )
        assert erase(of_agent(agent, emails=("ann@example.com",))) == 2 + 3 + 2
        left = [
            (one["call_id"], one["tenant_id"] == tenant.pk, one["text"])
            for name in ("call_segments_agent", "call_segments_client")
            for one in collection(name).find({})
        ]
        assert [one for one in left if one[1]] == [(by_side, True, "old call_segments_client")]
        assert len([one for one in left if not one[1]]) == 4
        assert [one["name"] for one in collection("users").find({})] == ["Ben"]


def test_a_call_that_an_older_program_wrote_wrongly_can_be_erased(agent):
    call_id = hold_talk(agent)
    calls().with_options().database.command(
        {
            "update": "calls",
            "updates": [{"q": {"call_id": call_id}, "u": {"$set": {"status": "strange"}}}],
            "bypassDocumentValidation": True,
        }
    )
    assert erase(of_agent(agent)) == 1
    assert "said by agent" not in documents_of(agent, call_id)


def test_another_companys_calls_of_the_same_ids_stay(agent, stranger):
    call_id = hold_talk(agent, speakers=("speaker_1",))
    opening.create_call(stranger, {"call_id": call_id})
    before = document_of(stranger, call_id)
    erase(of_agent(agent))
    assert document_of(stranger, call_id) == before


def test_who_has_no_calls_leaves_everything_as_it_is(agent, tenant):
    hold_talk(agent)
    before = everything(tenant.pk)
    nobody = make_user(tenant, "agent")
    assert erase(Subject(tenant_id=tenant.pk, user_id=nobody.pk)) == 0
    assert everything(tenant.pk) == before


def test_the_second_look_finds_what_the_first_one_missed(agent):
    call_id = hold_talk(agent)
    subject = of_agent(agent)
    assert erased.search(subject) > 0
    assert erasing.count_with_side(agent.tenant_id, [call_id], "agent") == 1
    nothing = Subject(tenant_id=agent.tenant_id, user_id=agent.pk)
    assert erased.count(nothing) == 0
    assert erased.search(nothing) == 1, "by whose it is, whatever was collected"
