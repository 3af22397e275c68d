"""Erasing by a command: counted first, asked for by typing, seen through to the end."""

import io

import pytest
from django.core.management import CommandError, call_command

from crm.contacts import Identity
from crm.models import AuditEntry, Contact, ErasureRequest, PrivacyPolicy, User
from tests.builders import make_contact, make_user


@pytest.fixture
def dana(tenant):
    return make_contact(tenant, "Dana [Rivera]", identities=[Identity("chat", "dana")])


@pytest.fixture
def run(capsys, monkeypatch):
    def run(*arguments, typed=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        call_command(*map(str, arguments))
        return capsys.readouterr().out

    return run


def acts():
    return sorted(AuditEntry.objects.filter(act__startswith="erasure.").values_list("act", flat=True))


def test_a_dry_run_counts_and_changes_nothing(run, dana):
    printed = run("erase_contact", dana.pk, "--dry-run")
    assert "Nothing was changed." in printed
    assert Contact.objects.filter(pk=dana.pk).exists()
    assert not ErasureRequest.objects.exists()
    assert acts() == ["erasure.previewed"]


def test_a_contact_is_erased_once_its_id_was_typed(run, dana):
    with pytest.raises(CommandError, match="Nothing was erased"):
        run("erase_contact", dana.pk, typed="yes\n")
    assert Contact.objects.filter(pk=dana.pk).exists()
    printed = run("erase_contact", dana.pk, typed=f"{dana.pk}\n")
    assert "Dana [Rivera]" in printed
    assert "Complete. The certificate is in the archive under certificates/" in printed
    assert not Contact.objects.filter(pk=dana.pk).exists()
    assert acts() == ["erasure.completed", "erasure.requested"]


def test_a_contact_is_found_by_its_id_on_a_platform(run, dana):
    named = ["--platform", "chat", "--external-user-id", "dana"]
    with pytest.raises(CommandError, match="company"):
        run("erase_contact", *named, "--yes")
    run("erase_contact", "--tenant-id", dana.tenant_id, *named, "--yes")
    assert not Contact.objects.filter(pk=dana.pk).exists()


def test_a_user_is_erased(run, tenant):
    kim = make_user(tenant, "agent")
    assert "Complete." in run("erase_user", kim.pk, "--yes")
    assert not User.objects.filter(pk=kim.pk).exists()
    with pytest.raises(CommandError, match="no user"):
        run("erase_user", kim.pk, "--yes")


def test_the_last_admin_is_not_erased(run, tenant):
    admin = make_user(tenant, "admin")
    with pytest.raises(CommandError, match="last active admin"):
        run("erase_user", admin.pk, "--yes")


def test_what_a_company_has_set_holds_for_commands_too(run, dana, tenant):
    PrivacyPolicy.objects.create(tenant=tenant, four_eyes=True)
    assert "waits for the approval" in run("erase_contact", dana.pk, "--yes")
    assert Contact.objects.filter(pk=dana.pk).exists()
