"""Who spoke when, read as NIST writes it."""

import pytest

from audio.analysis.evaluation import rttm
from audio.analysis.evaluation.rttm import SpokenTurn


def test_read_gives_each_file_its_turns_in_order_of_time() -> None:
    text = (
        ";; made by hand\n"
        "SPEAKER a 1 5.0 1.0 <NA> <NA> ann <NA> <NA>\n"
        "SPEAKER b 1 0.5 0.25 <NA> <NA> bob <NA> <NA>\n"
        "\n"
        "NON-SPEECH a 1 6.0 1.0 noise <NA> <NA> <NA> <NA>\n"
        "SPEAKER a 1 2.0 4.0 <NA> <NA> éve <NA>\n"
    )
    assert rttm.read(text) == {
        "a": (SpokenTurn(2.0, 6.0, "éve"), SpokenTurn(5.0, 6.0, "ann")),
        "b": (SpokenTurn(0.5, 0.75, "bob"),),
    }


@pytest.mark.parametrize("line", ["SPEAKER a 1 5.0", "SPEAKER a 1 soon 1.0 <NA> <NA> ann <NA> <NA>"])
def test_read_names_the_line_that_is_none(line: str) -> None:
    with pytest.raises(ValueError, match="line 2"):
        rttm.read(f"SPEAKER a 1 5.0 1.0 <NA> <NA> ann <NA> <NA>\n{line}\n")
