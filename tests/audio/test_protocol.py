"""Frames, and how many of them: no socket, no clock but the test's."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from audio import protocol
from audio.protocol import Allowance, BadFrame, ChunkUploaded, Ping, Resume, Verdict

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["type", "seq"]), inner),
)


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def allowance(clock):
    return Allowance(clock)


def judged(allowance, frames):
    return [allowance.judge() for _ in range(frames)]


def test_a_handful_at_once_is_taken(allowance):
    assert judged(allowance, protocol.FRAMES_AT_ONCE) == [Verdict.TAKE] * protocol.FRAMES_AT_ONCE


def test_what_is_too_much_is_complained_of_once_a_second(allowance, clock):
    judged(allowance, protocol.FRAMES_AT_ONCE)
    assert judged(allowance, 5) == [Verdict.COMPLAIN] + [Verdict.DROP] * 4
    clock.now += 1
    taken = protocol.FRAMES_PER_SECOND
    assert judged(allowance, taken + 2) == [Verdict.TAKE] * taken + [Verdict.COMPLAIN, Verdict.DROP]


def test_a_steady_sender_within_the_rate_is_never_refused(allowance, clock):
    for _ in range(1000):
        clock.now += 1 / protocol.FRAMES_PER_SECOND
        assert allowance.judge() is Verdict.TAKE


def test_who_floods_on_and_on_is_closed_and_who_pauses_is_not(allowance, clock):
    judged(allowance, protocol.FRAMES_AT_ONCE + protocol.MOST_EXCESS)
    clock.now += protocol.FRAMES_AT_ONCE / protocol.FRAMES_PER_SECOND
    again = judged(allowance, protocol.FRAMES_AT_ONCE + protocol.MOST_EXCESS + 1)
    assert Verdict.CLOSE not in again[:-1]
    assert again[-1] is Verdict.CLOSE


@given(st.text() | JSON.map(lambda value: protocol.orjson.dumps(value, default=str).decode() if fits(value) else "{"))
@example("\ud800")
@example("[" * 4000)
@example('{"type":' * 400 + "1" + "}" * 400)
@example('{"type": "resume", "seq": ' + "9" * 3000 + "}")
@example('{"type": "resume", "seq": "00000000-9999999999999"}')
@example('{"type": "resume", "seq": "00000000-1\\n"}')
@example('{"type": NaN}')
def test_whatever_comes_is_a_frame_or_a_bad_frame(text):
    try:
        frame = protocol.parse(text)
    except BadFrame as bad:
        frame = bad
    assert isinstance(frame, Ping | Resume | ChunkUploaded) or (frame.code and frame.message)


def fits(value):
    try:
        protocol.orjson.dumps(value)
    except TypeError:
        return False
    return True


def test_the_largest_frame_is_counted_in_bytes():
    filler = "é" * ((protocol.LARGEST_FRAME_BYTES - len('{"type":"ping","x":""}')) // 2)
    assert protocol.parse(f'{{"type":"ping","x":"{filler}"}}') == Ping()
    with pytest.raises(BadFrame):
        protocol.parse(f'{{"type":"ping","x":"{filler}é"}}')
