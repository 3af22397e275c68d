"""The draft engine on a reader's voice."""

from itertools import pairwise

import numpy as np
import pytest

from audio.analysis.decoding import SAMPLE_RATE
from audio.analysis.evaluation import word_error_rate
from audio.analysis.pocketsphinx_engine import GAP, PocketsphinxTranscriber, clean
from audio.analysis.transcription import Passage, Transcriber, Word
from audio.analysis.voice_activity import Region, detect, joined
from audio.errors import EngineUnavailable
from tests import sound


def heard(samples: sound.Samples) -> tuple[Word, ...]:
    return PocketsphinxTranscriber().run(Passage(samples, detect(samples).regions))


def text(words: tuple[Word, ...]) -> str:
    return " ".join(word.text for word in words)


@pytest.fixture(scope="module")
def words() -> tuple[Word, ...]:
    return heard(sound.speech())


def test_run_gets_most_words_of_a_reader_right(words: tuple[Word, ...]) -> None:
    assert word_error_rate(sound.speech_text(), text(words)) <= 0.35


def test_run_gives_words_in_order_within_the_sound(words: tuple[Word, ...]) -> None:
    assert all(word.start_time < word.end_time for word in words)
    assert all(before.end_time <= after.start_time for before, after in pairwise(words))
    assert words[0].start_time >= 0.0
    assert words[-1].end_time <= 26.73


def test_run_tells_how_sure_it_is_of_each_word(words: tuple[Word, ...]) -> None:
    confidences = [word.confidence for word in words]
    assert all(0.0 <= confidence <= 1.0 for confidence in confidences)
    assert min(confidences) < 0.3
    assert max(confidences) > 0.9


def test_run_puts_words_where_they_are_spoken() -> None:
    speech = sound.speech()[: 7 * SAMPLE_RATE]
    (first, *_) = heard(np.concatenate([sound.silence(5.0), speech]))
    assert first.start_time == pytest.approx(5.2, abs=0.3)


def test_run_writes_the_same_twice_whatever_it_heard_between() -> None:
    engine, speech = PocketsphinxTranscriber(), sound.speech()[: 7 * SAMPLE_RATE]
    passage = Passage(speech, detect(speech).regions)
    once = engine.run(passage)
    engine.run(Passage(sound.noise(2.0), [Region(0.0, 2.0)]))
    assert engine.run(passage) == once


def test_each_stretch_of_speech_is_heard_as_if_it_were_alone() -> None:
    """Louder, quieter and other sound in the same passage changes neither words nor times nor confidences."""
    speech = sound.speech()[: 12 * SAMPLE_RATE].copy()
    stretches = joined(detect(speech).regions, gap=GAP, padding=0.0, duration=12.0)
    assert len(stretches) > 1
    speech[round(stretches[0].end * SAMPLE_RATE) :] *= 0.05
    engine = PocketsphinxTranscriber()
    alone = [engine.run(Passage(speech, [stretch])) for stretch in reversed(stretches)]
    assert all(alone)
    assert engine.run(Passage(speech, stretches)) == sum(reversed(alone), ())


def test_run_hears_quiet_speech_as_well() -> None:
    assert word_error_rate(sound.speech_text(), text(heard(sound.speech() * np.float32(0.03)))) <= 0.4


def test_run_writes_nothing_where_nobody_speaks() -> None:
    assert PocketsphinxTranscriber().run(Passage(sound.hold_music(3.0), [])) == ()


def test_another_language_is_refused_and_not_guessed_at() -> None:
    with pytest.raises(EngineUnavailable, match="English alone"):
        PocketsphinxTranscriber().run(Passage(sound.noise(1.0), [Region(0.0, 1.0)], language="he"))


def test_run_survives_silence_and_stretches_too_short_to_hold_a_word() -> None:
    PocketsphinxTranscriber().run(Passage(sound.silence(1.0), [Region(0.0, 0.01), Region(0.5, 1.0)]))


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
    assert (engine.name, engine.engine, engine.model) == ("transcription", "pocketsphinx", "en-us")
    assert engine.version[0] == "5"


def test_an_engine_whose_model_is_there_is_healthy() -> None:
    PocketsphinxTranscriber().health()
