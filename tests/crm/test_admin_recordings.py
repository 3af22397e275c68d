"""What an admin can do with recordings and their chunks, and what their pages say."""

import pytest

from audio import blobs, consents, gaps, sessions
from audio.models import AudioChunk, AudioSession
from audio.states import GapCause
from crm.admin import recordings
from crm.models import AuditEntry
from tests.builders import bearer, do_all_jobs, make_session, make_user, put_chunk
from tests.sound import encode, tone

SESSIONS = "/admin/audio/audiosession/"
CHUNKS = "/admin/audio/audiochunk/"
BODY = encode(tone(1.0))


@pytest.fixture
def admin(tenant):
    return make_user(tenant, "admin")


@pytest.fixture
def desk(client, admin):
    client.force_login(admin)
    return client


@pytest.fixture
def theirs(client, stranger):
    """A browser of another company's admin."""
    client.force_login(make_user(stranger.tenant, "admin"))
    return client


@pytest.fixture
def chunks(api, session):
    """Two chunks of a recording that goes on."""
    for index in (0, 1):
        assert put_chunk(api, session, index, BODY, HTTP_X_START_TIME=str(index)).status_code == 201
    return list(AudioChunk.objects.order_by("chunk_index"))


def do(browser, page, action, *rows):
    """Choose the rows, do it, and return what is said."""
    chosen = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
    response = browser.post(page, chosen, follow=True)
    assert response.status_code == 200
    return [str(message) for message in response.context["messages"]]


def acts(actor):
    entries = AuditEntry.objects.filter(via="admin", actor=f"user:{actor.pk}").order_by("pk")
    return [(entry.act, entry.subject) for entry in entries if not entry.act.endswith((".listed", ".read"))]


def test_all_chunks_of_a_recording_are_analysed_again(desk, admin, session, chunks):
    sessions.complete(session, total_chunks=2)
    do_all_jobs()
    assert do(desk, SESSIONS, "analyse_again", session) == ["2 sent to the workers again."]
    assert set(AudioChunk.objects.values_list("processing_status", flat=True)) == {"pending"}
    session.refresh_from_db()
    assert session.status == "processing"
    assert acts(admin) == [("recording.analysed_again", f"recording:{session.pk}")]
    do_all_jobs()
    session.refresh_from_db()
    assert session.status == "completed"


def test_what_is_still_worked_on_is_left_alone(desk, admin, session, chunks):
    said = do(desk, SESSIONS, "analyse_again", session)
    assert said == ["0 sent to the workers again.", "2 left alone: still being worked on."]
    assert acts(admin) == []


def test_so_many_are_analysed_again_at_once_and_the_rest_when_chosen_again(desk, session, chunks, monkeypatch):
    do_all_jobs()
    monkeypatch.setattr(recordings, "MOST_ANALYSED_AGAIN", 1)
    assert do(desk, SESSIONS, "analyse_again", session) == [
        "1 sent to the workers again.",
        "At most 1 at once. Choose the rest again.",
    ]
    assert do(desk, SESSIONS, "analyse_again", session)[0] == "1 sent to the workers again."
    assert not AudioChunk.objects.exclude(processing_status="pending").exists()


def test_a_recording_is_ended_with_what_is_there_and_not_called_whole(desk, admin, api, session, chunks):
    said = do(desk, SESSIONS, "complete_now", session)
    assert said[0].startswith("1 ended with what is stored.")
    assert acts(admin) == [("recording.completed_by_hand", f"recording:{session.pk}")]
    do_all_jobs()
    session.refresh_from_db()
    assert (session.status, session.total_chunks) == ("completed", 2)
    assert sessions.manifest_of(session).state == "incomplete", "nobody has said that nothing would follow"

    assert put_chunk(api, session, 2, BODY, HTTP_X_START_TIME="2").status_code == 201
    sessions.complete(session, total_chunks=3)
    do_all_jobs()
    session.refresh_from_db()
    assert (session.status, sessions.manifest_of(session).state) == ("completed", "complete")


def test_a_recording_that_has_ended_is_not_ended_again(desk, admin, session, chunks):
    do(desk, SESSIONS, "complete_now", session)
    before = AudioSession.objects.values().get()
    assert do(desk, SESSIONS, "complete_now", session)[1] == "1 left alone: not being recorded any more."
    assert AudioSession.objects.values().get() == before
    assert len(acts(admin)) == 1


@pytest.mark.parametrize("page", [SESSIONS, CHUNKS])
def test_objects_that_are_right_are_said_to_be(desk, admin, session, chunks, page):
    rows = [session] if page == SESSIONS else chunks
    assert do(desk, page, "verify_objects", *rows) == ["2 of 2 objects are right."]
    assert acts(admin) == [("recording.objects_verified", f"recording:{session.pk}")]


