"""What Redis holds of recordings."""

import pytest

from audio import cache, chunk_bytes, live_state, rollups
from audio.erasing import live, rows, state
from audio.errors import StateAway
from metrics.erasing import Share
from tests.audio.erasing.conftest import record, subject_of
from tests.builders import bearer


@pytest.fixture
def kept(agent, of_two):
    """A recording of which everything is kept that there is."""
    session = record(agent, of_two, channels=2)
    rollups.make(session)
    live_state.see_socket("connection", str(session.pk))
    return session


def test_everything_of_it_goes_and_nothing_of_others(agent, kept, of_two):
    other = record(agent, of_two, chunks=1, channels=2)
    subject = subject_of(kept)
    live.erase(subject)
    # Events and their line, how it stood, two chunks, the figures, a socket.
    assert state.count(subject) == state.search(subject) == 7
    assert state.erase(subject) == 7
    assert state.count(subject) == state.search(subject) == state.erase(subject) == 0
    assert live_state.latest_seq(str(kept.pk)) is None
    assert live_state.latest_seq(str(other.pk)) is not None
    assert chunk_bytes.cached(other.chunks.get()) == of_two


def test_what_came_after_the_rows_had_gone_is_found_and_goes(kept, of_two):
    subject = subject_of(kept)
    chunk = kept.chunks.first()
    for step in (live, state, rows):
        step.erase(subject)
    chunk_bytes.keep(chunk, of_two)
    assert state.count(subject) == state.search(subject) == state.erase(subject) == 1
    assert state.count(subject) == state.search(subject) == 0


def test_who_watches_what_stays_goes_on_watching(kept):
    subject = subject_of(kept, Share.AGENT)
    live.erase(subject)
    assert state.erase(subject) == 6
    assert live_state.watchers(str(kept.pk)) == 1
    live_state.drop_socket("connection")


def test_figures_of_what_stays_are_not_kept(agent, kept):
    subject = subject_of(kept, Share.CLIENT)
    live.erase(subject)
    state.erase(subject)
    assert bearer(agent).get(f"/api/audio/sessions/{kept.pk}").status_code == 200
    assert state.count(subject) == state.search(subject) == 0
    live_state.drop_socket("connection")


@pytest.fixture
def away(settings):
    doors = (cache._client, cache._patient_client, live_state._client)
    for door in doors:
        door.cache_clear()
    settings.EARSHOT_CACHE_URL = settings.EARSHOT_REDIS_URL = "redis://127.0.0.1:9/0"
    yield
    for door in doors:
        door.cache_clear()


def test_while_redis_is_away_nothing_is_taken_for_gone(agent, kept, request):
    subject = subject_of(kept)
    request.getfixturevalue("away")
    for act in (state.count, state.erase, state.search):
        with pytest.raises(StateAway):
            act(subject)
