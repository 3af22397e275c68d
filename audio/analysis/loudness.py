"""Where speech is suddenly louder or quieter and stays so: another microphone, another line, or somebody else."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio.analysis.prosody import HOP
from audio.analysis.voice_activity import Region

# Decibels. Of one reader, two on the telephone and one in a meeting, each compared with himself over `SUSTAINED`, the
# largest differences were 9, 6, 7 and 11.
LEAST_CHANGE = 11.0
# Seconds of speech on either side, not counting the pauses.
SUSTAINED = 2.0
# Of a stretch's frames, the level that a quarter of them are above: vowels, whichever consonants are between them.
_PERCENTILE = 75


@dataclass(frozen=True, slots=True)
class Jump:
    """From `time` on, in seconds, speech is `change` decibels louder (or quieter, below 0) than it was before."""

    time: float
    change: float


def level_jumps(
    level: NDArray[np.float32],
    regions: Sequence[Region],
    *,
    least_change: float = LEAST_CHANGE,
    sustained: float = SUSTAINED,
) -> tuple[Jump, ...]:
    """Jumps of the `level` that `prosody` measured, in decibels for each `HOP`, of the speech in `regions`; in order.

    Give the regions of one speaker: two who take turns are seldom equally loud.
    """
    frames = round(sustained / HOP)
    times = (np.arange(len(level)) + 0.5) * HOP
    within = np.zeros(len(level), dtype=bool)
    for region in regions:
        within |= (times >= region.start) & (times < region.end)
    spoken = np.flatnonzero(within)
    if len(spoken) < 2 * frames:
        return ()
    windows = np.lib.stride_tricks.sliding_window_view(level[spoken], frames)
    loudness = np.percentile(windows, _PERCENTILE, axis=1)
    change = loudness[frames:] - loudness[:-frames]
    # Beside a jump the windows straddle it and find less of one: the largest of each neighbourhood is where it is.
    jumps = []
    left = np.abs(change)
    while left[peak := int(left.argmax())] >= least_change:
        jumps.append(Jump(round(float(spoken[peak + frames]) * HOP, 3), round(float(change[peak]), 1)))
        left[max(0, peak - frames) : peak + frames + 1] = 0.0
    return tuple(sorted(jumps, key=lambda jump: jump.time))


def course(levels: Sequence[NDArray[np.float32]], *, pieces: int) -> list[int]:
    """How loud a stretch of sound is from piece to piece, of equal length, by its channels' levels: whole decibels.

    Of each piece that level which a quarter of it are above, in the loudest channel; empty when there is no sound.
    """
    if not levels or not levels[0].size:
        return []
    loudest = np.maximum.reduce(levels)
    parts = np.array_split(loudest, min(pieces, loudest.size))
    return [round(float(np.percentile(part, _PERCENTILE))) for part in parts]
