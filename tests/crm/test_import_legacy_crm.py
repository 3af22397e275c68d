"""`import_legacy_crm`: the people and statuses of an older installation, with the numbers that its calls name."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from calls import statuses
from calls.models import CallStatus
from calls.store import client, legacy
from crm import contacts, forgotten, people
from crm.management.commands import import_legacy_crm
from crm.models import AuditEntry, Contact, User
from metrics import person_keys
from tests.builders import make_contact, make_tenant, make_user
from tests.calls.old_rows import old_installation


@pytest.fixture(autouse=True)
def old_collections(transactional_db):
    with old_installation():
        yield


@pytest.fixture
def far(transactional_db):
    """A number beyond which nothing here has one yet."""
    with connection.cursor() as cursor:
        for model in (User, Contact, CallStatus):
            cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id'))", [model._meta.db_table])
        cursor.execute("SELECT max(last_value) FROM pg_sequences")
        return cursor.fetchone()[0] + 1000


def write_users(*documents):
    client.collection(legacy.USERS).insert_many([dict(one) for one in documents])


def write_statuses(*documents):
    client.collection(legacy.STATUSES).insert_many([dict(one) for one in documents])


def bring_in(tenant, *arguments):
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", said)
        patch.setenv("COLUMNS", "140")
        call_command("import_legacy_crm", "--tenant-id", str(tenant.pk), *arguments)
    return said.getvalue()


def test_staff_become_users_who_get_in_by_a_link_alone(tenant, far):
    write_users(
        {"id": far + 1, "name": "Ada King", "email": "ada@example.com", "username": "ada", "role": "manager"},
        {"id": str(far + 2), "first_name": "Bob", "last_name": "Roe", "email": "bob@example.com", "password": "$2b$x"},
        {"id": far + 3, "username": "cy smith", "role": "Administrator", "active": "false"},
    )
    bring_in(tenant)
    told = (
        User.objects.filter(pk__gt=far).order_by("pk").values_list("pk", "username", "first_name", "role", "is_active")
    )
    assert list(told) == [
        (far + 1, "ada", "Ada King", "supervisor", True),
        (far + 2, "bob@example.com", "Bob Roe", "agent", True),
        (far + 3, "cy-smith", "", "admin", False),
    ]
    assert not any(user.has_usable_password() for user in User.objects.filter(pk__gt=far))
    assert set(User.objects.filter(pk__gt=far).values_list("tenant", flat=True)) == {tenant.pk}
    assert list(AuditEntry.objects.values_list("act", "tenant")) == [("company.imported", tenant.pk)]


def test_customers_become_contacts_with_their_numbers(tenant, far):
    write_users(
        {"id": far + 1, "name": "Eve Stone", "email": "Eve@Example.com", "phone": "+49 40 1234", "role": "customer"},
        {"id": far + 2.0, "full_name": "Nobody In Particular", "email": "not an address", "phone": "call me"},
        {"id": far + 3, "type": "client", "deleted": 1},
    )
    said = bring_in(tenant)
    assert contacts.with_phone(tenant.pk, "0049401234").get().pk == far + 1
    assert contacts.with_email(tenant.pk, "eve@example.com").get().pk == far + 1
    assert contacts.resolve(tenant.pk, "legacy-crm", str(far + 2)).names == ["Nobody In Particular"]
    assert not Contact.objects.filter(pk=far + 3).exists()
    assert f"contact {far + 3}: it was deleted" in said
    assert not User.objects.filter(pk__gt=far).exists()


def test_statuses_keep_their_numbers_and_colours(tenant, far):
    write_statuses(
        {"id": far + 1, "name": "New", "description": "just in", "color": "#0AF", "position": 2},
        {"id": str(far + 2), "name": "Won", "color": "green", "deleted": 0},
        {"id": far + 3, "name": "Lost", "deleted": 1},
    )
    bring_in(tenant)
    told = CallStatus.objects.filter(pk__gt=far).order_by("pk")
    assert [(one.pk, one.name, one.color, one.position, one.deleted) for one in told] == [
        (far + 1, "New", "#00aaff", 2, False),
        (far + 2, "Won", "#7c8595", 0, False),
        (far + 3, "Lost", "#7c8595", 0, True),
    ]
    assert statuses.known(tenant.pk, far + 1) == str(far + 1)


def test_twice_is_once_and_what_people_changed_since_stays(tenant, far):
    write_users({"id": far + 1, "username": "ada", "role": "agent"}, {"id": far + 2, "name": "Eve", "role": "customer"})
    write_statuses({"id": far + 3, "name": "New"})
    bring_in(tenant)
    people.change(User.objects.get(pk=far + 1), role="supervisor", name="Ada")
    contacts.change(tenant.pk, far + 2, {"names": ["Eve Stone"]})
    statuses.change(tenant.pk, far + 3, {"color": "#ff0000"})
    said = bring_in(tenant)
    assert "Left out" not in said
    assert User.objects.get(pk=far + 1).role == "supervisor"
    assert Contact.objects.get(pk=far + 2).names == ["Eve Stone"]
    assert CallStatus.objects.get(pk=far + 3).color == "#ff0000"
    assert AuditEntry.objects.filter(act="company.imported").count() == 1


def test_a_number_that_somebody_else_has_stays_theirs(tenant, stranger, far):
    contact = make_contact(stranger.tenant, "Somebody")
    status = statuses.create(stranger.tenant_id, {"name": "Theirs"})
    write_users(
        {"id": stranger.pk, "username": "ada", "role": "agent"},
        {"id": contact.pk, "name": "Eve", "role": "customer"},
        {"id": far + 1, "username": stranger.username, "role": "agent"},
    )
    write_statuses({"id": status.pk, "name": "Ours"})
    said = bring_in(tenant)
    assert f"user {stranger.pk}: the number is somebody else's here" in said
    assert f"contact {contact.pk}: the number is somebody else's here" in said
    assert f"status {status.pk}: the number is somebody else's here" in said
    assert f"user {far + 1}: somebody here has the username" in said
    assert User.objects.get(pk=stranger.pk).tenant == stranger.tenant
    assert Contact.objects.get(pk=contact.pk).names == ["Somebody"]
    assert CallStatus.objects.get(pk=status.pk).name == "Theirs"
    assert not User.objects.filter(tenant=tenant).exists()


def test_our_own_numbers_go_on_after_the_old_ones(tenant):
    highest = User.objects.order_by("pk").last()
    make_user(tenant, "agent")
    ahead = make_user(tenant, "agent").pk + 1000
    write_users(
        {"id": ahead, "username": "ada", "role": "agent"}, {"id": ahead + 1000, "name": "Eve", "role": "customer"}
    )
    write_statuses({"id": ahead + 2000, "name": "New"})
    bring_in(tenant)
    assert highest is None or highest.pk < ahead
    assert people.add(tenant, username="new", role="agent").pk > ahead
    assert make_contact(tenant, "New").pk > ahead + 1000
    assert statuses.create(tenant.pk, {"name": "Newer"}).pk > ahead + 2000


def test_a_dry_run_says_what_would_be_and_makes_nothing(tenant, far):
    write_users({"id": far + 1, "username": "ada", "role": "agent"}, {"id": far + 2, "name": "Eve", "role": "customer"})
    write_statuses({"id": far + 3, "name": "New"}, {"id": far + 4, "name": "New"})
    said = bring_in(tenant, "--dry-run")
    assert "would be made" in said
    assert f"status {far + 4}: There is a status called New already." in said
    assert "Nothing was made." in said
    assert not User.objects.filter(pk__gt=far).exists()
    assert not Contact.objects.filter(pk__gt=far).exists()
    assert not CallStatus.objects.filter(pk__gt=far).exists()
    assert not AuditEntry.objects.exists()


def test_who_has_been_erased_is_not_made_again(tenant, far):
    forgotten.forget(tenant.pk, person_keys.of_user(far + 1))
    forgotten.forget(tenant.pk, person_keys.of_contact(far + 2))
    write_users({"id": far + 1, "username": "ada", "role": "agent"}, {"id": far + 2, "name": "Eve", "role": "customer"})
    said = bring_in(tenant)
    assert said.count("they have been erased") == 2
    assert not User.objects.filter(pk__gt=far).exists()
    assert not Contact.objects.filter(pk__gt=far).exists()


def test_what_names_another_company_is_left_until_that_is_said_to_be_this_one(tenant, far):
    write_users({"id": far + 1, "username": "ada", "role": "agent", "tenant_id": 0})
    bring_in(tenant)
    assert not User.objects.filter(pk__gt=far).exists()
    client.collection(legacy.USERS).update_one({}, {"$set": {"tenant_id": far}})
    bring_in(tenant, "--from-company", str(far))
    assert User.objects.get(pk=far + 1).tenant == tenant


@pytest.mark.parametrize("number", [None, "abc", -1, 0, 1.5, True, 10**15, {"$gt": 0}])
def test_what_has_no_number_is_told(tenant, number):
    write_users({"id": number, "username": "ada", "role": "agent"})
    assert "it has no number" in bring_in(tenant)
    assert not User.objects.filter(username="ada").exists()


def test_a_role_that_nobody_knows_gives_the_least_rights(tenant, far):
    write_users(
        {"id": far + 1, "username": "ada", "role": "archmage"}, {"id": far + 2, "role": ["admin"], "login": "bob"}
    )
    bring_in(tenant)
    assert User.objects.get(pk=far + 1).role == "agent"


def test_there_may_be_nothing_to_bring_in(tenant):
    bring_in(tenant)
    assert not AuditEntry.objects.exists()


def test_a_company_that_is_not_there_is_told(db):
    with pytest.raises(CommandError, match="no company"):
        call_command("import_legacy_crm", "--tenant-id", str(make_tenant().pk + 1000))


def test_help_has_an_example():
    assert "Example: manage.py import_legacy_crm" in import_legacy_crm.Command.help
