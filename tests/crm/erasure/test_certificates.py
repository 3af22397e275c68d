"""A certificate proves that an erasure was complete, to who has nothing but the certificate and a public key."""

import base64
import io
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import CommandError, call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm.erasure import certificates, requests, running, subjects
from tests.builders import make_contact

NAME = "Xanthippe Quetzalcoatl"


@pytest.fixture
def certificate(officer, tenant):
    contact = make_contact(tenant, NAME, emails=["xanthippe@example.org"], phones=["+49 40 778899"])
    asked = subjects.asked_of(tenant.pk, contact_id=contact.pk)
    request = running.run(requests.ask(officer, asked, reason=f"{NAME} wrote.").pk)
    assert request.state == "completed", request.error
    return certificates.certificate_of(request)


def verify(tmp_path, content, *arguments):
    file = tmp_path / "certificate.json"
    file.write_bytes(content)
    out = io.StringIO()
    call_command("verify_certificate", str(file), *arguments, stdout=out)
    return out.getvalue()


def test_a_certificate_says_what_was_done_and_nothing_of_whom(certificate):
    assert certificate["product"] == "Earshot"
    assert certificate["kind"] == "contact"
    assert (certificate["people"], certificate["calls"]) == (1, 0)
    assert certificate["requested_at"] <= certificate["started_at"] <= certificate["completed_at"]
    assert all(row["left"] == 0 and row["found_again"] == 0 for row in certificate["stores"])
    assert any(row["erased"] for row in certificate["stores"] if row["store"] == "postgres")
    written = json.dumps(certificate)
    assert not any(word in written for word in ["Xanthippe", "xanthippe", "778899"])


def test_a_certificate_holds_also_in_another_form_of_the_same_json(certificate, tmp_path):
    assert certificate["request_id"] in verify(tmp_path, certificates.canonical(certificate))
    verify(tmp_path, json.dumps(certificate, indent=4).encode())
    verify(tmp_path, json.dumps(certificate).encode(), "--key", certificate["public_key"])


def test_no_certificate_holds_once_anything_of_it_was_changed(certificate):
    @given(st.data())
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def check(data):
        changed = json.loads(json.dumps(certificate))
        field = data.draw(st.sampled_from(sorted(changed)))
        if field == "stores":
            row = data.draw(st.sampled_from(changed["stores"]))
            row[data.draw(st.sampled_from(sorted(row)))] = data.draw(st.integers(1000) | st.text(max_size=5))
        else:
            changed[field] = data.draw((st.integers() | st.text()).filter(lambda value: value != changed[field]))
        assert not certificates.verify(json.dumps(changed).encode(), key=certificate["public_key"]).holds

    check()


def test_a_field_more_or_less_is_noticed(certificate):
    key = certificate["public_key"]
    for changed in ({**certificate, "note": "fine"}, {k: v for k, v in certificate.items() if k != "people"}):
        assert not certificates.verify(certificates.canonical(changed), key=key).holds


def test_who_signs_with_a_key_of_their_own_convinces_nobody(certificate):
    mine = Ed25519PrivateKey.generate()
    said = {name: value for name, value in certificate.items() if name != "signature"}
    said["public_key"] = base64.b64encode(mine.public_key().public_bytes_raw()).decode()
    forged = {**said, "signature": base64.b64encode(mine.sign(certificates.canonical(said))).decode()}
    document = certificates.canonical(forged)
    assert certificates.verify(document, key=said["public_key"]).holds
    assert "another key" in certificates.verify(document).message
    assert not certificates.verify(document, key=certificate["public_key"]).holds


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b"{", b'{"public_key": 1}', b"\xff", b"x" * 2_000_000])
def test_what_is_no_certificate_is_told_to_be_none(db, document):
    assert certificates.verify(document, key="a2V5").message == "This is no certificate of an erasure."


def test_the_command_says_in_a_sentence_what_is_wrong(certificate, tmp_path):
    with pytest.raises(CommandError, match="it was changed"):
        verify(tmp_path, json.dumps({**certificate, "tenant_id": 0}).encode())
    with pytest.raises(CommandError, match="no certificate"):
        verify(tmp_path, b"hello")
    with pytest.raises(CommandError, match="another key than the one that was given"):
        verify(tmp_path, json.dumps(certificate).encode(), "--key", "bm9uZQ==")
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("verify_certificate", str(tmp_path / "none.json"))


def test_without_the_archive_the_key_has_to_be_named(certificate, tmp_path, archive_away):
    document = json.dumps(certificate).encode()
    with pytest.raises(CommandError, match="--key"):
        verify(tmp_path, document)
    assert "holds" in verify(tmp_path, document, "--key", certificate["public_key"])
