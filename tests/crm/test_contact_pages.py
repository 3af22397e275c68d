import re
from datetime import UTC, datetime

import pytest

from calls import opening, statuses, store
from crm import contacts
from crm.contacts import Identity
from crm.models import AuditEntry, Contact
from tests.builders import make_contact, make_user

PAGES = "/contacts/"


@pytest.fixture
def supervisor(tenant):
    return make_user(tenant, "supervisor", first_name="Sam")


@pytest.fixture
def desk(client, supervisor):
    """The supervisor's browser."""
    client.force_login(supervisor)
    return client


def said(response):
    return " ".join(re.sub(r"<[^>]*>", " ", response.content.decode()).split())


def page_of(contact, what=""):
    return f"{PAGES}{contact.pk}/{what}"


def make_call(user, contact, **details):
    call, _ = opening.create_call(user, details)
    store.edit(
        {"tenant_id": user.tenant_id, "call_id": call["call_id"]},
        values={"contact_id": contact.pk},
        entry={"act": "changed", "by": user.pk, "at": call["created_at"]},
    )
    return call


def acts():
    return [*AuditEntry.objects.filter(act__startswith="contact.").order_by("pk").values_list("act", flat=True)]


def test_contacts_are_listed_newest_first_with_their_calls(desk, tenant, supervisor, stranger):
    ada = make_contact(tenant, "Ada Lovelace", "Countess", phones=["+49 40 1234"], emails=["ada@example.com"])
    make_contact(tenant, "Charles Babbage", identities=[Identity("telegram", "cb")])
    make_contact(stranger.tenant, "Theirs")
    make_call(supervisor, ada, start_time=datetime(2026, 1, 2, tzinfo=UTC))
    make_call(supervisor, ada)
    page = said(desk.get(PAGES))
    assert re.search(
        r"Charles Babbage cb on telegram 0 calls never Ada Lovelace \+1 \+49 40 1234 ada@example.com 2 calls ", page
    )
    assert "Theirs" not in page
    assert acts() == ["contact.listed"]


@pytest.mark.parametrize("words", ["love", "+4940", "040 12", "ADA@", "adalove"])
def test_a_contact_is_found_by_what_one_knows_of_them(desk, tenant, words):
    make_contact(tenant, "Ada Lovelace", phones=["+49 40 1234", "040 1234"], emails=["ada@example.com"])
    contacts.create(tenant.pk, names=["Grace"], identities=[Identity("web", "adalove")])
    found = [contact.names[0] for contact, _ in desk.get(PAGES, {"q": words}).context["rows"]]
    assert found == ["Grace" if words == "adalove" else "Ada Lovelace"]
    assert "Nobody found" in said(desk.get(PAGES, {"q": "mulder\0"}))


def test_a_long_list_is_walked_through_there_and_back(desk, tenant):
    assert "No contacts yet" in said(desk.get(PAGES))
    Contact.objects.bulk_create(Contact(tenant=tenant, names=[f"N{number}"]) for number in range(120))
    seen, address = [], PAGES
    while address:
        page = desk.get(address)
        seen += [contact.pk for contact, _ in page.context["rows"]]
        address = page.context["older"]
    assert len(seen) == len(set(seen)) == 120
    assert [contact.pk for contact, _ in desk.get(page.context["newer"]).context["rows"]] == seen[50:100]
    assert desk.get(PAGES, {"cursor": "nonsense"}).status_code == 404


def test_a_contacts_page_shows_their_calls_and_nobody_elses(desk, tenant, supervisor):
    ada, grace = make_contact(tenant, "Ada"), make_contact(tenant, "Grace")
    won = statuses.create(tenant.pk, {"name": "Won"})
    for number in range(52):
        make_call(supervisor, ada, subject=f"Call-{number:02}", start_time=datetime(2026, 1, 2, 10, number, tzinfo=UTC))
    make_call(supervisor, ada, subject="The last", status_id=str(won.pk))
    make_call(supervisor, grace, subject="Not hers")
    page = desk.get(page_of(ada))
    assert re.search("Calls 53 .* The last Sam Won .* Call-51 Sam No status", said(page))
    assert "Not hers" not in said(page)
    older = desk.get(page.context["older"])
    assert [call["subject"] for call, *_ in older.context["rows"]] == ["Call-02", "Call-01", "Call-00"]
    assert desk.get(older.context["newer"]).context["rows"][0][0]["subject"] == "The last"
    assert desk.get(page_of(ada), {"cursor": "WzFd"}).status_code == 404


