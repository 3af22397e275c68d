import pytest

from audio.byte_ranges import asked
from audio.errors import NoSuchRange


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", range(1)),
        ("bytes=10-19", range(10, 20)),
        ("bytes=90-", range(90, 100)),
        ("bytes=90-1000", range(90, 100)),
        ("bytes=-10", range(90, 100)),
        ("bytes=-1000", range(100)),
        ("Bytes= 5-6 ", range(5, 7)),
    ],
)
def test_one_range_is_those_bytes(header, expected):
    assert asked(header, 100) == expected


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=5",
        "bytes=9-5",
        "bytes=0-1,4-5",
        "items=0-1",
        "bytes=a-b",
        "bytes=٣-٤",
    ],
)
def test_what_is_not_understood_asks_for_all(header):
    assert asked(header, 100) is None


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_bytes_that_are_not_there_cannot_be_had(header):
    with pytest.raises(NoSuchRange) as refused:
        asked(header, 100)
    assert refused.value.size == 100
