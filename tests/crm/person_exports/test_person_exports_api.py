"""Exports over REST: asked for, fetched until they expire, removed; by nobody else."""

import hashlib
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from audio import blobs
from audio import objects as recordings
from audio.errors import StoreUnavailable
from crm import forgotten
from crm.models import AuditEntry, PersonExport, PrivacyPolicy
from crm.person_exports import files, making, requests
from metrics import person_keys
from tests.builders import bearer, make_user
from tests.person_exports import ask, made, objects

EXPORTS = "/api/privacy/exports"


def body_of(response):
    assert response.status_code in {200, 206}, response.content
    return b"".join(response.streaming_content)


def refusal(response):
    return response.status_code, response.json()["error"]["code"]


def acts():
    return [*AuditEntry.objects.filter(act__startswith="person_export").order_by("pk").values_list("act", flat=True)]


def test_an_export_is_asked_for_made_and_fetched_and_each_is_written_down(privacy, ada, call):
    asked = privacy.post(EXPORTS, {"contact_id": ada.pk}, format="json")
    assert asked.status_code == 202
    told = asked.json()
    assert (told["status"], told["contact_id"], told["subject_name"]) == ("waiting", ada.pk, "Ada Lovelace")
    address = f"{EXPORTS}/{told['id']}"
    assert refusal(privacy.get(f"{address}/file")) == (409, "export_not_ready")
    assert making.make(uuid.UUID(told["id"]))
    ready = privacy.get(address).json()
    assert (ready["status"], ready["calls_done"], ready["calls_total"]) == ("ready", 1, 1)
    response = privacy.get(f"{address}/file")
    assert response["Cache-Control"] == "no-store"
    assert response["Content-Disposition"] == f'attachment; filename="export-{told["id"][:8]}.zip"'
    body = body_of(response)
    assert hashlib.sha256(body).hexdigest() == ready["sha256"]
    assert len(body) == ready["size_bytes"] == int(response["Content-Length"])
    assert acts() == ["person_export.requested", "person_export.read", "person_export.fetched"]
    fetched = AuditEntry.objects.get(act="person_export.fetched")
    assert fetched.subject == f"person_export:{told['id']}"


def test_a_download_goes_on_where_it_was_cut(privacy, officer, ada, call):
    archive = made(officer, contact_id=ada.pk)
    address = f"{EXPORTS}/{archive.row.pk}/file"
    part = privacy.get(address, HTTP_RANGE="bytes=100-199")
    assert (part.status_code, part["Content-Range"]) == (206, f"bytes 100-199/{len(archive.body)}")
    assert body_of(part) == archive.body[100:200]
    assert body_of(privacy.get(address, HTTP_RANGE="bytes=100-", HTTP_IF_RANGE='"another"')) == archive.body
    assert privacy.get(address, HTTP_RANGE=f"bytes={len(archive.body)}-").status_code == 416
    head = privacy.head(address)
    assert (head.status_code, head["Content-Length"]) == (200, str(len(archive.body)))


def test_an_export_expires_and_then_there_is_nothing_and_nobody(privacy, officer, ada, call):
    PrivacyPolicy.objects.create(tenant=officer.tenant, export_days=3)
    archive = made(officer, contact_id=ada.pk)
    assert archive.row.expires_at - archive.row.ready_at == timedelta(days=3)
    address = f"{EXPORTS}/{archive.row.pk}"
    PersonExport.objects.filter(pk=archive.row.pk).update(expires_at=timezone.now())
    assert refusal(privacy.get(f"{address}/file")) == (410, "export_expired"), "before anybody has swept"
    assert objects()
    requests.sweep()
    assert objects() == []
    told = privacy.get(address).json()
    assert (told["status"], told["contact_id"], told["subject_name"]) == ("expired", None, "")
    assert refusal(privacy.get(f"{address}/file")) == (410, "export_expired")


def test_one_that_is_removed_is_gone_at_once(privacy, officer, ada, call):
    archive = made(officer, contact_id=ada.pk)
    address = f"{EXPORTS}/{archive.row.pk}"
    assert privacy.delete(address).status_code == 204
    assert privacy.delete(address).status_code == 204
    assert objects() == []
    assert refusal(privacy.get(f"{address}/file")) == (410, "export_expired")