def test_an_index_serves_a_contacts_calls(supervisor, tenant):
    ada = make_contact(tenant, "Ada")
    make_call(supervisor, ada)
    for _ in range(20):
        opening.create_call(supervisor, {})
    wanted = {"tenant_id": tenant.pk, "deleted": 0, "contact_id": ada.pk}
    found = store.client.calls().find(wanted).sort([("start_time", -1), ("id", -1)])
    plan = str(found.explain()["queryPlanner"]["winningPlan"])
    assert "tenant_contact_newest" in plan
    assert "SORT'" not in plan


def test_a_contact_is_added_changed_and_removed_and_its_calls_stay(desk, tenant, supervisor):
    given = {"names": "Ada Lovelace\nCountess", "phones": "+49 40 1234", "identities": "telegram ada lovelace"}
    answer = desk.post(f"{PAGES}new/", given)
    contact = Contact.objects.of(tenant.pk).get()
    assert answer.url == page_of(contact)
    assert [str(identity) for identity in contact.identities.all()] == ["ada lovelace on telegram"]
    call = make_call(supervisor, contact)

    desk.post(page_of(contact, "edit/"), {**given, "names": "Ada Byron", "emails": "ada@example.com"})
    contact.refresh_from_db()
    assert (contact.names, contact.phones, contact.emails) == (["Ada Byron"], ["+49 40 1234"], ["ada@example.com"])

    assert "Ada Byron is removed." in said(desk.post(page_of(contact, "remove/"), follow=True))
    assert desk.get(page_of(contact)).status_code == 404
    assert store.is_there({"tenant_id": tenant.pk, "call_id": call["call_id"]})
    assert [act for act in acts() if act != "contact.listed"] == [
        "contact.made",
        "contact.changed",
        "contact.removed",
    ]


def test_a_phone_that_another_contact_has_too_is_told(desk, tenant):
    ada = make_contact(tenant, "Ada", phones=["+49 40 1234", "555 111"])
    assert "Another contact has it too" not in said(desk.get(page_of(ada)))
    make_contact(tenant, "Byron", phones=["0049401234"])
    assert "+49 40 1234 Another contact has it too" in said(desk.get(page_of(ada)))


def test_what_cannot_be_kept_is_said_beside_its_field(desk, tenant):
    make_contact(tenant, "Ada", identities=[Identity("telegram", "ada")])
    for given, field in (
        ({}, "__all__"),
        ({"phones": "call me"}, "phones"),
        ({"emails": "nobody@"}, "emails"),
        ({"identities": "telegram"}, "identities"),
        ({"identities": "telegram ada"}, "identities"),
        ({"names": "x" * 256}, "names"),
    ):
        assert field in desk.post(f"{PAGES}new/", given).context["form"].errors, given
    assert Contact.objects.of(tenant.pk).count() == 1


def test_whoever_may_only_read_contacts_is_offered_no_change(client, tenant):
    contact = make_contact(tenant, "Ada")
    client.force_login(make_user(tenant, "privacy"))
    assert "Add contact" not in said(client.get(PAGES))
    assert f"{page_of(contact)}edit/" not in client.get(page_of(contact)).content.decode()
    assert client.get(page_of(contact, "edit/")).status_code == 403


def test_names_are_shown_as_they_are_and_never_as_markup(desk, tenant):
    contact = make_contact(tenant, "<i>عبد الرحمن</i>")
    for address in (PAGES, page_of(contact), page_of(contact, "edit/")):
        assert "&lt;i&gt;عبد الرحمن&lt;/i&gt;" in desk.get(address).content.decode()
