"""How two share a conversation."""

import pytest

from audio.analysis.talk import shared, together
from audio.analysis.voice_activity import Region


def regions(*pairs):
    return [Region(start, end) for start, end in pairs]


def test_each_has_their_share_of_all_speech():
    parts = shared({"agent": regions((0, 6), (10, 12)), "client": regions((6, 8))}, {}, are_channels=True)
    assert (parts["agent"].seconds, parts["client"].seconds) == (8, 2)
    assert (parts["agent"].share, parts["client"].share) == (0.8, 0.2)


def test_words_per_minute_are_of_ones_own_speech():
    parts = shared(
        {"agent": regions((0, 30)), "client": regions((30, 90))}, {"agent": 75, "client": 60}, are_channels=True
    )
    assert parts["agent"].words_per_minute == 150
    assert parts["client"].words_per_minute == 60


@pytest.mark.parametrize(("seconds", "words"), [(4.9, 20), (30, 0)])
def test_a_rate_is_not_told_of_too_little(seconds, words):
    part = shared({"agent": regions((0, seconds))}, {"agent": words}, are_channels=True)["agent"]
    assert (part.words, part.words_per_minute) == (words, None)


def test_who_begins_while_the_other_speaks_and_goes_on_interrupts():
    parts = shared({"agent": regions((0, 10)), "client": regions((8, 14))}, {}, are_channels=True)
    assert (parts["agent"].interruptions, parts["client"].interruptions) == (0, 1)


@pytest.mark.parametrize(
    ("client", "why"),
    [
        ((4, 4.8), "a sign of listening"),
        ((4, 6), "the other goes on talking"),
        ((0.3, 14), "both begin at once"),
        ((10, 14), "the other has ended"),
    ],
)
def test_what_is_no_interruption(client, why):
    parts = shared({"agent": regions((0, 10)), "client": regions(client)}, {}, are_channels=True)
    assert parts["client"].interruptions == 0, why


def test_one_channel_does_not_tell_of_interruptions():
    parts = shared({"speaker_1": regions((0, 10)), "speaker_2": regions((8, 14))}, {}, are_channels=False)
    assert [part.interruptions for part in parts.values()] == [None, None]


def test_where_nobody_speaks_nobody_has_a_share():
    assert shared({}, {"agent": 3}, are_channels=True) == {}
    assert shared({"agent": []}, {}, are_channels=True)["agent"].share == 0


@pytest.mark.parametrize(
    ("agent", "client", "seconds"),
    [
        ([(0, 5)], [(5, 9)], 0),
        ([(0, 5)], [(3, 9)], 2),
        ([(0, 10)], [(1, 2), (4, 6)], 3),
        ([(0, 1), (2, 3)], [(0, 3)], 2),
        ([], [(0, 3)], 0),
    ],
)
def test_together_counts_the_seconds_in_which_both_speak(agent, client, seconds):
    assert together({"agent": regions(*agent), "client": regions(*client)}) == seconds
    assert together({"client": regions(*client), "agent": regions(*agent)}) == seconds
