"""Who is meant by an id, everything they go by, and what of every call is theirs."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audio.models import AudioSession
from crm import contacts, matching
from crm.contacts import Identity
from crm.erasure import subjects
from crm.errors import UnknownSubject
from crm.models import SubjectKind, User
from metrics.erasing import Identity as Named
from metrics.erasing import Share, Subject
from metrics.errors import BadPersonKey
from tests.builders import make_contact, make_session, make_user
from tests.crm.erasure.people import make_call, make_customer, said


def test_an_id_that_a_contact_goes_by_is_that_contact_and_says_so(tenant):
    dana = make_contact(tenant, "Dana", identities=[Identity("chat", "dana")])
    asked = subjects.asked_of(tenant.pk, platform="chat", external_user_id="dana")
    assert (asked.kind, asked.contact_id) == (SubjectKind.CONTACT, dana.pk)
    assert subjects.name_of(tenant.pk, asked) == "Dana (dana on chat)"
    assert asked.named == subjects.asked_of(tenant.pk, contact_id=dana.pk).named


def test_an_id_that_nobody_goes_by_stands_for_itself(tenant):
    asked = subjects.asked_of(tenant.pk, platform="chat", external_user_id="nobody")
    assert (asked.kind, asked.contact_id) == (SubjectKind.EXTERNAL, None)
    assert subjects.who(tenant.pk, asked).person_keys == ("external:chat:nobody",)
    assert subjects.name_of(tenant.pk, asked) == "nobody on chat"


@pytest.mark.parametrize("named", [{}, {"user_id": 1, "contact_id": 1}, {"contact_id": 1, "platform": "chat"}])
def test_one_way_of_naming_somebody_is_needed(tenant, named):
    with pytest.raises(UnknownSubject):
        subjects.asked_of(tenant.pk, **named)


def test_an_id_that_nobody_can_have_is_refused(tenant):
    with pytest.raises(BadPersonKey):
        subjects.asked_of(tenant.pk, platform="chat", external_user_id="")


def test_a_contact_is_all_its_ids_and_the_phones_and_addresses_that_are_its_alone(tenant, stranger):
    dana = make_contact(
        tenant,
        "Dana",
        phones=["040 1", "040 222"],
        emails=["Dana@Example.org", "family@example.org", "desk@example.org"],
        identities=[Identity("web", "d"), Identity("chat", "dana")],
    )
    make_contact(tenant, "Her brother", phones=["040-222"], emails=["FAMILY@example.org"])
    make_contact(stranger.tenant, "Elsewhere", phones=["040 1"], emails=["dana@example.org"])
    make_user(tenant, "agent", email="desk@example.org")
    subject = subjects.look(tenant.pk, subjects.asked_of(tenant.pk, contact_id=dana.pk))
    assert subject.identities == (Named("chat", "dana"), Named("web", "d"))
    assert subject.phone_keys == ("0401",)
    assert subject.emails == ("dana@example.org",)


def test_a_colleague_goes_by_their_address_unless_others_have_it_too(tenant):
    kim = make_user(tenant, "agent", email="Kim@example.org")
    asked = subjects.asked_of(tenant.pk, user_id=kim.pk)
    assert subjects.who(tenant.pk, asked).emails == ("kim@example.org",)
    make_user(tenant, "agent", email="kim@example.org")
    assert subjects.who(tenant.pk, asked).emails == ()


def test_an_address_that_somebody_else_signs_in_by_is_not_theirs_alone(tenant):
    kim = make_user(tenant, "agent", email="sales@example.org")
    User.objects.filter(pk=make_user(tenant, "agent").pk).update(username="Sales@example.org")
    assert subjects.who(tenant.pk, subjects.asked_of(tenant.pk, user_id=kim.pk)).emails == ()


def test_a_call_goes_by_sides_where_one_knows_who_speaks(tenant, agent):
    dana, by_sides = make_customer(tenant, agent, ident="dana")
    unknown = make_call(agent, said("speaker_1", "Hello?"), platform="chat", external_user_id="dana", user_id=agent.pk)
    alone = make_call(agent, said("client", "Hello?"), platform="chat", external_user_id="dana")
    make_call(agent, said("client", "Hello?"), platform="chat", external_user_id="somebody")
    subject = subjects.look(tenant.pk, subjects.asked_of(tenant.pk, contact_id=dana.pk))
    assert subject.calls[by_sides] is Share.CLIENT
    assert subject.calls[unknown] is Share.WHOLE
    assert alone in subject.calls
    assert len(subject.calls) == 3
    theirs = subjects.look(tenant.pk, subjects.asked_of(tenant.pk, user_id=agent.pk))
    assert theirs.calls[by_sides] is Share.AGENT
    assert theirs.calls[unknown] is Share.WHOLE


def test_a_recording_goes_by_sides_when_it_has_a_channel_for_each(tenant, agent):
    call = {"platform": "chat", "external_user_id": "dana"}
    mono, stereo = make_session(agent, call=dict(call)), make_session(agent, call=dict(call), channels=2)
    subject = subjects.look(tenant.pk, subjects.asked_of(tenant.pk, platform="chat", external_user_id="dana"))
    assert subject.sessions == {str(mono.pk): Share.WHOLE, str(stereo.pk): Share.CLIENT}
    assert subject.calls == {mono.call_id: Share.WHOLE, stereo.call_id: Share.CLIENT}
    theirs = subjects.look(tenant.pk, subjects.asked_of(tenant.pk, user_id=agent.pk))
    assert theirs.sessions == {str(mono.pk): Share.WHOLE, str(stereo.pk): Share.AGENT}


def test_somebody_whose_row_is_gone_is_there_while_calls_name_them(tenant, agent):
    dana = make_contact(tenant, "Dana", phones=["040 1234"])
    call_id = make_call(agent, said("client", "Hello?"), phone="040 1234")
    matching.match()
    contacts.remove(tenant.pk, dana.pk)
    asked = subjects.asked_of(tenant.pk, contact_id=dana.pk)
    assert list(subjects.look(tenant.pk, asked).calls) == [call_id]
    assert subjects.name_of(tenant.pk, asked) == f"Contact {dana.pk}"
    with pytest.raises(UnknownSubject):
        subjects.asked_of(tenant.pk, contact_id=dana.pk + 1000)


def test_an_account_that_is_gone_without_a_trace_is_nobody(tenant, agent):
    user_id = agent.pk
    AudioSession.objects.filter(user=agent).delete()
    User.objects.filter(pk=user_id).delete()
    with pytest.raises(UnknownSubject):
        subjects.asked_of(tenant.pk, user_id=user_id)


# The first example is slow to make on a busy machine.
AT_EASE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
texts = st.text(max_size=20)
shares = st.dictionaries(texts, st.sampled_from(list(Share)), max_size=5)
everybody = st.builds(
    Subject,
    tenant_id=st.just(1),
    user_id=st.none() | st.integers(1, 9),
    contact_id=st.none() | st.integers(1, 9),
    identities=st.lists(st.builds(Named, texts, texts), max_size=3, unique=True).map(tuple),
    phone_keys=st.lists(texts, max_size=3, unique=True).map(tuple),
    emails=st.lists(texts, max_size=3, unique=True).map(tuple),
    calls=shares,
    sessions=shares,
)


@given(everybody)
@AT_EASE
def test_what_is_kept_of_a_plan_is_all_of_it(subject):
    assert subjects.from_json(1, subjects.as_json(subject)) == subject


@given(everybody, everybody)
@AT_EASE
def test_what_is_known_twice_is_never_less_than_either(one, other):
    both = subjects.merged(one, other)
    assert subjects.merged(both, other) == both
    for few, all_of_it in [(one.calls, both.calls), (other.sessions, both.sessions)]:
        assert all(all_of_it[thing] in {share, Share.WHOLE} for thing, share in few.items())
    assert set(both.identities) == {*one.identities, *other.identities}
