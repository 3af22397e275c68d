"""How a conversation was shared, by its lines alone."""

import pytest

from crm.call_figures import figures


def said(speaker, start, end, text="some words"):
    return {"segment_id": f"{speaker}-{start}", "speaker": speaker, "text": text, "start_time": start, "end_time": end}


def figures_of(*conversation, duration=100.0, gaps=(), are_channels=True, are_times_known=True):
    return figures(
        conversation, duration=duration, gaps=gaps, are_channels=are_channels, are_times_known=are_times_known
    )


def test_each_speaker_has_a_share_of_what_is_said():
    found = figures_of(said("agent", 0, 30, "one two three"), said("client", 30, 40), said("agent", 50, 80))
    assert [(part["speaker"], part["seconds"], part["share"], part["lines"]) for part in found["parts"]] == [
        ("agent", 60.0, 0.857, 2),
        ("client", 10.0, 0.143, 1),
    ]
    assert found["parts"][0]["words"] == 5
    assert found["parts"][0]["words_per_minute"] == 5.0
    assert found["changes"] == 2


def test_lines_of_one_speaker_that_overlap_count_once():
    found = figures_of(said("agent", 0, 30), said("agent", 20, 40))
    assert found["parts"][0]["seconds"] == 40.0


def test_silence_is_what_was_recorded_and_nobody_speaks_in():
    found = figures_of(said("agent", 0, 30), said("client", 20, 50), gaps=[(60.0, 80.0), (90.0, None)])
    assert (found["silence"], found["silence_share"]) == (20.0, round(20 / 70, 3))
    assert found["crosstalk"] == 10.0


def test_a_gap_that_somebody_is_heard_in_takes_nothing_away_twice():
    assert figures_of(said("agent", 0, 30), gaps=[(10.0, 40.0)], duration=50.0)["silence"] == 10.0


def test_words_beyond_the_end_make_no_silence_less_than_none():
    found = figures_of(said("agent", 0, 120), duration=100.0)
    assert (found["silence"], found["silence_share"]) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("cut_in", "counted"),
    [
        (said("client", 5, 15), 1),
        (said("client", 5, 9), 0),  # a sign of listening: the other goes on
        (said("client", 0.2, 15), 0),  # both begin at once
        (said("client", 10, 15), 0),  # after the other has ended
    ],
)
def test_an_interruption_begins_while_another_speaks_and_goes_on_after_them(cut_in, counted):
    found = figures_of(said("agent", 0, 10), cut_in)
    assert found["interruptions"] == counted
    assert {part["speaker"]: part["interruptions"] for part in found["parts"]} == {"agent": 0, "client": counted}


def test_what_one_channel_cannot_tell_is_not_told():
    found = figures_of(said("agent", 0, 10), said("client", 5, 15), are_channels=False)
    assert (found["interruptions"], found["crosstalk"]) == (None, None)


def test_times_that_are_guessed_make_no_silence_and_no_speed():
    found = figures_of(said("agent", 0, 30), said("client", 30, 40), are_times_known=False)
    assert (found["silence"], found["interruptions"], found["parts"][0]["words_per_minute"]) == (None, None, None)
    assert found["parts"][0]["share"] == 0.75


def test_a_conversation_without_a_word_has_figures_too():
    found = figures_of(duration=0.0)
    assert (found["parts"], found["changes"], found["silence"], found["silence_share"]) == ([], 0, 0.0, 0.0)


def test_a_conversation_of_hours_is_worked_out_line_by_line_and_not_pair_by_pair():
    conversation = [said(("agent", "client")[place % 2], place * 2.0, place * 2.0 + 2.6) for place in range(20_000)]
    found = figures_of(*conversation, duration=40_000.6)
    assert found["interruptions"] == 19_999
    assert found["silence"] == 0.0
