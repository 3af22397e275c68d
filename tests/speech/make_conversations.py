"""Makes the synthetic conversations beside it, with who speaks when and what is said; needs espeak-ng.

    python -m tests.speech.make_conversations

Only to make them anew: what is measured on them is compared with earlier figures, so they are kept as they are.
"""

import subprocess
from dataclasses import dataclass

import numpy as np

from tests import sound
from tests.speech import DIRECTORY

BIT_RATE = 12_000
SPEECH_LEVEL, NOISE_LEVEL = 0.08, 0.0008


@dataclass(frozen=True, slots=True)
class Speaker:
    """A voice of espeak-ng's, its pitch (0-99) and words a minute."""

    name: str
    voice: str
    pitch: int
    words_per_minute: int


ANN = Speaker("ann", "en-us+f2", 60, 160)
EVE = Speaker("eve", "en-us+f4", 40, 170)
BOB = Speaker("bob", "en-us+m3", 35, 165)
TOM = Speaker("tom", "en-us+m7", 50, 150)

LETTER = (
    "The parcel was handed in on Monday morning and left the depot on the same day.",
    "On Tuesday the driver found nobody at home and took it back again.",
    "Since then it has been waiting in the shop at the corner of the market.",
    "It is kept there for one week, and after that it goes back to the sender.",
)
INVOICE = (
    "Good morning, this is the service desk, how can I help you today?",
    "I am calling about the invoice that came last week, it seems to be wrong.",
    "Could you tell me the number that is printed at the top of the page?",
    "It is four seven one, dash, nine nine two, and then the letter K.",
    "Thank you. I see it here, the amount was charged twice, and I am sorry about that.",
    "So will I get the money back, and how long does that take?",
    "It takes about three working days until it is on your account.",
    "Yes. All right then, thank you very much and have a nice afternoon.",
)
PLANS = (
    "Shall we begin with the plans for the new office in the north of the city?",
    "I have looked at two buildings, and the first one is far too small for us.",
    "The second is large enough, but the rent is higher than what we pay today.",
    "Then we should ask the owner whether he would take less for a longer lease.",
    "He will not answer before the end of the month, he is away until then.",
    "In that case let us look at a third one, there is a house near the station.",
)


@dataclass(frozen=True, slots=True)
class Line:
    """Something said after a pause of so many seconds; with no speaker, sound that nobody speaks."""

    speaker: Speaker | None
    text: str
    pause: float
    instead: sound.Samples | None = None


def said(speakers: tuple[Speaker, ...], texts: tuple[str, ...], *, seed: int) -> list[Line]:
    pauses = np.random.default_rng(seed).uniform(0.15, 0.7, len(texts))
    return [
        Line(speakers[index % len(speakers)], text, float(pause))
        for index, (text, pause) in enumerate(zip(texts, pauses, strict=True))
    ]


def conversations() -> dict[str, list[Line]]:
    held = said((EVE, BOB), INVOICE[:6], seed=4)
    held[2:2] = [
        Line(None, "", 1.0, sound.hold_music(8.0)),
        Line(None, "", 0.5, np.concatenate([sound.tone(1.0, frequency=425.0), sound.silence(9.0)])),
    ]
    return {
        "one-reader": said((ANN,), LETTER, seed=1),
        "two-in-turns": said((ANN, BOB), INVOICE, seed=2),
        "three-in-turns": said((BOB, EVE, TOM), PLANS, seed=3),
        "two-with-hold-music": held,
        "two-on-the-telephone": said((TOM, ANN), INVOICE, seed=5),
    }


def speak(speaker: Speaker, text: str) -> sound.Samples:
    """One sentence at 16 kHz, without the silence around it."""
    command = ["espeak-ng", "-v", speaker.voice, "-p", str(speaker.pitch), "-s", str(speaker.words_per_minute)]
    wave = subprocess.run([*command, "--stdout", text], capture_output=True, check=True).stdout
    # 44 bytes of header; 22.05 kHz, 16 bits, mono.
    spoken = np.frombuffer(wave[44:], dtype="<i2").astype(np.float64) / 32768
    count = round(len(spoken) * sound.SAMPLE_RATE / 22_050)
    spectrum = np.fft.rfft(spoken)[: count // 2 + 1]
    resampled = np.fft.irfft(spectrum, count) * (count / len(spoken))
    heard = np.flatnonzero(np.abs(resampled) > 0.01)
    resampled = resampled[heard[0] : heard[-1] + 1]
    return (resampled * SPEECH_LEVEL / np.sqrt(np.mean(resampled**2))).astype(np.float32)


def telephone(samples: sound.Samples) -> sound.Samples:
    """300 to 3400 Hz, eight bits by the μ-law."""
    spectrum = np.fft.rfft(samples)
    frequencies = np.fft.rfftfreq(len(samples), 1 / sound.SAMPLE_RATE)
    spectrum[(frequencies < 300) | (frequencies > 3400)] = 0.0
    narrow = np.clip(np.fft.irfft(spectrum, len(samples)), -1.0, 1.0)
    coded = np.round(np.sign(narrow) * np.log1p(255 * np.abs(narrow)) / np.log1p(255) * 127) / 127
    return (np.sign(coded) * np.expm1(np.abs(coded) * np.log1p(255)) / 255).astype(np.float32)


def make(name: str, lines: list[Line]) -> None:
    parts, turns, seconds = [], [], 0.0
    for line in lines:
        spoken = line.instead if line.speaker is None else speak(line.speaker, line.text)
        assert spoken is not None
        parts += [sound.silence(line.pause), spoken]
        seconds += len(parts[-2]) / sound.SAMPLE_RATE
        length = len(spoken) / sound.SAMPLE_RATE
        if line.speaker is not None:
            turns.append(f"SPEAKER {name} 1 {seconds:.3f} {length:.3f} <NA> <NA> {line.speaker.name} <NA> <NA>\n")
        seconds += length
    samples = np.concatenate([*parts, sound.silence(0.5)])
    samples = samples + sound.noise(len(samples) / sound.SAMPLE_RATE, level=NOISE_LEVEL)
    if "telephone" in name:
        samples = telephone(samples)
    (DIRECTORY / f"{name}.ogg").write_bytes(sound.encode(samples, container="ogg", bit_rate=BIT_RATE))
    (DIRECTORY / f"{name}.rttm").write_text("".join(turns))
    (DIRECTORY / f"{name}.txt").write_text("".join(f"{line.text}\n" for line in lines if line.text))


if __name__ == "__main__":
    for name, lines in conversations().items():
        make(name, lines)
