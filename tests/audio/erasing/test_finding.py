"""Whose recordings they are, and which go whole."""

from audio import erasing
from audio.erasing import shares
from audio.models import AudioSession
from metrics.erasing import Share, Subject
from tests.builders import make_session, make_user


def test_a_user_has_what_they_recorded_and_a_contact_what_their_calls_are(tenant, agent, stranger):
    own, other = make_session(agent, channels=2), make_session(make_user(tenant, "agent"))
    elsewhere = make_session(stranger)
    found = erasing.find(tenant.pk, user_id=agent.pk, call_ids=[own.call_id, other.call_id, elsewhere.call_id])
    assert {(one.session_id, one.call_id, one.channels, one.is_live) for one in found} == {
        (str(own.pk), own.call_id, 2, True),
        (str(other.pk), other.call_id, 1, True),
    }
    assert [one.session_id for one in erasing.find(tenant.pk, user_id=agent.pk)] == [str(own.pk)]
    assert erasing.find(tenant.pk) == []


def test_one_that_has_ended_is_not_live(tenant, agent):
    session = make_session(agent)
    AudioSession.objects.filter(pk=session.pk).update(status="failed")
    (found,) = erasing.find(tenant.pk, call_ids=[session.call_id])
    assert not found.is_live


def test_candidates_are_those_who_recorded(tenant, agent, stranger):
    make_session(agent)
    make_session(stranger)
    nobodys = make_session(make_user(tenant, "agent"))
    AudioSession.objects.filter(pk=nobodys.pk).update(user=None)
    assert erasing.candidates(tenant.pk) == {f"user:{agent.pk}"}


def shares_of(session, share):
    return shares.of(Subject(session.tenant_id, sessions={str(session.pk): share}))


def test_a_side_goes_where_each_has_a_channel(agent):
    session = make_session(agent, channels=2)
    assert shares_of(session, Share.CLIENT) == shares.Shares((), {str(session.pk): "client"})
    AudioSession.objects.filter(pk=session.pk).update(erased_side="client")
    assert shares_of(session, Share.CLIENT).sides == {str(session.pk): "client"}


def test_a_recording_goes_whole_when_its_sides_cannot_be_told_or_nothing_else_is_left(agent):
    mono, half_gone = make_session(agent), make_session(agent, channels=2)
    AudioSession.objects.filter(pk=half_gone.pk).update(erased_side="agent")
    for session in (mono, half_gone):
        assert shares_of(session, Share.CLIENT) == shares.Shares((str(session.pk),), {})


def test_what_is_gone_is_still_looked_for_and_what_is_anothers_is_not(agent, stranger):
    theirs = make_session(stranger)
    gone = "00000000-0000-4000-8000-000000000000"
    found = shares.of(Subject(agent.tenant_id, sessions={gone: Share.AGENT, str(theirs.pk): Share.WHOLE}))
    assert found == shares.Shares((gone,), {})
