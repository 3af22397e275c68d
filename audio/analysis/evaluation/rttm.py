"""Who spoke when, as the Rich Transcription evaluations of NIST write it down: one line for each turn."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SpokenTurn:
    """From `start` to `end`, in seconds, somebody speaks. Turns of different speakers may overlap."""

    start: float
    end: float
    speaker: str


def read(text: str) -> dict[str, tuple[SpokenTurn, ...]]:
    """The turns of each file that `text` tells of, in order of time; file id → turns.

    Lines of another type than SPEAKER, comments and empty lines are passed over. Raises ValueError, naming the line.
    """
    turns: dict[str, list[SpokenTurn]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.split()
        if not fields or fields[0] != "SPEAKER":
            continue
        try:
            file, start, duration, speaker = fields[1], float(fields[3]), float(fields[4]), fields[7]
        except (IndexError, ValueError) as error:
            raise ValueError(f"line {number} is no RTTM: {line!r}") from error
        turns.setdefault(file, []).append(SpokenTurn(start, start + duration, speaker))
    return {file: tuple(sorted(spoken, key=lambda turn: (turn.start, turn.end))) for file, spoken in turns.items()}
