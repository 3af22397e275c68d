"""A recording in a few figures: how the conversation is shared."""

import numpy as np
import pytest

from audio import rollups
from audio.states import HEARING
from tests.builders import bearer, do_all_jobs, make_session, put_chunk
from tests.sound import SAMPLE_RATE, encode, silence, speech, tone

SPOKEN = speech()[: 6 * SAMPLE_RATE]


def figures(user, session, samples):
    assert put_chunk(bearer(user), session, 0, encode(samples)).status_code == 201
    do_all_jobs(HEARING)
    return rollups.make(session)


def test_two_channels_tell_who_talks_how_long_how_fast_and_who_cuts_in(agent):
    session = make_session(agent, channels=2)
    # The client begins in mid-sentence, and is the one who goes on.
    agents = np.concatenate([SPOKEN, silence(4)])
    clients = np.concatenate([silence(4), SPOKEN])
    found = figures(agent, session, np.stack([agents, clients]))
    assert set(found["speakers"]) == {"agent", "client"}
    one, other = found["speakers"]["agent"], found["speakers"]["client"]
    assert one["talk_share"] == pytest.approx(0.5, abs=0.05)
    assert one["talk_share"] + other["talk_share"] == pytest.approx(1.0, abs=0.002)
    for part in (one, other):
        assert part["talk_seconds"] == pytest.approx(5.7, abs=0.6)
        assert part["words"] > 5
        assert part["words_per_minute"] == pytest.approx(part["words"] / part["talk_seconds"] * 60, abs=0.1)
    assert (one["interruptions"], other["interruptions"]) == (0, 1)
    assert found["crosstalk_seconds"] == pytest.approx(1.7, abs=0.6)
    assert found["speaker_changes"] >= 1


def test_one_channel_does_not_tell_who_cuts_in(agent, session):
    found = figures(agent, session, SPOKEN)
    (part,) = found["speakers"].values()
    assert (part["talk_share"], part["interruptions"]) == (1.0, None)
    assert part["words_per_minute"] > 60
    assert (found["crosstalk_seconds"], found["speaker_changes"]) == (0, 0)


def test_where_nobody_speaks_nobody_has_a_part(agent, session):
    found = figures(agent, session, tone(2.0))
    assert (found["speakers"], found["talk_seconds"], found["crosstalk_seconds"]) == ({}, 0, 0)
    assert found["silence_seconds"] == pytest.approx(2.0, abs=0.1)
