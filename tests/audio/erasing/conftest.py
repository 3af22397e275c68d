import numpy as np
import pytest

from audio import blobs, chunk_bytes
from audio.erasing import live, rows, sound, state
from metrics.erasing import Share, Subject
from tests.builders import bearer, do_all_jobs, make_session, put_chunk
from tests.sound import encode, speech, tone

STEPS = (live, sound, state, rows)
SECONDS = 2


def both_sides(seconds=SECONDS):
    """The agent reads aloud, and the client hums."""
    agent = speech()[: 16_000 * seconds]
    return np.stack([agent, tone(seconds, frequency=330.0)])


@pytest.fixture(scope="session")
def of_two():
    return encode(both_sides())


@pytest.fixture(scope="session")
def of_one():
    return encode(speech()[: 16_000 * SECONDS])


def record(user, body, *, chunks=2, heard=True, ended=True, **values):
    """A recording of so many chunks, as a recorder sends it and workers hear it."""
    session = make_session(user, **values)
    api = bearer(user)
    for index in range(chunks):
        assert put_chunk(api, session, index, body).status_code == 201
    if heard:
        do_all_jobs()
    if ended:
        api.post(f"/api/audio/sessions/{session.pk}/complete", {"total_chunks": chunks}, format="json")
    # As if they had just come: whoever has heard a chunk drops them.
    for chunk in session.chunks.all():
        chunk_bytes.keep(chunk, body)
    session.refresh_from_db()
    return session


def subject_of(session, share=Share.WHOLE, **values):
    return Subject(session.tenant_id, sessions={str(session.pk): share}, **values)


def erase(subject):
    for step in STEPS:
        step.erase(subject)


def left_of(subject):
    """What each step counts, and what each finds in another way."""
    return [(step.count(subject), step.search(subject)) for step in STEPS]


NOTHING = [(0, 0)] * len(STEPS)


def keys_of(session):
    return [one.key for page in blobs.listed(f"audio/{session.pk}/") for one in page]
