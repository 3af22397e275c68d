"""A customer's contact goes with all it was found by, and nobody else's does."""

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone

from calls import live
from crm.audit import acts
from crm.contacts import Identity
from crm.erasure import contact as step
from crm.models import AuditEntry, Contact, ContactIdentity, ContactKey, HoldKind, LegalHold, MatchDue
from metrics.erasing import Identity as Named
from metrics.erasing import Subject
from tests.builders import make_contact
from tests.sockets import heard

PHONE = "+15550100"


@pytest.fixture
def noa(tenant):
    return make_contact(
        tenant, "Noa Unmistakable", phones=[PHONE], emails=["noa@example.com"], identities=[Identity("web", "noa")]
    )


@pytest.fixture
def other(tenant):
    return make_contact(tenant, "Omer", phones=["+15550199"], identities=[Identity("zoom", "noa")])


@pytest.fixture
def them(noa):
    return Subject(
        noa.tenant_id,
        contact_id=noa.pk,
        identities=(Named("web", "noa"),),
        phone_keys=(PHONE,),
        emails=("noa@example.com",),
    )


def test_nothing_of_a_contact_is_left_and_others_keep_theirs(agent, noa, other, them):
    of_kind = ContentType.objects.get_for_model(noa)
    LogEntry.objects.create(
        user=agent, content_type=of_kind, object_id=str(noa.pk), object_repr=str(noa), action_flag=CHANGE
    )
    acts.write("contact.read", actor=agent, subject=f"contact:{noa.pk}", via="web")
    acts.write("contact.read", actor=agent, subject=f"contact:{other.pk}", via="web")
    keys, dues = other.keys.count(), MatchDue.objects.filter(external_user_id="noa", platform="zoom").count()
    assert (dues, MatchDue.objects.count()) == (1, 4)
    found = step.count(them)
    # The contact, its name twice, phone and address, its id, what is to be matched by two of them, and two logs.
    assert found == 1 + 4 + 1 + 2 + 2
    told = []
    assert step.erase(them, progress=told.append) == found == sum(told)
    assert (step.count(them), step.search(them), step.erase(them)) == (0, 0, 0)
    assert list(Contact.objects.all()) == [other]
    assert [one.platform for one in ContactIdentity.objects.all()] == ["zoom"]
    assert ContactKey.objects.count() == keys
    assert MatchDue.objects.filter(external_user_id="noa").count() == 1
    assert not LogEntry.objects.exists()
    assert AuditEntry.objects.unsealed().count() == 0


def test_search_finds_their_phone_at_another_contact(tenant, noa, them):
    step.erase(them)
    make_contact(tenant, "Somebody", phones=["+1 555 0100"])
    assert step.count(them) == 1
    assert step.search(them) >= 1


def test_an_address_that_ends_as_theirs_is_somebody_elses(tenant, noa, them):
    step.erase(them)
    (address,) = them.emails
    make_contact(tenant, "Somebody", emails=[f"jo.{address}"])
    assert step.search(them) == 0
    make_contact(tenant, "Noa again", emails=[address.upper()])
    assert step.search(them) >= 1


def test_who_is_known_by_an_id_alone_loses_that_and_the_contact_stays(tenant, noa):
    them = Subject(tenant.pk, identities=(Named("web", "noa"),))
    ContactIdentity.objects.get(contact=noa)
    assert step.erase(them) >= 1
    assert (step.count(them), step.search(them)) == (0, 0)
    assert Contact.objects.get() == noa
    assert not ContactIdentity.objects.exists()


def test_another_company_keeps_its_own(stranger, them):
    theirs = make_contact(stranger.tenant, "Noa", phones=[PHONE], identities=[Identity("web", "noa")])
    before = MatchDue.objects.filter(tenant=stranger.tenant).count()
    step.erase(them)
    assert Contact.objects.of(stranger.tenant_id).get() == theirs
    assert theirs.identities.count() == 1
    assert MatchDue.objects.filter(tenant=stranger.tenant).count() == before


def test_holds_on_them_that_are_over_go_and_standing_ones_stay(tenant, noa, them):
    LegalHold.objects.create(
        tenant=tenant, kind=HoldKind.CONTACT, contact_id=noa.pk, reason="Noa's dispute", lifted_at=timezone.now()
    )
    LegalHold.objects.create(
        tenant=tenant,
        kind=HoldKind.EXTERNAL,
        platform="web",
        external_user_id="noa",
        reason="Noa's dispute",
        lifted_at=timezone.now(),
    )
    standing = LegalHold.objects.create(tenant=tenant, kind=HoldKind.CALL, call_id="c-1", reason="Another")
    step.erase(them)
    assert list(LegalHold.objects.all()) == [standing]


def test_whoever_looks_at_calls_is_told_to_look_again(noa, them):
    assert heard(live.group_of(noa.tenant_id), lambda: step.erase(them))


def test_a_colleague_is_no_contact(tenant, agent):
    nobody = Subject(tenant.pk, user_id=agent.pk)
    acts.write("person.read", actor=agent, subject=f"person:{agent.pk}", via="web")
    assert (step.count(nobody), step.erase(nobody), step.search(nobody)) == (0, 0, 0)
