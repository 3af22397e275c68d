"""What is found in the log, sealed or not, and how it names whom and what."""

from datetime import timedelta

import pytest
from django.utils import timezone

from crm import contacts, tokens
from crm.audit import naming, reading, sealing
from crm.audit.naming import Names
from crm.audit.reading import Asked
from crm.models import AuditEntry, Token, User
from metrics import keyring
from tests.builders import bearer, make_contact, make_session, make_user

pytestmark = pytest.mark.usefixtures("empty_archive")


def listed(user, **asked):
    answer = bearer(user).get("/api/audit", asked)
    assert answer.status_code == 200, answer.json()
    return answer.json()["results"]


@pytest.fixture
def privacy(tenant):
    return make_user(tenant, "privacy")


@pytest.fixture(params=["not sealed", "sealed"])
def then(request):
    """Go on with the entries as they came in, or sealed."""
    return sealing.seal if request.param == "sealed" else lambda: None


def test_the_newest_comes_first_with_words_for_people(privacy, agent, session, did, then):
    did(agent)
    did(agent, "recording.played", f"recording:{session.pk}")
    then()
    newest, before = listed(privacy)
    assert (newest["act"], newest["words"], newest["via"]) == ("recording.played", "played a recording", "api")
    assert newest["actor"]["name"] == agent.username
    assert newest["subject"]["id"] == str(session.pk)
    assert (before["act"], before["subject"]) == ("recording.listed", None)


def test_an_entry_tells_its_block_once_it_is_sealed(privacy, agent, did):
    did(agent)
    assert [(entry["block"], entry["position"]) for entry in listed(privacy)] == [(None, None)]
    sealing.seal()
    assert (listed(privacy)[-1]["block"], listed(privacy)[-1]["position"]) == (1, 0)


def test_what_somebody_did_is_found_by_their_id_before_and_after_it_is_sealed(privacy, agent, supervisor, did, then):
    did(agent)
    then()
    did(agent)
    did(supervisor)
    assert len(listed(privacy, who=f"user:{agent.pk}")) == 2


@pytest.mark.parametrize("kind", ["recording", "call", "token", "status", "person", "contact"])
def test_what_is_about_somebody_or_something_is_found_by_its_id(privacy, agent, did, then, kind):
    tokens.issue(agent, name="recorder")
    session = make_session(agent)
    things = {
        "recording": session.pk,
        "call": session.call_id,
        "token": Token.objects.first().pk,
        "status": 7,
        "person": agent.pk,
        "contact": make_contact(agent.tenant, "Ada").pk,
    }
    for name, thing in things.items():
        did(privacy, f"{name}.read", f"{name}:{thing}")
        did(agent, f"{name}.read", f"{name}:{thing}")
    then()
    found = listed(privacy, about=f"{kind}:{things[kind]}")
    assert [entry["act"] for entry in found] == [f"{kind}.read"] * 2


def test_an_act_a_kind_of_acts_a_door_and_a_time_are_filters(privacy, agent, did):
    did(agent, "call.read")
    did(agent, "calls.searched", via="page")
    did(agent, "call.moved", via="admin")
    AuditEntry.objects.filter(act="call.read").update(at=timezone.now() - timedelta(days=2))
    yesterday = (timezone.now() - timedelta(days=1)).isoformat()
    assert {entry["act"] for entry in listed(privacy, act="call")} == {"call.read", "call.moved"}
    assert {entry["act"] for entry in listed(privacy, act="call.moved")} == {"call.moved"}
    assert {entry["act"] for entry in listed(privacy, via="page")} == {"calls.searched"}
    assert {entry["act"] for entry in listed(privacy, until=yesterday)} == {"call.read"}
    assert {entry["act"] for entry in listed(privacy, since=yesterday, who=f"user:{agent.pk}")} == {
        "calls.searched",
        "call.moved",
    }


def test_what_commands_did_is_found_too(privacy, tenant, did):
    did(None, "call.duplicates_merged", via="command", tenant_id=tenant.pk)
    did(privacy)
    (entry,) = listed(privacy, who="command")
    assert (entry["actor"]["kind"], entry["actor"]["name"]) == ("command", "A command")


def test_a_list_goes_on_by_its_cursor(privacy, agent, did):
    for _ in range(5):
        did(agent)
    api = bearer(privacy)
    first = api.get("/api/audit", {"limit": 3, "who": f"user:{agent.pk}"}).json()
    second = api.get(first["next"]).json()
    assert [len(first["results"]), len(second["results"])] == [3, 2]
    assert second["next"] is None
    assert api.get(second["previous"]).json()["results"] == first["results"]


def test_another_companys_log_is_not_read(privacy, stranger, did, then):
    did(stranger)
    then()
    assert listed(privacy) == []
    assert listed(privacy, who=f"user:{stranger.pk}") == []


