"""An upload goes on while its recording is being erased: whatever happens when, nothing of it is left."""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audio import blobs, chunk_bytes, chunks
from audio.errors import UnknownSession
from audio.headers import Declared
from audio.models import AudioChunk, AudioSession
from metrics.erasing import Share
from tests.audio.erasing.conftest import NOTHING, STEPS, keys_of, left_of, record, subject_of
from tests.builders import purge_queues
from tests.scale import scaled

# Before these parts of an upload, before all of it and after it, an erasure may come to its next step.
PARTS = ((chunks, "_claim"), (chunks, "_store"), (chunk_bytes, "keep"), (chunks, "_acknowledge"))


@pytest.mark.parametrize("share", [Share.WHOLE, Share.AGENT, Share.CLIENT])
@settings(max_examples=scaled(12, full=200), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moments=st.lists(st.integers(0, len(PARTS) + 1), min_size=len(STEPS), max_size=len(STEPS)).map(sorted))
def test_an_upload_beside_an_erasure_leaves_nothing(agent, of_two, share, moments):
    session = record(agent, of_two, chunks=1, heard=False, ended=False, channels=2)
    purge_queues()
    subject = subject_of(session, share)
    steps = list(zip(STEPS, moments, strict=True))

    def reach(moment):
        while steps and steps[0][1] <= moment:
            steps.pop(0)[0].erase(subject)

    moment = itertools.count(1)
    with pytest.MonkeyPatch.context() as patch:

        def pausing_before(module, name):
            act = getattr(module, name)

            def paused(*args, **kwargs):
                reach(next(moment))
                return act(*args, **kwargs)

            patch.setattr(module, name, paused)

        for part in PARTS:
            pausing_before(*part)
        reach(0)
        try:
            chunks.accept(session, index=1, body=of_two, declared=Declared())
            was_taken = True
        except UnknownSession:
            was_taken = False
    reach(len(PARTS) + 1)
    assert left_of(subject) == NOTHING
    # It is answered for only when the erasure had not begun before that.
    assert was_taken == (moments[0] == len(PARTS) + 1)
    if share is Share.WHOLE:
        assert keys_of(session) == []
        assert not AudioSession.objects.filter(pk=session.pk).exists()
    else:
        kept = AudioChunk.objects.filter(session=session)
        assert keys_of(session) == sorted(chunk.s3_key for chunk in kept)
        assert all(f"without_{share}" in chunk.s3_key for chunk in kept)
    for key in keys_of(session):
        blobs.erase(key)
