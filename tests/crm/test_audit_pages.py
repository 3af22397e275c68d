"""The pages of the audit log, and their forms."""

import re

import pytest
from django.core.cache import cache

from crm.audit import sealing
from crm.models import AuditEntry
from metrics import archive, keyring
from tests.builders import make_contact, make_user

PAGE = "/privacy/audit/"


@pytest.fixture(autouse=True)
def empty_archive(transactional_db):
    """Block numbers begin again with each test's empty database, and so must their anchors."""
    cache.clear()
    for name in list(archive.names("audit/")):
        archive.erase(name)


@pytest.fixture
def privacy(tenant, client):
    user = make_user(tenant, "privacy")
    client.force_login(user)
    return user


def words_of(page):
    """What can be read on the page, without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.content.decode()))


def did(actor, act, subject="", via="api"):
    AuditEntry.objects.create(
        tenant=actor.tenant, at=sealing.timezone.now(), act=act, via=via, actor=f"user:{actor.pk}", subject=subject
    )


@pytest.mark.parametrize("is_sealed", [False, True])
def test_it_says_in_plain_words_who_did_what_about_whom(client, privacy, agent, is_sealed):
    contact = make_contact(agent.tenant, "Ada Lovelace")
    did(agent, "contact.read", f"contact:{contact.pk}", via="page")
    if is_sealed:
        sealing.seal()
    told = words_of(client.get(PAGE))
    assert f"{agent} looked at a contact: Ada Lovelace on a page" in told
    assert ("block 1" if is_sealed else "not sealed yet") in told


def test_whoever_was_erased_is_told_as_such(client, privacy, agent):
    did(agent, "recording.played", "recording:x")
    sealing.seal()
    keyring.destroy(agent.tenant_id, f"user:{agent.pk}")
    told = words_of(client.get(PAGE))
    assert "An erased person" in told
    assert agent.username not in told.split("Nothing was written down")[0].split("block 1")[0].split("An erased")[1]


def test_filters_are_kept_in_the_address_and_shown_as_chips(client, privacy, agent):
    did(agent, "call.read", "call:c-1")
    did(privacy, "calls.searched")
    page = client.get(PAGE, {"act": "call", "who": f"user:{agent.pk}"})
    told = words_of(page)
    assert "What : Calls" in told
    assert f"Who : {agent}" in told
    assert "searched what was said on" not in told
    assert f'href="{PAGE}?act=call"' in page.content.decode(), "takes the other filter away"
    assert f"/api/audit/export?act=call&amp;who=user%3A{agent.pk}&amp;format=csv" in page.content.decode()


def test_an_id_that_is_typed_in_becomes_part_of_the_address(client, privacy):
    answer = client.get(PAGE, {"kind": "recording", "id": " 6f0e ", "via": "api"})
    assert (answer.status_code, answer["Location"]) == (302, f"{PAGE}?about=recording%3A6f0e&via=api")


def test_a_filter_that_makes_no_sense_asks_for_nothing(client, privacy, agent):
    did(agent, "call.read")
    asked = {"act": "nonsense", "who": "x", "about": "y", "via": "z", "since": "later", "until": "9999-12-31"}
    assert "read a call" in words_of(client.get(PAGE, asked))


def test_a_day_is_all_of_that_day(client, privacy, agent):
    did(agent, "call.read")
    today = sealing.timezone.now().date().isoformat()
    assert f"{agent} read a call" in words_of(client.get(PAGE, {"since": today, "until": today}))
    assert "Nothing was written down that fits" in words_of(client.get(PAGE, {"until": "2020-01-01"}))


def test_a_long_log_goes_on_on_the_next_page(client, privacy, agent, monkeypatch):
    monkeypatch.setattr("crm.pages.audit._Paging.page_size", 2)
    for _ in range(3):
        did(agent, "call.read")
    page = client.get(PAGE, {"act": "call"}).content.decode()
    (older,) = re.findall(r'rel="next" href="([^"]+)"', page)
    assert "act=call" in older
    assert words_of(client.get(older.replace("&amp;", "&"))).count("read a call on") <= 1
    assert client.get(PAGE, {"cursor": "nonsense"}).status_code == 404


def test_an_empty_log_says_what_will_be_there(client, privacy):
    assert "Nothing was written down yet" in words_of(client.get(PAGE))


def test_verifying_says_honestly_what_was_looked_at(client, privacy, agent):
    assert "Not verified lately" in words_of(client.get(PAGE))
    did(agent, "call.read")
    sealing.seal()
    did(agent, "call.read")
    assert client.post(f"{PAGE}verify/")["Location"] == PAGE
    told = words_of(client.get(PAGE))
    assert "The log is as it was sealed" in told
    assert "1 block with 2 entries agree with their hashes" in told
    AuditEntry.objects.filter(position=0).update(act="call.moved")
    client.post(f"{PAGE}verify/")
    told = words_of(client.get(PAGE))
    assert "The log is not as it was sealed" in told
    assert "Block 1 does not agree with its hash" in told


def test_what_is_shown_is_written_down(client, privacy):
    client.get(PAGE)
    client.post(f"{PAGE}verify/")
    assert [entry.act for entry in AuditEntry.objects.order_by("pk")] == ["audit.read", "audit.verified"]


@pytest.mark.parametrize("role", ["agent", "supervisor", "integration"])
def test_it_is_closed_to_who_may_not_read_it(client, tenant, role):
    client.force_login(make_user(tenant, role))
    assert client.get(PAGE).status_code == 403