def test_who_runs_the_site_is_named_as_such(privacy, tenant, did, then):
    root = User.objects.create(username="root", is_superuser=True)
    did(root, "call.read", tenant_id=tenant.pk, via="admin")
    then()
    assert listed(privacy)[0]["actor"]["name"] == "root (runs the site)"


def test_a_contact_is_named_by_its_name(privacy, tenant, did, then):
    contact = make_contact(tenant, "Ada Lovelace")
    did(privacy, "contact.read", f"contact:{contact.pk}")
    then()
    subject = listed(privacy)[0]["subject"]
    assert (subject["id"], subject["name"]) == (str(contact.pk), "Ada Lovelace")


def test_whoever_was_erased_is_an_erased_person_with_a_pseudonym_that_finds_what_else_they_did(privacy, agent, did):
    did(agent)
    did(agent, "recording.played")
    sealing.seal()
    keyring.destroy(agent.tenant_id, f"user:{agent.pk}")
    actor = listed(privacy)[0]["actor"]
    assert (actor["name"], actor["id"], actor["is_erased"]) == ("An erased person", "", True)
    assert naming.is_pseudonym(actor["pseudonym"])
    assert {entry["act"] for entry in listed(privacy, who=actor["key"])} == {"recording.listed", "recording.played"}
    assert listed(privacy, who=f"user:{agent.pk}") == []


def test_a_recording_of_somebody_erased_keeps_a_pseudonym_that_finds_what_else_was_done_with_it(
    privacy, agent, session, did
):
    did(privacy, "recording.played", f"recording:{session.pk}")
    did(privacy, "recording.read", f"recording:{session.pk}")
    sealing.seal()
    keyring.destroy(agent.tenant_id, f"user:{agent.pk}")
    subject = listed(privacy, act="recording.played")[0]["subject"]
    assert (subject["kind"], subject["id"]) == ("recording", "")
    assert {entry["act"] for entry in listed(privacy, about=subject["key"])} == {"recording.played", "recording.read"}


def test_a_contact_that_was_removed_is_told_as_gone(privacy, tenant, did, then):
    contact = make_contact(tenant, "Ada Lovelace")
    did(privacy, "contact.read", f"contact:{contact.pk}")
    then()
    contacts.remove(tenant.pk, contact.pk)
    subject = listed(privacy)[0]["subject"]
    assert (subject["name"], subject["is_erased"]) == (naming.GONE_CONTACT, True)


def test_with_more_contacts_than_are_compared_nobody_is_called_gone_who_may_be_there(privacy, tenant, did, monkeypatch):
    monkeypatch.setattr(naming, "MOST_CONTACTS", 1)
    oldest = make_contact(tenant, "Ada")
    make_contact(tenant, "Grace")
    did(privacy, "contact.read", f"contact:{oldest.pk}")
    sealing.seal()
    subject = listed(privacy)[0]["subject"]
    assert (subject["name"], subject["is_erased"]) == ("", False)
    assert listed(privacy, about=f"contact:{oldest.pk}")[0]["subject"]["pseudonym"] == subject["pseudonym"]


def test_somebody_on_a_platform_is_never_taken_for_one_of_us(privacy, agent, did, then):
    did(privacy, "person.figures_read", f"person:{agent.pk}")
    then()
    subject = listed(privacy)[0]["subject"]
    assert subject["name"] == ""
    assert subject["is_erased"] is False


@pytest.mark.parametrize(
    "asked",
    [
        {"act": "nonsense"},
        {"who": "ada"},
        {"who": "user:x"},
        {"about": "recording"},
        {"about": ":7"},
        {"via": "window"},
        {"since": "yesterday"},
    ],
)
def test_a_filter_that_makes_no_sense_is_a_422(privacy, asked):
    assert bearer(privacy).get("/api/audit", asked).status_code == 422


def test_naming_takes_few_queries_however_many_entries_there_are(privacy, agent, did, django_assert_max_num_queries):
    for session in [make_session(agent) for _ in range(3)] * 10:
        did(agent, "recording.played", f"recording:{session.pk}")
    sealing.seal()
    with django_assert_max_num_queries(4):
        entries = list(reading.find(agent.tenant_id, Asked()))
        told = reading.told(entries, Names(agent.tenant_id))
    assert len({entry["subject"].id for entry in told} - {""}) == 3


def test_reading_the_log_is_written_down_once_for_all_pages_of_it(privacy, did):
    for _ in range(3):
        listed(privacy)
    assert [entry.act for entry in AuditEntry.objects.all()] == ["audit.read"]


def test_while_the_archive_is_away_nobody_is_named_wrongly(privacy, agent, did, archive_away):
    did(agent)
    answer = bearer(privacy).get("/api/audit", {"who": f"user:{agent.pk}"})
    assert (answer.status_code, answer.headers.get("Retry-After") is not None) == (503, True)
