"""The word error rate against cases counted by hand."""

import pytest

from audio.analysis.evaluation.words import word_error_rate


@pytest.mark.parametrize(
    ("reference", "heard", "rate"),
    [
        ("one two three four", "one two three four", 0.0),
        ("one two three four", "one too three four", 0.25),
        ("one two three four", "one three four", 0.25),
        ("one two three four", "one two and three four", 0.25),
        ("one two three four", "", 1.0),
        ("one", "two three", 2.0),
        ("", "", 0.0),
        ("", "one", 1.0),
        ("One, two. THREE!", "one two three", 0.0),
        ("don't", "dont", 1.0),
    ],
)
def test_word_error_rate(reference: str, heard: str, rate: float) -> None:
    assert word_error_rate(reference, heard) == rate
