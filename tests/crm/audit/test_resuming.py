"""A database that went back to a backup: its chains go on, the archive knows why, and nothing else passes for that."""

import pytest

from crm.audit import resuming, sealing, verification
from crm.models import AuditBlock, AuditEntry
from tests.builders import make_tenant, make_user

pytestmark = pytest.mark.usefixtures("empty_archive")


def block_of(actor, did):
    did(actor)
    sealing.seal()
    return AuditBlock.objects.of_chain(actor.tenant_id).last()


def back_to(number):
    """The database as it was when that block was its last."""
    AuditEntry.objects.filter(block__number__gt=number).delete()
    AuditBlock.objects.filter(number__gt=number).delete()


def messages(found):
    return [finding.message for finding in found]


@pytest.fixture
def went_back(agent, did):
    for _ in range(3):
        block_of(agent, did)
    back_to(1)
    return agent


def test_a_database_that_went_back_is_told_from_the_archive(went_back):
    (finding,) = verification.verify().findings
    assert "restored from an older backup" in finding.message


def test_its_chain_goes_on_behind_what_the_archive_knows(went_back, did):
    assert resuming.resume() == 1
    block_of(went_back, did)
    numbers = AuditBlock.objects.of_chain(went_back.tenant_id).values_list("number", flat=True)
    assert list(numbers) == [1, 4, 5]
    report = verification.verify()
    assert report.findings == []
    assert messages(report.lost) == ["Blocks 2 to 3 went when a backup was restored that did not have them yet."]
    assert AuditEntry.objects.of_chain(went_back.tenant_id).filter(act="backup.restored").count() == 1
    assert resuming.resume() == 0


def test_the_company_can_have_it_verified_too(went_back):
    resuming.resume()
    report = verification.Report()
    assert verification.verify_company(went_back.tenant_id, report, verification.Place()) is None
    assert (report.findings, len(report.lost)) == ([], 1)


def test_it_may_go_back_again(went_back, did):
    resuming.resume()
    block_of(went_back, did)
    back_to(1)
    assert resuming.resume() == 1
    report = verification.verify()
    assert report.findings == []
    assert messages(report.lost) == ["Blocks 2 to 5 went when a backup was restored that did not have them yet."]


def test_what_is_removed_otherwise_is_found_as_ever(went_back, did):
    resuming.resume()
    block_of(went_back, did)
    AuditEntry.objects.filter(block__number=4).delete()
    AuditBlock.objects.filter(number=4).delete()
    assert "Block 2 is missing." in messages(verification.verify().findings)
    back_to(0)
    assert "removed" in messages(verification.verify().findings)[0]


def test_a_chain_made_anew_before_what_was_lost_is_found(went_back):
    resuming.resume()
    AuditBlock.objects.filter(number=1).update(hash="0" * 64)
    assert "Block 2 is missing." in messages(verification.verify().findings)


def test_a_company_that_the_backup_does_not_know_is_no_fault(went_back, did):
    later = make_user(make_tenant(), "agent")
    block_of(later, did)
    company = later.tenant
    AuditEntry.objects.of_chain(company.pk).delete()
    AuditBlock.objects.of_chain(company.pk).delete()
    later.delete()
    company.delete()
    assert resuming.resume() == 2
    report = verification.verify()
    assert report.findings == []
    assert min(messages(report.lost)).startswith("Blocks 1 to 1 went")
