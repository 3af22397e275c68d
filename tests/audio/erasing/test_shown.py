"""A recording of which a side has been erased, or whose sound is not kept, wherever it is shown."""

import pytest
from django.test import Client
from django.utils import timezone

from audio.models import AudioSession
from metrics.erasing import Share
from tests.audio.erasing.conftest import erase, record, subject_of
from tests.builders import bearer, make_user


@pytest.fixture
def admin(tenant):
    client = Client()
    client.force_login(make_user(tenant, "admin"))
    return client


@pytest.fixture
def without_agent(agent, of_two):
    session = record(agent, of_two, channels=2)
    erase(subject_of(session, Share.AGENT, user_id=agent.pk))
    return session


def pages_of(session):
    chunk = session.chunks.first()
    yield f"/sessions/{session.pk}/"
    yield "/sessions/"
    yield f"/calls/{session.call_id}/"
    yield f"/api/crm/calls/{session.call_id}"
    yield "/admin/audio/audiosession/"
    yield f"/admin/audio/audiosession/{session.pk}/change/"
    yield "/admin/audio/audiochunk/"
    yield f"/admin/audio/audiochunk/{chunk.pk}/change/"
    yield "/live/"


def test_every_page_shows_a_recording_whose_agent_is_nobody_any_more(admin, without_agent):
    for page in pages_of(without_agent):
        assert admin.get(page, follow=True).status_code == 200, page


def test_its_page_says_which_side_is_gone_and_has_nothing_heard_again(admin, without_agent):
    page = admin.get(f"/sessions/{without_agent.pk}/").content.decode()
    assert "The agent's side has been erased." in page
    assert 'data-may-retry="no"' in page
    assert "Erased" in admin.get("/sessions/").content.decode()


def test_every_answer_of_rest_has_it(supervisor, without_agent):
    api, address = bearer(supervisor), f"/api/audio/sessions/{without_agent.pk}"
    shown = api.get(address).json()
    assert (shown["user_id"], shown["erased_side"], shown["owed"]) == (None, "agent", [])
    (listed,) = api.get("/api/audio/sessions").json()["results"]
    assert (listed["user_id"], listed["erased_side"]) == (None, "agent")
    for part in ("/chunks", "/audio", "/peaks"):
        assert api.get(f"{address}{part}").status_code == 200
    retry = api.post(f"{address}/chunks/0/retry")
    assert (retry.status_code, retry.json()["error"]["code"]) == (404, "unknown_session")


def test_the_peaks_of_the_side_that_went_are_nothing(supervisor, without_agent):
    agent, client = bearer(supervisor).get(f"/api/audio/sessions/{without_agent.pk}/peaks").json()["peaks"]
    assert (max(agent), max(client) > 0) == (0, True)


def test_a_page_without_sound_says_since_when_and_shows_no_player(admin, agent, of_one):
    session = record(agent, of_one, chunks=1)
    AudioSession.objects.update(sound_removed_at=timezone.now())
    for page in pages_of(session):
        assert admin.get(page, follow=True).status_code == 200, page
    page = admin.get(f"/sessions/{session.pk}/").content.decode()
    assert "The sound was removed on" in page
    assert 'id="player" hidden' in page
    assert 'src="/api/audio' not in page
    call = admin.get(f"/calls/{session.call_id}/").content.decode()
    assert "The sound was removed on" in call
