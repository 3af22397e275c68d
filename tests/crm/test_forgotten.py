"""Nothing is written again of somebody who has been erased; who tries is told that there is nobody."""

import threading

import pytest
from django.db import connection, transaction
from django.utils import timezone

from crm import contacts, forgotten
from crm.contacts import Identity
from crm.models import Contact, ContactIdentity, ContactKey, User
from metrics import keyring
from metrics.models import Forgotten
from tests.builders import bearer, make_contact, make_user
from tests.waiting import wait_until

CONTACTS = "/api/crm/contacts"
PEOPLE = "/api/crm/users"
ADA = {"names": ["Ada"], "identities": [{"platform": "chat", "external_user_id": "42"}]}
ADA_KEY = "external:chat:42"


@pytest.fixture
def desk(tenant):
    return bearer(make_user(tenant, "admin"))


@pytest.fixture
def ada(tenant):
    return make_contact(tenant, "Ada", identities=[Identity("chat", "42")])


def told(response):
    return response.status_code, response.json()


def all_contacts():
    return [
        sorted(model.objects.values_list(*fields))
        for model, fields in [
            (Contact, ("pk", "names", "phones", "emails", "updated_at")),
            (ContactKey, ("contact_id", "kind", "value")),
            (ContactIdentity, ("contact_id", "platform", "external_user_id")),
        ]
    ]