def test_the_list_has_the_company_s_newest_first_page_by_page(privacy, officer, agent, ada, stranger):
    first, second = ask(officer, user_id=agent.pk), ask(officer, contact_id=ada.pk)
    ask(make_user(stranger.tenant, "privacy"), user_id=stranger.pk)
    page = privacy.get(EXPORTS, {"limit": 1}).json()
    assert [one["id"] for one in page["results"]] == [str(second.pk)]
    assert [one["id"] for one in privacy.get(page["next"]).json()["results"]] == [str(first.pk)]


@pytest.mark.parametrize("what", ["", "/file"])
def test_another_company_finds_nothing(officer, ada, call, stranger, what):
    archive = made(officer, contact_id=ada.pk)
    other = bearer(make_user(stranger.tenant, "privacy"))
    assert refusal(other.get(f"{EXPORTS}/{archive.row.pk}{what}")) == (404, "unknown_export")
    assert refusal(other.delete(f"{EXPORTS}/{archive.row.pk}")) == (404, "unknown_export")
    assert refusal(other.post(EXPORTS, {"contact_id": ada.pk}, format="json")) == (404, "unknown_subject")
    assert objects() == [files.key_of(archive.row)]


@pytest.mark.parametrize("role", ["agent", "supervisor", "admin", "integration"])
def test_nobody_but_who_looks_after_privacy_gets_it(officer, tenant, ada, call, role):
    archive = made(officer, contact_id=ada.pk)
    other = bearer(make_user(tenant, role))
    assert refusal(other.get(f"{EXPORTS}/{archive.row.pk}/file")) == (403, "forbidden")
    assert refusal(other.post(EXPORTS, {"contact_id": ada.pk}, format="json")) == (403, "forbidden")


@pytest.mark.parametrize(
    "body",
    [{}, {"user_id": 1, "contact_id": 1}, {"platform": "chat"}, {"external_user_id": "42"}, {"user_id": "x"}],
    ids=str,
)
def test_one_person_is_named_in_one_way(privacy, body):
    assert privacy.post(EXPORTS, body, format="json").status_code == 422


def test_whoever_was_forgotten_is_not_there(privacy, tenant, agent):
    for key in (person_keys.of_user(agent.pk), person_keys.of_external("chat", "43")):
        forgotten.forget(tenant.pk, key)
    for body in ({"user_id": agent.pk}, {"platform": "chat", "external_user_id": "43"}):
        assert refusal(privacy.post(EXPORTS, body, format="json")) == (404, "unknown_subject")
    assert not PersonExport.objects.exists()


def test_what_no_row_knows_is_removed_and_recordings_and_exports_are_left_alone(officer, ada, call):
    archive = made(officer, contact_id=ada.pk)
    chunks = [one.key for page in blobs.listed() for one in page]
    strays = [f"exports/{uuid.uuid4()}/1.zip", f"exports/{archive.row.pk}/7.zip", "exports/what.txt"]
    for key in strays:
        blobs.put(key, b"left", content_type=files.CONTENT_TYPE)
    assert recordings.remove_orphans() == 0
    requests.sweep()
    assert objects() == [files.key_of(archive.row)]
    assert [one.key for page in blobs.listed() for one in page] == chunks


def test_what_was_sent_and_never_finished_is_nowhere(officer, ada, call, tmp_path):
    body = tmp_path / "left"
    body.write_bytes(b"left behind")
    with body.open("rb") as file:
        sent = blobs.send("exports/left/1.zip", file, content_type=files.CONTENT_TYPE, told=lambda: None)
    assert objects() == []
    assert blobs.give_up_all(files.ROOT, begun_before=timezone.now() - timedelta(hours=1)) == 0
    assert blobs.give_up_all(files.ROOT) == 1
    blobs.give_up(sent)
    assert blobs.give_up_all(files.ROOT) == 0
    with pytest.raises(StoreUnavailable):
        blobs.finish(sent)
    assert objects() == []
