"""The draft engine on a reader's voice."""

from itertools import pairwise

import numpy as np
import pytest

from audio.analysis.decoding import SAMPLE_RATE
from audio.analysis.evaluation import word_error_rate
from audio.analysis.pocketsphinx_engine import PocketsphinxTranscriber, clean
from audio.analysis.transcription import Transcriber, Utterance
from audio.analysis.voice_activity import Region, detect
from tests import sound


@pytest.fixture(scope="module")
def said() -> tuple[Utterance, ...]:
    return PocketsphinxTranscriber().transcribe(sound.speech(), detect(sound.speech()).regions)


def test_transcribe_gets_most_words_of_a_reader_right(said: tuple[Utterance, ...]) -> None:
    heard = " ".join(utterance.text for utterance in said)
    assert word_error_rate(sound.speech_text(), heard) <= 0.35


def test_transcribe_gives_words_in_order_within_the_sound(said: tuple[Utterance, ...]) -> None:
    words = [word for utterance in said for word in utterance.words]
    assert all(word.start_time < word.end_time for word in words)
    assert all(before.end_time <= after.start_time for before, after in pairwise(words))
    assert words[0].start_time >= 0.0
    assert words[-1].end_time <= 26.73


def test_transcribe_tells_how_sure_it_is_of_each_word(said: tuple[Utterance, ...]) -> None:
    confidences = [word.confidence for utterance in said for word in utterance.words]
    assert all(0.0 <= confidence <= 1.0 for confidence in confidences)
    assert min(confidences) < 0.3
    assert max(confidences) > 0.9


def test_transcribe_puts_words_where_they_are_spoken() -> None:
    speech = sound.speech()[: 7 * SAMPLE_RATE]
    later = np.concatenate([sound.silence(5.0), speech])
    (first, *_) = PocketsphinxTranscriber().transcribe(later, detect(later).regions)
    assert first.start_time == pytest.approx(5.2, abs=0.3)


def test_transcribe_writes_the_same_twice_whatever_it_heard_between() -> None:
    engine, speech = PocketsphinxTranscriber(), sound.speech()[: 7 * SAMPLE_RATE]
    regions = detect(speech).regions
    once = engine.transcribe(speech, regions)
    engine.transcribe(sound.noise(2.0), [Region(0.0, 2.0)])
    assert engine.transcribe(speech, regions) == once


def test_transcribe_hears_quiet_speech_as_well() -> None:
    quiet = sound.speech() * np.float32(0.03)
    heard = " ".join(said.text for said in PocketsphinxTranscriber().transcribe(quiet, detect(quiet).regions))
    assert word_error_rate(sound.speech_text(), heard) <= 0.4


def test_transcribe_writes_nothing_where_nobody_speaks() -> None:
    assert PocketsphinxTranscriber().transcribe(sound.hold_music(3.0), []) == ()


def test_transcribe_survives_silence_and_stretches_too_short_to_hold_a_word() -> None:
    PocketsphinxTranscriber().transcribe(sound.silence(1.0), [Region(0.0, 0.01), Region(0.5, 1.0)])


@pytest.mark.parametrize(
    ("entry", "word"),
    [
        ("read", "read"),
        ("read(2)", "read"),
        ("don't(12)", "don't"),
        ("<s>", ""),
        ("<sil>", ""),
        ("[NOISE]", ""),
        ("++COUGH++", ""),
    ],
)
def test_clean_turns_a_dictionary_entry_into_a_word(entry: str, word: str) -> None:
    assert clean(entry) == word


def test_the_engine_says_what_it_is() -> None:
    engine: Transcriber = PocketsphinxTranscriber()
    assert (engine.engine, engine.model) == ("pocketsphinx", "en-us")
    assert engine.version[0] == "5"
