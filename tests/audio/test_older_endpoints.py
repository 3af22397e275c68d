"""The two endpoints that older recorders call, with exactly their shapes."""

import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from audio.models import AudioChunk
from crm.models import AuditEntry
from tests.builders import bearer, do_all_jobs, make_user
from tests.sound import encode, tone

SECOND = encode(tone(1.0), container="webm")


def upload(client, session_id, index=0, body=SECOND, **fields):
    form = {"audio_chunk": SimpleUploadedFile("blob", body), "session_id": str(session_id), "chunk_index": index}
    return client.post("/api/audio/upload-chunk", {**form, **fields}, format="multipart")


def complete(client, session_id, total, **how):
    body = {"session_id": str(session_id), "total_chunks": total}
    return client.post("/api/audio/session-complete", body, **{"format": "json", **how})


def test_a_chunk_is_stored(api, session):
    answer = upload(api, session.pk, 3, start_time=90)
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "success": True,
            "chunk_index": 3,
            "s3_key": f"audio/{session.pk}/chunk_0003.webm",
            "duration": pytest.approx(1.0, abs=0.03),
        },
    )
    assert AudioChunk.objects.get().start_time_seconds == 90
    assert upload(api, session.pk, 3, start_time=90).json() == answer.json()


@pytest.mark.parametrize("how", ["json", "multipart"])
def test_a_session_is_completed(api, session, how):
    upload(api, session.pk)
    answer = complete(api, session.pk, 1, format=how)
    assert answer.status_code == 200
    assert set(answer.json()) == {"success", "message"}
    assert answer.json()["success"] is True
    do_all_jobs()
    session.refresh_from_db()
    assert session.status == "completed"


def test_what_was_completed_is_written_down(api, session):
    complete(api, session.pk, 2)
    entry = AuditEntry.objects.get(act="recording.completed")
    assert entry.subject == f"recording:{session.pk}"


def test_what_is_owed_is_named(api, session):
    refused = complete(api, session.pk, 2)
    assert (refused.status_code, refused.json()["success"]) == (409, False)
    assert refused.json()["error"]["fields"]["owed"] == [0, 1]


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"body": b""}, 422, "empty_body"),
        ({"body": b"no sound"}, 415, "not_audio"),
        ({"index": -1}, 422, "invalid"),
        ({"index": "first"}, 422, "invalid"),
        ({"start_time": "soon"}, 422, "invalid"),
        ({"session_id": "mine"}, 422, "invalid"),
        ({"session_id": uuid.UUID(int=7)}, 404, "unknown_session"),
    ],
)
def test_a_refusal_says_that_it_did_not_succeed(api, session, fields, status, code):
    answer = upload(api, fields.pop("session_id", session.pk), **fields)
    told = answer.json()
    assert (answer.status_code, told["success"], told["error"]["code"]) == (status, False, code)
    assert not AudioChunk.objects.exists()


def test_other_bytes_are_a_conflict(api, session):
    upload(api, session.pk)
    answer = upload(api, session.pk, body=encode(tone(2.0)))
    assert (answer.status_code, answer.json()["success"]) == (409, False)


def test_another_company_finds_nothing(stranger, session):
    assert upload(bearer(stranger), session.pk).status_code == 404
    assert complete(bearer(stranger), session.pk, 1).status_code == 404


def test_a_colleague_who_may_not_see_it_finds_nothing(agent, session):
    assert upload(bearer(make_user(agent.tenant, "agent")), session.pk).status_code == 404


def test_nobody_gets_in_without_credentials(client, session):
    for answer in (upload(client, session.pk), complete(client, session.pk, 1)):
        assert (answer.status_code, answer.json()["success"]) == (401, False)


def test_what_is_no_form_is_refused(api, session):
    answer = api.post("/api/audio/upload-chunk", SECOND, content_type="audio/webm")
    assert (answer.status_code, answer.json()["success"]) == (415, False)
