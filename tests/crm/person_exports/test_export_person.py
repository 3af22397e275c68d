"""The command: an archive in a file of one's own, and nothing left to be fetched."""

import io
import stat
import zipfile

import pytest
from django.core.management import CommandError, call_command

from crm.models import AuditEntry, PersonExport
from tests.person_exports import BY_CLIENT, objects


def export(*arguments):
    said = io.StringIO()
    call_command("export_person", *map(str, arguments), stdout=said, stderr=io.StringIO())
    return said.getvalue()


def test_a_person_is_written_to_a_file_for_its_owner_alone(tenant, ada, call, tmp_path):
    path = tmp_path / "ada.zip"
    said = export("--company", tenant.name, "--contact-id", ada.pk, "--file", path)
    assert said.startswith("1 calls, ")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with zipfile.ZipFile(path) as archive:
        assert BY_CLIENT in archive.read("calls/0001/transcript.txt").decode()
    row = PersonExport.objects.get()
    assert (row.state, row.subject, objects()) == ("expired", {}, [])
    written = AuditEntry.objects.filter(act__startswith="person_export", tenant=tenant).order_by("pk")
    assert [*written.values_list("act", "via")] == [
        ("person_export.requested", "command"),
        ("person_export.fetched", "command"),
    ]


def test_it_says_what_is_wrong_and_overwrites_nothing(tenant, ada, tmp_path):
    path = tmp_path / "there.zip"
    path.write_text("mine")
    with pytest.raises(CommandError, match="already"):
        export("--company", tenant.name, "--contact-id", ada.pk, "--file", path)
    assert path.read_text() == "mine"
    with pytest.raises(CommandError, match="no contact"):
        export("--company", tenant.name, "--contact-id", 999_999, "--file", tmp_path / "new.zip")
    with pytest.raises(CommandError, match="no company"):
        export("--company", "Nobody & Sons", "--contact-id", ada.pk, "--file", tmp_path / "new.zip")
    assert not PersonExport.objects.exists()
