"""What search looks through, of somebody: gone at once, whoever is indexing just then; the other side stays found."""

import pytest

from calls import editing, indexing, search
from calls.documents import segment_id_of
from calls.erasing import conversations as erased
from calls.erasing import search_index
from calls.models import IndexedCall, IndexedSegment
from tests.calls.erasing.talks import hold_talk, index, of_agent, of_client, say


def erase(subject):
    done = search_index.erase(subject)
    assert (search_index.count(subject), search_index.search(subject)) == (0, 0)
    return done


def rows(user):
    found = IndexedSegment.objects.filter(tenant=user.tenant_id).order_by("start_time")
    return [(one.speaker, one.text) for one in found]


def said_by(side):
    return [(side, f"said by {side} 0 {position}") for position in ((0, 2) if side == "agent" else (1, 3))]


def test_whole_calls_go_with_all_that_is_said_in_them(agent):
    hold_talk(agent, speakers=("speaker_1",))
    kept = hold_talk(agent, client="other", lines=1)
    index()
    subject = of_client(agent)
    assert search_index.count(subject) == 1 + 4
    erased.erase(subject)
    assert erase(subject) == 1 + 4
    assert [call.call_id for call in IndexedCall.objects.filter(tenant=agent.tenant_id)] == [kept]
    assert rows(agent) == [("agent", "said by agent 0 0")]


@pytest.mark.parametrize(("who", "gone", "kept"), [(of_agent, "agent", "client"), (of_client, "client", "agent")])
def test_of_a_call_by_side_the_side_is_found_no_more(agent, supervisor, who, gone, kept):
    hold_talk(agent)
    index()
    subject = who(agent)
    assert search_index.count(subject) >= 2
    erased.erase(subject)
    assert search.search(supervisor, f"said by {gone}").hits, "until its rows go"
    assert erase(subject) == 2
    assert rows(agent) == said_by(kept)
    index()
    assert rows(agent) == said_by(kept)


def test_so_it_is_for_sides_that_people_call_otherwise(agent, supervisor):
    call_id = hold_talk(agent)
    editing.rename_speaker(supervisor, call_id, name="client", to="Dana")
    editing.correct(supervisor, call_id, segment_id_of(call_id, "0000", 1), text="Dana corrected")
    index()
    assert ("Dana", "Dana corrected") in rows(agent)
    subject = of_client(agent)
    erased.erase(subject)
    assert search_index.count(subject) == 2
    erase(subject)
    assert rows(agent) == said_by("agent")
    call = IndexedCall.objects.get(tenant=agent.tenant_id)
    assert (call.subject, call.user_id) == ("", agent.pk)


def test_whose_a_call_is_is_said_no_more(agent):
    hold_talk(agent)
    index()
    subject = of_agent(agent)
    erased.erase(subject)
    erase(subject)
    assert IndexedCall.objects.get(tenant=agent.tenant_id).user_id is None


@pytest.mark.parametrize("speakers", [("speaker_1",), ("agent", "client")])
def test_who_has_read_a_call_before_and_writes_it_afterwards_writes_nothing(agent, speakers):
    call_id = hold_talk(agent, speakers=speakers)
    subject = of_agent(agent)
    (claimed,) = indexing._claim(agent.tenant_id)
    read = indexing._read(agent.tenant_id, call_id)
    erased.erase(subject)
    erase(subject)
    assert not indexing._write(claimed, read)
    assert (search_index.count(subject), search_index.search(subject)) == (0, 0)
    index()
    assert all(text.startswith("said by client") for _, text in rows(agent))


def test_again_is_the_same_as_once_and_others_stay(agent, stranger):
    hold_talk(agent)
    hold_talk(stranger)
    index()
    theirs = rows(stranger)
    subject = of_client(agent)
    erased.erase(subject)
    erase(subject)
    index()
    before = rows(agent)
    assert search_index.erase(subject) == 0
    assert (rows(agent), rows(stranger)) == (before, theirs)


def test_of_a_long_call_what_is_in_buckets_stays_found(agent, settings):
    settings.EARSHOT_BUCKET_SEGMENTS = 4
    call_id = hold_talk(agent)
    for number in range(1, 5):
        say(agent, call_id, number=number)
    index()
    before = [row for row in rows(agent) if row[0] == "client"]
    subject = of_agent(agent)
    erased.erase(subject)
    assert erase(subject) == 10
    assert rows(agent) == before
