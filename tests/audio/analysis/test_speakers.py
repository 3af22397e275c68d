"""Who speaks when: in one chunk, from chunk to chunk, and once all of a session is known."""

from functools import cache

import numpy as np
import pytest

from audio.analysis.decoding import SAMPLE_RATE, decode
from audio.analysis.evaluation import rttm
from audio.analysis.evaluation.diarization import diarization_error
from audio.analysis.evaluation.rttm import SpokenTurn
from audio.analysis.speakers import MOST_KNOWN, Speakers, SpeakerStage, Voice, recognise, settle
from audio.analysis.stages import Stage
from audio.analysis.voice_activity import Region, detect
from audio.containers import OGG
from tests import sound
from tests.speech import DIRECTORY


@cache
def conversation(name: str) -> tuple[sound.Samples, tuple[SpokenTurn, ...]]:
    heard = decode((DIRECTORY / f"{name}.ogg").read_bytes(), channels=1, container=OGG).mono
    (turns,) = rttm.read((DIRECTORY / f"{name}.rttm").read_text()).values()
    return heard, turns


def _heard(samples: sound.Samples) -> Speakers:
    return SpeakerStage().run((samples, detect(samples).regions))


def _turns(speakers: Speakers, labels: list[int] | None = None, *, start: float = 0.0) -> list[SpokenTurn]:
    labels = labels or list(range(len(speakers.voices)))
    return [SpokenTurn(start + turn.start, start + turn.end, f"{labels[turn.voice]}") for turn in speakers.turns]


@pytest.mark.parametrize(("name", "count"), [("one-reader", 1), ("two-in-turns", 2), ("three-in-turns", 3)])
def test_run_hears_as_many_as_speak_and_when(name: str, count: int) -> None:
    samples, turns = conversation(name)
    speakers = _heard(samples)
    assert len(speakers.voices) == count
    assert diarization_error(turns, _turns(speakers), collar=0.25).rate < 0.1


def test_run_hears_one_reader_as_one() -> None:
    (voice,) = _heard(sound.speech()).voices
    assert 20.0 < voice.seconds < 26.0


def test_run_gives_turns_within_the_regions_in_order_and_voices_of_them() -> None:
    samples, _ = conversation("three-in-turns")
    regions = detect(samples).regions
    speakers = SpeakerStage().run((samples, regions))
    ends = [0.0, *(turn.end for turn in speakers.turns)]
    assert all(end <= turn.start < turn.end for end, turn in zip(ends, speakers.turns, strict=False))
    spoken = sum(region.duration for region in regions)
    assert spoken <= sum(turn.end - turn.start for turn in speakers.turns) < spoken + 2.0
    for index, voice in enumerate(speakers.voices):
        assert voice.print.shape == (256,)
        assert voice.print.dtype == np.float32
        assert np.linalg.norm(voice.print) == pytest.approx(1.0, abs=1e-5)
        assert voice.seconds == pytest.approx(
            sum(turn.end - turn.start for turn in speakers.turns if turn.voice == index)
        )
    first_heard = list(dict.fromkeys(turn.voice for turn in speakers.turns))
    assert first_heard == list(range(len(speakers.voices)))


def test_run_hears_nobody_where_nobody_speaks_and_somebody_in_the_least_of_speech() -> None:
    stage = SpeakerStage()
    for seconds in (2.0, 0.0):
        nobody = stage.run((sound.silence(seconds), ()))
        assert (nobody.turns, nobody.voices) == ((), ())
    assert len(stage.run((sound.speech()[:SAMPLE_RATE], (Region(0.4, 0.42),))).voices) == 1
    assert len(stage.run((sound.silence(1.0), (Region(0.9, 1.0),))).voices) == 1


def test_run_finds_the_same_twice() -> None:
    samples, _ = conversation("two-in-turns")
    once, again = _heard(samples), _heard(samples)
    assert once.turns == again.turns
    assert all(np.array_equal(a.print, b.print) for a, b in zip(once.voices, again.voices, strict=True))


