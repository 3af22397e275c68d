"""The pages: the list as it stands, the form that asks, and removing."""

import re
from datetime import timedelta

import pytest

from crm.models import AuditEntry, PersonExport
from tests.person_exports import ask, made, objects

LIST, NEW = "/privacy/exports/", "/privacy/exports/new/"


@pytest.fixture
def desk(client, officer):
    """The browser of who looks after privacy."""
    client.force_login(officer)
    return client


def said(response):
    return " ".join(re.sub(r"<[^>]*>", " ", response.content.decode()).split())


def test_without_any_the_list_says_what_would_be_there(desk):
    page = said(desk.get(LIST))
    assert "No exports yet" in page
    assert "Export a person" in page


def test_the_list_says_how_each_stands(desk, officer, agent, ada, call):
    made(officer, contact_id=ada.pk)
    running = ask(officer, user_id=agent.pk)
    PersonExport.objects.filter(pk=running.pk).update(state="running", calls_done=3, calls_total=40)
    failed = ask(officer, platform="chat", external_user_id="77")
    PersonExport.objects.filter(pk=failed.pk).update(state="failed", error="It went wrong.")
    response = desk.get(LIST)
    page = said(response)
    assert "Ada Lovelace Customer Ready" in page
    assert "3 of 40 calls" in page
    assert "77 on chat Id on a platform Failed It went wrong." in page
    assert page.count("Download") == 1
    assert "data-busy" in response.content.decode()


def test_a_colleague_is_exported_by_the_form(desk, officer, agent):
    response = desk.post(NEW, {"kind": "user", "user_id": agent.pk, "contact_id": "", "includes_others": "on"})
    assert (response.status_code, response["Location"]) == (302, LIST)
    export = PersonExport.objects.get()
    assert (export.subject, export.includes_others, export.requested_by) == ({"user_id": agent.pk}, True, officer)
    entry = AuditEntry.objects.get(act="person_export.requested")
    assert entry.subject == f"person_export:{export.pk}"


def test_a_page_of_a_customer_leads_here_with_their_number(desk, ada):
    page = desk.get(NEW, {"contact_id": ada.pk}).content.decode()
    assert re.search(rf'name="contact_id" value="{ada.pk}"', page)
    assert re.search(r'value="contact"[^>]* checked', page)


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"kind": "contact", "contact_id": "999999"}, "There is no contact 999999."),
        ({"kind": "contact", "contact_id": ""}, "This is needed."),
        ({"kind": "external", "platform": "chat"}, "This is needed."),
        ({"kind": "external", "platform": "a chat", "external_user_id": "1"}, "One word, without spaces."),
        ({}, "This field is required."),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_beside_the_field(desk, given, word):
    response = desk.post(NEW, given)
    assert response.status_code == 200
    assert word in said(response)
    assert not PersonExport.objects.exists()


def test_removing_one_takes_its_archive_and_its_name(desk, officer, ada, call):
    archive = made(officer, contact_id=ada.pk)
    response = desk.post(f"{LIST}{archive.row.pk}/remove/", follow=True)
    page = said(response)
    assert "Nobody any more" in page
    assert "Ada" not in page
    assert objects() == []


def test_reading_the_list_again_while_one_is_made_is_one_act(desk):
    for _ in range(3):
        desk.get(LIST)
    assert AuditEntry.objects.filter(act="person_export.listed").count() == 1
    AuditEntry.objects.update(at=AuditEntry.objects.get().at - timedelta(minutes=11))
    desk.get(LIST)
    assert AuditEntry.objects.filter(act="person_export.listed").count() == 2