@pytest.mark.parametrize("page", [SESSIONS, CHUNKS])
def test_an_object_that_is_wrong_is_told_with_what_mends_it_and_nothing_is_changed(desk, session, chunks, page):
    blobs.erase(chunks[1].s3_key)
    before = list(AudioChunk.objects.values().order_by("pk"))
    said = do(desk, page, "verify_objects", *([session] if page == SESSIONS else chunks))
    assert said[0] == "1 of 2 objects are right."
    assert "chunk 1: its object is missing" in said[1]
    assert f"manage.py verify_blobs --session {session.pk} --fix" in said[1]
    assert list(AudioChunk.objects.values().order_by("pk")) == before
    assert blobs.get(chunks[1].s3_key) is None


def test_so_many_objects_are_read_at_once(desk, session, chunks, monkeypatch):
    monkeypatch.setattr(recordings, "MOST_VERIFIED", 1)
    assert do(desk, SESSIONS, "verify_objects", session) == [
        "1 of 1 objects are right.",
        "1 were not looked at. For so many: manage.py verify_blobs",
    ]


@pytest.mark.parametrize("action", ["analyse_again", "complete_now", "verify_objects"])
def test_what_is_another_companys_is_out_of_reach(theirs, session, chunks, action):
    do_all_jobs()
    before = list(AudioChunk.objects.values().order_by("pk")), AudioSession.objects.values().get()
    do(theirs, SESSIONS, action, session)
    if action != "complete_now":
        do(theirs, CHUNKS, action, *chunks)
    assert (list(AudioChunk.objects.values().order_by("pk")), AudioSession.objects.values().get()) == before
    assert not AuditEntry.objects.filter(via="admin", subject__startswith="recording:").exists()


def test_the_page_of_a_recording_tells_how_it_stands(desk, api, session, chunks):
    consents.record(session, given=True, by="Ada <b>", wording="May we record?")
    gaps.declare(session, start=2, end=None, cause=GapCause.PAUSE, reason="card data")
    put_chunk(api, session, 3, BODY, HTTP_X_START_TIME="9")
    AudioChunk.objects.filter(chunk_index=1).update(processing_status="failed", error="It does not decode.")
    page = desk.get(f"{SESSIONS}{session.pk}/change/").content.decode()
    for words in (
        "Being recorded",
        "1 chunks owed: 2",
        "From 2.000 s to 9.000 s, pause: card data",
        "Given by Ada &lt;b&gt;",
        "May we record?",
        "It does not decode.",
        f'<audio controls preload="none" src="/api/audio/sessions/{session.pk}/audio">',
    ):
        assert words in page, words
    assert "It does not decode." in desk.get(SESSIONS).content.decode()


def test_long_lists_on_the_page_of_a_recording_end(desk, session, monkeypatch):
    monkeypatch.setattr(recordings, "MOST_SHOWN", 2)
    for second in range(5):
        gaps.declare(session, start=second, end=second + 0.5, cause=GapCause.OFFLINE)
    page = desk.get(f"{SESSIONS}{session.pk}/change/").content.decode()
    assert "From 1.000 s to 1.500 s, offline" in page
    assert "From 2.000 s" not in page
    assert "… and 3 more" in page


def test_the_page_of_a_chunk_leads_to_where_it_is_heard(desk, session, chunks):
    page = desk.get(f"{CHUNKS}{chunks[1].pk}/change/").content.decode()
    assert f'href="/sessions/{session.pk}/?t=1.000"' in page


def test_lists_are_narrowed_down_to_what_is_peculiar(desk, api, agent, session, chunks):
    paused, left, late = (make_session(agent) for _ in range(3))
    gaps.declare(paused, start=0, end=None, cause=GapCause.PAUSE)
    sessions.complete_with_what_is_there(left)
    sessions.complete_with_what_is_there(late)
    put_chunk(bearer(agent), late, 0, encode(tone(1.0), container="mp3"))
    AudioChunk.objects.filter(pk=chunks[0].pk).update(upload_status="failed", error="Lost.")
    kinds = {
        "incomplete": [left, late],
        "paused": [paused],
        "abandoned": [left, late],
        "late": [late],
        "failed": [session],
    }
    for kind, rows in kinds.items():
        found = desk.get(SESSIONS, {"peculiarity": kind}).context["cl"].queryset
        assert {row.pk for row in found} == {row.pk for row in rows}, kind
    for kind in ("late", "codec"):
        found = desk.get(CHUNKS, {"peculiarity": kind}).context["cl"].queryset
        assert {row.session_id for row in found} == {late.pk}, kind
