"""Customers over REST and by verb, and that finding one stays quick in a large table."""

import json

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from crm import contacts
from crm.contacts import Identity
from crm.models import Contact, ContactIdentity, ContactKey
from crm.models.contacts import MOST_FOUND
from tests.builders import bearer, make_contact
from tests.scale import scaled

CONTACTS = "/api/crm/contacts"
ADA = {
    "names": ["Ada Lovelace", "Augusta Ada King"],
    "phones": ["+44 (20) 7946-0018"],
    "emails": ["Ada@Example.com"],
    "identities": [{"platform": "chat", "external_user_id": "42"}, {"platform": "web", "external_user_id": "ada"}],
}


@pytest.fixture
def desk(supervisor):
    return bearer(supervisor)


@pytest.fixture
def ada(desk):
    return desk.post(CONTACTS, ADA, format="json").json()


def found(desk, **lookup):
    response = desk.get(CONTACTS, lookup)
    assert response.status_code == 200, response.content
    return [contact["names"][0] for contact in response.json()["results"]]


def test_a_contact_is_kept_as_it_was_typed(desk, ada):
    kept = desk.get(f"{CONTACTS}/{ada['id']}").json()
    assert {name: kept[name] for name in ADA} == ADA
    assert kept == ada


@pytest.mark.parametrize(
    "lookup",
    [
        {"q": "ada"},
        {"q": "LOVE"},
        {"q": "augusta  ada k"},
        {"q": "+44 20 79"},
        {"q": "4420"},
        {"q": "ada@ex"},
        {"q": "42"},
        {"phone": "0044 20 7946 0018"},
        {"email": "ADA@example.com"},
        {"platform": "chat", "external_user_id": "42"},
        {"q": "ada", "email": "ada@example.com"},
    ],
    ids=json.dumps,
)
def test_a_contact_is_found_by(desk, ada, lookup):
    assert found(desk, **lookup) == ["Ada Lovelace"]


@pytest.mark.parametrize(
    "lookup",
    [
        {"q": "lace"},
        {"q": "%"},
        {"q": "_da"},
        {"q": "5"},
        {"q": "\u0301"},
        {"phone": "+44 20 7946 001"},
        {"phone": "none"},
        {"email": "ada"},
        {"platform": "web", "external_user_id": "42"},
        {"platform": "chat", "external_user_id": "4"},
        {"q": "ada", "email": "somebody@example.com"},
    ],
    ids=json.dumps,
)
def test_a_contact_is_not_found_by(desk, ada, lookup):
    assert found(desk, **lookup) == []


@pytest.mark.parametrize(("name", "text"), [("José Müller", "muller"), ("שרה לוי", "לוי"), ("Straße", "STRASSE")])
def test_names_are_found_without_accents_and_case(desk, tenant, name, text):
    make_contact(tenant, name)
    assert found(desk, q=text) == [name]


def test_several_contacts_may_share_a_phone(desk, tenant):
    for name in ("Parent", "Child"):
        make_contact(tenant, name, phones=["555 0100"])
    assert found(desk, phone="5550100") == ["Child", "Parent"]


def test_a_name_that_changed_finds_no_more_by_the_old_one(desk, ada):
    changed = desk.patch(f"{CONTACTS}/{ada['id']}", {"names": ["Countess"]}, format="json").json()
    assert (changed["phones"], changed["identities"]) == (ADA["phones"], ADA["identities"])
    assert found(desk, q="lovelace") == []
    assert found(desk, q="countess", phone=ADA["phones"][0]) == ["Countess"]


def test_an_id_that_was_taken_away_may_be_given_to_somebody_else(desk, tenant, ada):
    desk.patch(f"{CONTACTS}/{ada['id']}", {"identities": ADA["identities"][:1]}, format="json")
    grace = make_contact(tenant, "Grace", identities=[Identity("web", "ada")])
    assert contacts.resolve(tenant.pk, "web", "ada") == grace
    assert contacts.resolve(tenant.pk, "chat", "42").pk == ada["id"]
    assert contacts.resolve(tenant.pk, "chat", "43") is None


def test_an_id_belongs_to_one_contact_of_a_company(desk, ada):
    twin = {"names": ["Twin"], "identities": [{"platform": "chat", "external_user_id": "42"}]}
    response = desk.post(CONTACTS, twin, format="json")
    assert response.status_code == 409
    assert response.json()["error"]["code"] == "contact_taken"
    assert response.json()["error"]["fields"] == {"identities": ["42 on chat"]}
    assert Contact.objects.count() == 1, "nothing was made"


def test_a_change_that_is_refused_changes_nothing(desk, tenant, ada):
    grace = make_contact(tenant, "Grace", identities=[Identity("chat", "7")])
    wanted = {"names": ["Changed"], "identities": ADA["identities"]}
    assert desk.patch(f"{CONTACTS}/{grace.pk}", wanted, format="json").status_code == 409
    assert found(desk, q="grace", platform="chat", external_user_id="7") == ["Grace"]


def test_the_same_id_twice_is_the_same_as_once(desk):
    twice = {"identities": [{"platform": "chat", "external_user_id": "42"}] * 2}
    assert len(desk.post(CONTACTS, twice, format="json").json()["identities"]) == 1


def test_ids_of_others_are_never_our_users(desk, tenant, agent):
    make_contact(tenant, "Somebody", identities=[Identity("chat", str(agent.pk))])
    assert contacts.resolve(tenant.pk, "chat", str(agent.pk)).names == ["Somebody"]
    assert contacts.resolve(tenant.pk, "earshot", str(agent.pk)) is None