@pytest.mark.parametrize("chunk_seconds", [10, 15, 30])
def test_labels_stay_with_persons_through_a_session_in_chunks(chunk_seconds: int) -> None:
    samples, turns = conversation("two-in-turns")
    starts = range(0, len(samples), chunk_seconds * SAMPLE_RATE)
    chunks = [_heard(samples[start : start + chunk_seconds * SAMPLE_RATE]) for start in starts]
    labels = settle([chunk.voices for chunk in chunks])
    known: list[Voice] = []
    live = []
    for chunk in chunks:
        found, known = recognise(chunk.voices, known)
        live.append(found)
    for given in (labels, live):
        assert {label for chunk in given for label in chunk} == {0, 1}
        found_turns = [
            turn
            for start, chunk, chunk_labels in zip(starts, chunks, given, strict=True)
            for turn in _turns(chunk, chunk_labels, start=start / SAMPLE_RATE)
        ]
        assert diarization_error(turns, found_turns, collar=0.25).rate < 0.15


def _person(seed: int) -> np.ndarray:
    print_ = np.random.default_rng(seed).random(256) ** 3
    return (print_ / np.linalg.norm(print_)).astype(np.float32)


def _voice(person: int, seconds: float = 8.0, *, seed: int = 0) -> Voice:
    heard = _person(person) + np.random.default_rng(seed).normal(0.0, 0.01, 256)
    return Voice((heard / np.linalg.norm(heard)).astype(np.float32), seconds)


def test_recognise_knows_who_was_heard_before_and_appends_who_was_not() -> None:
    labels, known = recognise([_voice(1), _voice(2)], [])
    assert labels == [0, 1]
    labels, known = recognise([_voice(3, seed=1), _voice(2, seed=2)], known)
    assert labels == [2, 1]
    assert [voice.seconds for voice in known] == [8.0, 16.0, 8.0]
    assert float(known[1].print @ _person(2)) > 0.98


def test_recognise_founds_nobody_on_less_than_a_second() -> None:
    labels, known = recognise([_voice(2, 0.7)], [_voice(1)])
    assert (labels, len(known)) == ([0], 1)


def test_recognise_takes_what_little_there_is_when_nobody_is_known() -> None:
    labels, known = recognise([_voice(2, 0.3)], [])
    assert (labels, len(known)) == ([0], 1)
    assert recognise([], known)[0] == []


def test_recognise_leaves_what_it_is_given_as_it_is() -> None:
    known = [_voice(1)]
    recognise([_voice(1, seed=3), _voice(2)], known)
    assert [voice.seconds for voice in known] == [8.0]


def test_recognise_bounds_a_session_that_seems_to_have_no_end_of_speakers() -> None:
    known: list[Voice] = []
    for person in range(MOST_KNOWN + 10):
        _, known = recognise([_voice(person)], known)
    assert len(known) == MOST_KNOWN


def test_settle_gives_each_person_one_label_by_first_appearance() -> None:
    people = [(2,), (1, 2), (), (3,), (2, 3), (1,)]
    chunks = [[_voice(person, seed=10 * index) for person in chunk] for index, chunk in enumerate(people)]
    assert settle(chunks) == [[0], [1, 0], [], [2], [0, 2], [1]]


def test_settle_makes_nobody_of_a_syllable() -> None:
    chunks = [[_voice(1)], [_voice(1, seed=1), _voice(2, 0.5)], [_voice(1, seed=2)]]
    assert settle(chunks) == [[0], [0, 0], [0]]


def test_settle_keeps_two_apart_who_are_alike_when_they_are_heard_in_the_same_chunks() -> None:
    alike = _person(1) + 0.35 * _person(2)
    other = Voice((alike / np.linalg.norm(alike)).astype(np.float32), 8.0)
    assert float(other.print @ _person(1)) > 0.95
    assert settle([[_voice(1), other], [other, _voice(1, seed=1)], [_voice(1, seed=2)]]) == [[0, 1], [1, 0], [0]]


def test_settle_of_nothing_is_nothing() -> None:
    assert settle([]) == []
    assert settle([[], []]) == [[], []]


def test_settle_names_four_people_through_a_whole_day() -> None:
    random = np.random.default_rng(5)
    people = [sorted(random.permutation(4)[: random.integers(1, 4)]) for _ in range(1200)]
    chunks = [
        [_voice(int(person), float(random.uniform(1.5, 15.0)), seed=int(random.integers(1 << 30))) for person in chunk]
        for chunk in people
    ]
    named: dict[int, int] = {}
    expected = [[named.setdefault(int(person), len(named)) for person in chunk] for chunk in people]
    assert settle(chunks) == expected


def test_the_stage_says_what_it_is() -> None:
    stage: Stage[tuple[sound.Samples, tuple[Region, ...]], Speakers] = SpeakerStage()
    assert (stage.name, stage.engine, stage.model) == ("speakers", "resemblyzer", "pretrained.pt")
    assert stage.version
    stage.health()
    stage.load()