def last_id(model):
    """The number that was given last; the next one follows it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id'))", [model._meta.db_table])
        return cursor.fetchone()[0]


def anybody_waits_for_the_register():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        return cursor.fetchone()[0]


@pytest.mark.parametrize("key", ["contact", ADA_KEY], ids=["by number", "by an id it has"])
def test_a_contact_who_has_been_erased_is_changed_no_more(desk, tenant, ada, key):
    forgotten.forget(tenant.pk, f"contact:{ada.pk}" if key == "contact" else key)
    before = all_contacts()
    late = [
        desk.patch(f"{CONTACTS}/{ada.pk}", change, format="json")
        for change in ({"names": ["Countess"]}, {"identities": []}, {"phones": ["555 0100"]})
    ]
    assert all_contacts() == before
    contacts.remove(tenant.pk, ada.pk)
    absent = desk.patch(f"{CONTACTS}/{ada.pk}", {"names": ["Countess"]}, format="json")
    assert absent.status_code == 404
    assert [told(response) for response in late] == [told(absent)] * 3


def test_whoever_goes_by_an_id_that_was_erased_is_not_made_again(desk, tenant):
    forgotten.forget(tenant.pk, ADA_KEY)
    response = desk.post(CONTACTS, ADA, format="json")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "unknown_contact")
    assert all_contacts() == [[], [], []]


def test_an_id_that_was_erased_is_given_to_nobody_else(desk, tenant):
    grace = make_contact(tenant, "Grace")
    forgotten.forget(tenant.pk, ADA_KEY)
    before = all_contacts()
    response = desk.patch(f"{CONTACTS}/{grace.pk}", {"identities": ADA["identities"]}, format="json")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "unknown_contact")
    assert all_contacts() == before


def test_others_and_other_companies_are_written_of_as_before(desk, tenant, stranger, ada):
    forgotten.forget(tenant.pk, "external:web:42")
    forgotten.forget(stranger.tenant_id, ADA_KEY)
    forgotten.forget(stranger.tenant_id, f"contact:{ada.pk}")
    changed = desk.patch(f"{CONTACTS}/{ada.pk}", {"names": ["Countess"]}, format="json")
    assert (changed.status_code, changed.json()["names"]) == (200, ["Countess"])
    assert desk.post(CONTACTS, {"names": ["Ada"]}, format="json").status_code == 201


def test_a_colleague_who_has_been_erased_is_changed_no_more(desk, tenant):
    person, other = make_user(tenant, "agent"), make_user(tenant, "agent")
    forgotten.forget(tenant.pk, f"user:{person.pk}")
    before = User.objects.filter(pk=person.pk).values().get()
    late = [
        desk.patch(f"{PEOPLE}/{person.pk}", change, format="json")
        for change in ({"name": "Late"}, {"email": "late@example.com"}, {"role": "supervisor"}, {"is_active": False})
    ]
    assert User.objects.filter(pk=person.pk).values().get() == before
    person.delete()
    absent = desk.patch(f"{PEOPLE}/{before['id']}", {"name": "Late"}, format="json")
    assert absent.status_code == 404
    assert [told(response) for response in late] == [told(absent)] * 4
    assert desk.patch(f"{PEOPLE}/{other.pk}", {"name": "Other"}, format="json").json()["name"] == "Other"


def test_pages_and_the_admin_say_that_there_is_nobody(client, tenant, ada):
    admin, person = make_user(tenant, "admin"), make_user(tenant, "agent")
    forgotten.forget(tenant.pk, f"user:{person.pk}")
    forgotten.forget(tenant.pk, f"contact:{ada.pk}")
    client.force_login(admin)
    late = {"name": "Late", "email": "", "role": "agent"}
    assert client.get(f"/settings/people/{person.pk}/").status_code == 200
    assert client.post(f"/settings/people/{person.pk}/", late).status_code == 404
    assert client.post(f"/admin/crm/contact/{ada.pk}/change/", {"names": "Late"}).status_code == 404
    ada.refresh_from_db()
    person.refresh_from_db()
    assert (ada.names, person.name) == (["Ada"], "")


def test_the_number_of_somebody_erased_is_not_given_again(desk, client, tenant):
    """As a database would that was restored from a backup."""
    for model, kind in [(Contact, "contact"), (User, "user")]:
        last = last_id(model)
        for number in (last + 1, last + 2):
            forgotten.forget(tenant.pk, f"{kind}:{number}")
    made = desk.post(CONTACTS, ADA, format="json").json()
    added = desk.post(PEOPLE, {"username": "nova", "role": "agent"}, format="json").json()
    assert desk.patch(f"{CONTACTS}/{made['id']}", {"names": ["Countess"]}, format="json").status_code == 200
    assert desk.patch(f"{PEOPLE}/{added['id']}", {"name": "Nova"}, format="json").status_code == 200

    client.force_login(User.objects.create(username="root", is_superuser=True))
    number = last_id(User) + 1
    forgotten.forget(tenant.pk, f"user:{number}")
    form = {"username": "newcomer", "usable_password": "false", "tenant": tenant.pk, "role": "agent"}
    assert client.post("/admin/crm/user/add/", form).status_code == 302
    assert User.objects.get(username="newcomer").pk > number


def test_what_is_on_its_way_while_somebody_is_forgotten_is_not_written(desk, tenant):
    answers = []

    def make():
        answers.append(desk.post(CONTACTS, ADA, format="json").status_code)
        connection.close()

    making = threading.Thread(target=make)
    with transaction.atomic():
        forgotten._register._lock(tenant.pk)
        making.start()
        wait_until(anybody_waits_for_the_register, what="the request to ask")
        digest = keyring.digest(tenant.pk, ADA_KEY)
        Forgotten.objects.create(scope="crm", tenant_id=tenant.pk, digest=digest, at=timezone.now())
    making.join()
    assert answers == [404]
    assert not Contact.objects.exists()


@pytest.mark.usefixtures("archive_away")
def test_the_desk_needs_no_archive_while_nobody_is_forgotten(desk):
    made = desk.post(CONTACTS, ADA, format="json")
    assert made.status_code == 201
    assert desk.patch(f"{CONTACTS}/{made.json()['id']}", {"names": ["Countess"]}, format="json").status_code == 200
    assert desk.post(PEOPLE, {"username": "nova", "role": "agent"}, format="json").status_code == 201


def test_who_is_forgotten_cannot_be_told_without_the_archive_so_it_is_to_be_asked_again(
    desk, client, tenant, ada, request
):
    forgotten.forget(tenant.pk, "contact:1")
    request.getfixturevalue("archive_away")
    for response in (
        desk.post(CONTACTS, {"names": ["Grace"]}, format="json"),
        desk.patch(f"{CONTACTS}/{ada.pk}", {"names": ["Countess"]}, format="json"),
        desk.post(PEOPLE, {"username": "nova", "role": "agent"}, format="json"),
    ):
        assert (response.status_code, response.json()["error"]["code"]) == (503, "archive_unavailable")
    client.force_login(User.objects.get(role="admin"))
    page = client.post("/settings/people/new/", {"username": "nova", "role": "agent"})
    assert (page.status_code, page["Retry-After"]) == (503, "5")
    assert Contact.objects.get().names == ["Ada"]
    assert not User.objects.filter(username="nova").exists()