def test_another_company_may_use_the_same_id_and_sees_nothing_of_ours(stranger, desk, ada):
    theirs = bearer(stranger)
    assert found(theirs, q="ada") == found(theirs, email="ada@example.com") == found(theirs) == []
    assert theirs.post(CONTACTS, ADA, format="json").status_code == 201
    assert len(found(theirs, q="ada")) == len(found(desk, q="ada")) == 1
    for method in (theirs.get, theirs.patch, theirs.delete):
        assert method(f"{CONTACTS}/{ada['id']}").json()["error"]["code"] == "unknown_contact"
    assert found(desk, q="ada") == ["Ada Lovelace"]


def test_a_removed_contact_leaves_nothing_behind(desk, ada):
    assert desk.delete(f"{CONTACTS}/{ada['id']}").status_code == 204
    assert desk.delete(f"{CONTACTS}/{ada['id']}").status_code == 404
    assert not ContactKey.objects.exists()
    assert not ContactIdentity.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({}, "non_field_errors"),
        ({"names": []}, "non_field_errors"),
        ({"names": ["x"] * 21}, "names"),
        ({"names": ["x" * 256]}, "names"),
        ({"names": "Ada"}, "names"),
        ({"phones": ["12"]}, "phones"),
        ({"phones": ["555 0100 ext. 5"]}, "phones"),
        ({"phones": ["1" * 21]}, "phones"),
        ({"emails": ["ada"]}, "emails"),
        ({"identities": [{"platform": "chat"}]}, "identities"),
        ({"identities": [{"platform": "my chat", "external_user_id": "42"}]}, "identities"),
        ({"identities": [{"platform": "x" * 65, "external_user_id": "42"}]}, "identities"),
        ({"identities": [{"platform": "chat", "external_user_id": ""}]}, "identities"),
        ({"identities": [{"platform": "x", "external_user_id": str(n)} for n in range(501)]}, "identities"),
    ],
)
def test_what_cannot_be_right_is_422_and_names_the_field(desk, wrong, field):
    response = desk.post(CONTACTS, wrong, format="json")
    assert response.status_code == 422
    assert list(response.json()["error"]["fields"]) == [field]


@pytest.mark.parametrize(
    "lookup",
    [{"platform": "chat"}, {"external_user_id": "1"}, {"q": "x" * 256}, {"q": "\0"}, {"limit": "0"}],
)
def test_a_lookup_that_cannot_be_right_is_422(desk, lookup):
    assert desk.get(CONTACTS, lookup).status_code == 422


def test_pages_follow_one_another_newest_first(desk, tenant):
    for number in range(5):
        make_contact(tenant, f"Number {number}")
    page = desk.get(CONTACTS, {"q": "number", "limit": 2}).json()
    names = [contact["names"][0] for contact in page["results"]]
    while page["next"]:
        page = desk.get(page["next"]).json()
        names += [contact["names"][0] for contact in page["results"]]
    assert names == [f"Number {number}" for number in reversed(range(5))]


def test_a_page_costs_the_same_however_many_contacts_are_on_it(desk, tenant, django_assert_max_num_queries):
    for number in range(10):
        make_contact(tenant, f"Number {number}", identities=[Identity("chat", str(number))])
    found(desk)  # The first use of a token is noted.
    # Token, contacts, their identities, the entry in the audit log.
    with django_assert_max_num_queries(4):
        assert len(found(desk)) == 10


@pytest.fixture
def many(tenant, stranger):
    """Twenty thousand contacts of the company or more, and as many of another."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute(
            """
            WITH made AS (
                INSERT INTO crm_contact (tenant_id, names, phones, emails, created_at, updated_at)
                SELECT tenant, jsonb_build_array(n::text), '[]', '[]', now() - n * interval '1 minute', now()
                FROM generate_series(1, %s) n, unnest(%s) tenant RETURNING id, tenant_id, names ->> 0 AS number
            ), keyed AS (
                INSERT INTO crm_contactkey (tenant_id, contact_id, kind, value)
                SELECT tenant_id, id, kind, CASE kind WHEN 'phone' THEN '+49' ELSE 'person ' END || number
                FROM made, unnest(ARRAY['name', 'phone', 'email']) kind
            )
            INSERT INTO crm_contactidentity (tenant_id, contact_id, platform, external_user_id)
            SELECT tenant_id, id, 'chat', number FROM made
            """,
            [scaled(20_000, 200_000), [tenant.pk, stranger.tenant_id]],
        )
        cursor.execute("ANALYZE crm_contact, crm_contactkey, crm_contactidentity")


def test_no_lookup_reads_a_large_table_from_end_to_end(tenant, many):
    looks = {
        "all": Contact.objects.of,
        "rare start": lambda tenant: contacts.search(tenant, "person 77"),
        "common start": lambda tenant: contacts.search(tenant, "p"),
        "start of a phone": lambda tenant: contacts.search(tenant, "+4977"),
        "phone": lambda tenant: contacts.with_phone(tenant, "+49 77"),
        "e-mail": lambda tenant: contacts.with_email(tenant, "person 77"),
        "identity": lambda tenant: Contact.objects.with_identity(tenant, "chat", "77"),
    }
    for name, look in looks.items():
        with CaptureQueriesContext(connection) as queries:
            assert list(look(tenant.pk)[:101]), name
        for query in queries:
            nodes = list(nodes_of(plan_of(query["sql"])))
            assert "Seq Scan" not in {node["Node Type"] for node in nodes}, name
            read = max(node["Actual Rows"] * node["Actual Loops"] for node in nodes)
            assert read <= 3 * MOST_FOUND, f"{name}: no more than the search is allowed to look at"


def plan_of(sql):
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}")
        return cursor.fetchone()[0][0]["Plan"]


def nodes_of(node):
    yield node
    for child in node.get("Plans", []):
        yield from nodes_of(child)
