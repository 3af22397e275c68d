"""How well the stages hear, against what was really said. For tests, benchmarks and the figures in the README.

1. `words` compares what was written down with what was said: the word error rate.
2. `rttm` reads who spoke when.
3. `diarization` compares that with the turns that were found: the diarization error rate, the voice activity error.
4. `recordings` finds recordings with a reference beside them.
5. `hearing` runs the stages over a recording as the product does, chunk by chunk, and keeps the figures of each.
"""

from audio.analysis.evaluation.words import word_error_rate

__all__ = ["word_error_rate"]
