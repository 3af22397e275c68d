"""Sound at half its rate: what the telephone lets through, in half of the time."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from audio.analysis.decoding import SAMPLE_RATE

RATE = 8_000

Response = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def lowered(samples: NDArray[np.float32], response: Response | None = None) -> NDArray[np.float32]:
    """`samples`, mono of shape (n,) at 16 kHz, at `RATE`: shape (n // 2,), nothing of what is above 4 kHz.

    `response` gives the weight of each frequency in hertz. Samples that are no numbers count as silence, ones far
    beyond full scale as 2: a damaged file can hold any bits.
    """
    length = len(samples) * RATE // SAMPLE_RATE
    if not length:
        return np.zeros(0, dtype=np.float32)
    # Of a length with a large prime factor a transform takes ten times as long: 16 to 32 times a power of two instead.
    step = 1 << max(1, len(samples).bit_length() - 5)
    padded = -(-len(samples) // step) * step
    spectrum = np.fft.rfft(np.nan_to_num(samples, nan=0.0).clip(-2.0, 2.0), padded)[: padded // 4 + 1]
    if response is not None:
        spectrum *= response(np.arange(len(spectrum), dtype=np.float32) * np.float32(SAMPLE_RATE / padded))
    halved = np.fft.irfft(spectrum, padded // 2)[:length] * (RATE / SAMPLE_RATE)
    return halved.astype(np.float32)
