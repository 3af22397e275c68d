"""What `PUT /api/audio/sessions/{id}/chunks/{index}` answers, and what it leaves behind."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from audio import blobs
from audio.models import AudioChunk
from crm import tokens
from crm.models import Token
from tests.builders import bearer, digest_header, make_user, put_chunk
from tests.sound import encode, tone


@pytest.fixture(scope="module")
def sound():
    return encode(tone(2.0), container="ogg")


def assert_refused(response, status, code):
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert set(response.json()["error"]) <= {"code", "message", "fields"}
    assert response.json()["error"]["message"]
    assert not AudioChunk.objects.exists()


def test_a_chunk_is_stored_with_what_was_said_of_it(api, session, sound):
    response = put_chunk(
        api,
        session,
        0,
        sound,
        HTTP_CONTENT_DIGEST=digest_header(sound),
        HTTP_X_SAMPLE_RANGE="0-95999/48000",
        HTTP_X_CAPTURED_AT="2026-01-31T09:30:00Z",
    )
    assert response.status_code == 201
    chunk = AudioChunk.objects.get()
    assert blobs.get(chunk.s3_key) == sound
    assert chunk.s3_key == f"audio/{session.pk}/chunk_0000.ogg"
    assert (chunk.first_sample, chunk.last_sample, chunk.sample_rate) == (0, 95999, 48000)
    assert chunk.duration_seconds == pytest.approx(2.0, abs=0.01)
    assert chunk.file_size_bytes == len(sound)
    assert chunk.captured_at.isoformat() == "2026-01-31T09:30:00+00:00"
    assert chunk.received_at <= chunk.stored_at
    assert response.json()["checksum"] == chunk.checksum == chunk.stored_checksum


def test_an_upload_asks_postgresql_as_often_as_is_said_of_it(api, session, sound):
    put_chunk(api, session, 0, sound)
    with CaptureQueriesContext(connection) as asked:
        assert put_chunk(api, session, 1, sound).status_code == 201
    questions = [one["sql"] for one in asked if one["sql"] not in {"BEGIN", "COMMIT"}]
    # docs/performance.md tells this number, with the one more where a company records nobody without consent.
    assert len(questions) + 1 <= 14, "\n".join(questions)


def test_the_same_bytes_again_are_the_same_chunk(api, session, sound):
    first = put_chunk(api, session, 0, sound)
    again = put_chunk(api, session, 0, sound)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    assert AudioChunk.objects.get().jobs.count() == 1


def test_other_bytes_under_the_same_index_change_nothing(api, session, sound):
    put_chunk(api, session, 0, sound)
    response = put_chunk(api, session, 0, encode(tone(1.0), container="ogg"))
    assert (response.status_code, response.json()["error"]["code"]) == (409, "chunk_conflict")
    assert blobs.get(AudioChunk.objects.get().s3_key) == sound


def test_a_chunk_begins_where_its_predecessor_ends_unless_it_says_where(api, session, sound):
    put_chunk(api, session, 0, sound)
    put_chunk(api, session, 1, sound)
    put_chunk(api, session, 2, sound, HTTP_X_START_TIME="7.5")
    put_chunk(api, session, 9, sound)
    starts = AudioChunk.objects.order_by("chunk_index").values_list("start_time_seconds", flat=True)
    assert list(starts) == [0.0, pytest.approx(2.0, abs=0.01), 7.5, 270.0]


def test_chunks_may_come_in_any_order(api, session, sound):
    for index in (2, 0, 1):
        assert put_chunk(api, session, index, sound).status_code == 201


@pytest.mark.parametrize("container", ["webm", "ogg", "m4a", "mp3", "wav"])
def test_the_container_is_told_by_content_whatever_the_header_says(api, session, container):
    body = encode(tone(1.0), container=container)
    response = put_chunk(api, session, 0, body, content_type="application/octet-stream")
    assert response.status_code == 201
    assert response.json()["s3_key"].endswith(f".{container}")


def test_an_unknown_session_is_404(api, sound):
    assert_refused(put_chunk(api, uuid.uuid4(), 0, sound), 404, "unknown_session")


def test_another_companys_session_is_404(stranger, session, sound):
    assert_refused(put_chunk(bearer(stranger), session, 0, sound), 404, "unknown_session")


@pytest.mark.parametrize("index", ["-1", "first", "1.5", "99999999999", "100000", "%00"])
def test_a_bad_index_is_422(api, session, sound, index):
    assert_refused(put_chunk(api, session, index, sound), 422, "bad_chunk")


def test_an_empty_body_is_422(api, session):
    assert_refused(put_chunk(api, session, 0, b""), 422, "empty_body")


def test_text_called_audio_is_415(api, session):
    assert_refused(put_chunk(api, session, 0, b"Hello there, " * 999, content_type="audio/webm"), 415, "not_audio")


def test_more_than_ten_megabytes_are_413(api, session):
    body = encode(tone(1.0), container="wav").ljust(10 * 2**20 + 1, b"\0")
    assert_refused(put_chunk(api, session, 0, body), 413, "body_too_large")


def test_a_small_file_that_holds_hours_is_422(api, session):
    with override_settings(EARSHOT_LONGEST_CHUNK_SECONDS=5):
        assert_refused(put_chunk(api, session, 0, encode(tone(6.0), container="ogg")), 422, "audio_too_long")


def test_a_wrong_digest_is_422(api, session, sound):
    response = put_chunk(api, session, 0, sound, HTTP_CONTENT_DIGEST=digest_header(b"something else"))
    assert_refused(response, 422, "wrong_digest")


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("HTTP_CONTENT_DIGEST", "sha-256=nonsense"),
        ("HTTP_CONTENT_DIGEST", "sha-256=:AAAA:"),
        ("HTTP_X_START_TIME", "soon"),
        ("HTTP_X_START_TIME", "-1"),
        ("HTTP_X_START_TIME", "nan"),
        ("HTTP_X_SAMPLE_RANGE", "5-2/16000"),
        ("HTTP_X_SAMPLE_RANGE", "0-100"),
        ("HTTP_X_CAPTURED_AT", "yesterday"),
        ("HTTP_X_CAPTURED_AT", "2026-02-31T09:30:00Z"),
        ("HTTP_X_CAPTURED_AT", "2026-01-31T09:30:00"),
        ("HTTP_X_CAPTURED_AT", "0001-01-01T00:00:00+14:00"),
        ("HTTP_X_CAPTURED_AT", "9999-12-31T23:59:59-14:00"),
    ],
)
def test_a_header_that_cannot_be_right_is_422_and_named(api, session, sound, header, value):
    response = put_chunk(api, session, 0, sound, **{header: value})
    assert_refused(response, 422, "bad_chunk")
    assert header.removeprefix("HTTP_").replace("_", "-") in response.json()["error"]["message"].upper()


def test_no_token_is_401(client, session, sound):
    assert_refused(put_chunk(client, session, 0, sound), 401, "not_authenticated")


def test_an_expired_token_is_401(api, session, sound):
    Token.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert_refused(put_chunk(api, session, 0, sound), 401, "not_authenticated")


def test_a_revoked_token_is_401(api, session, sound):
    tokens.revoke(Token.objects.get())
    assert_refused(put_chunk(api, session, 0, sound), 401, "not_authenticated")


def test_a_cookie_without_csrf_token_is_403(agent, session, sound, client):
    client = type(client)(enforce_csrf_checks=True)
    client.force_login(agent)
    assert_refused(put_chunk(client, session, 0, sound), 403, "forbidden")


def test_a_colleagues_session_is_404_for_an_agent(tenant, session, sound):
    assert_refused(put_chunk(bearer(make_user(tenant, "agent")), session, 0, sound), 404, "unknown_session")


def test_a_role_without_recording_is_403(tenant, session, sound):
    assert_refused(put_chunk(bearer(make_user(tenant, "privacy")), session, 0, sound), 403, "forbidden")


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({}, 403),
        ({"HTTP_SEC_FETCH_SITE": "same-origin"}, 201),
        ({"HTTP_ORIGIN": "http://testserver"}, 201),
        ({"HTTP_SEC_FETCH_SITE": "cross-site", "HTTP_ORIGIN": "http://testserver"}, 403),
        ({"HTTP_SEC_FETCH_SITE": "same-site"}, 403),
        ({"HTTP_ORIGIN": "https://evil.example"}, 403),
    ],
)
def test_a_cookie_alone_uploads_only_from_a_page_of_ours(agent, session, sound, told, status):
    browser = APIClient(enforce_csrf_checks=True)
    browser.force_login(agent)
    assert put_chunk(browser, session, 0, sound, **told).status_code == status


def test_any_other_write_by_cookie_needs_the_csrf_token(agent, session):
    browser = APIClient(enforce_csrf_checks=True)
    browser.force_login(agent)
    response = browser.post(f"/api/audio/sessions/{session.pk}/complete", HTTP_SEC_FETCH_SITE="same-origin")
    assert response.status_code == 403
