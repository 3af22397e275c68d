"""Builders of voices whose pitch is known: synthetic vowels, and what a telephone leaves of any sound.

Nothing here uses the code under test.
"""

import numpy as np
from numpy.typing import NDArray

from tests.sound import SAMPLE_RATE, Samples

# Formants and how wide they are, in hertz.
VOWELS = {
    "a": ((700, 80), (1220, 100), (2600, 120)),
    "e": ((530, 60), (1840, 100), (2480, 120)),
    "i": ((280, 60), (2250, 100), (2900, 120)),
    "o": ((500, 70), (900, 80), (2500, 120)),
    "u": ((310, 60), (870, 80), (2250, 120)),
}


def gliding(pitch: float, *, seconds: float = 1.0, octaves: float = 0.15) -> NDArray[np.float64]:
    """Hertz at each sample: around `pitch`, up and down by `octaves`, one and a half times a second."""
    times = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    glide: NDArray[np.float64] = pitch * np.exp2(octaves * np.sin(2 * np.pi * 1.5 * times))
    return glide


def vowel(pitch: NDArray[np.float64], name: str = "a", *, level: float = 0.1) -> Samples:
    """A vowel on `pitch`, in hertz at each sample, of this root mean square: overtones weighed by its formants."""
    phase = np.cumsum(pitch) / SAMPLE_RATE
    sound = np.zeros(len(pitch))
    for overtone in range(1, int(7_000 / pitch.max()) + 1):
        frequency = overtone * pitch
        weight = 0.05 + sum(1 / np.sqrt(1 + ((frequency - centre) / width) ** 2) for centre, width in VOWELS[name])
        sound += weight / overtone * np.sin(2 * np.pi * overtone * phase + overtone)
    return (level * sound / np.sqrt(np.mean(np.square(sound)))).astype(np.float32)


def telephone(samples: Samples) -> Samples:
    """`samples` without what is below 300 and above 3400 Hz."""
    spectrum = np.fft.rfft(samples)
    frequencies = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)
    spectrum[(frequencies < 300) | (frequencies > 3_400)] = 0
    return np.fft.irfft(spectrum, len(samples)).astype(np.float32)
