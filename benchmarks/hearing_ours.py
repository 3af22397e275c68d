"""What a worker does with a chunk, in a process that does it when told: `python -m benchmarks.hearing_ours`."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio import acoustics, containers, hearing
from audio.analysis import voice_activity, voice_prints
from audio.analysis.decoding import Encoded, Sound
from audio.analysis.voice_activity import Channels, Region, VoiceActivity
from audio.errors import NotAudio
from benchmarks.beside import serve


class Hearing:
    """The stages of one file after another, as a worker has them, and jobs as a worker is told of them."""

    sound: Sound
    activity: VoiceActivity

    def decode(self, file: str) -> None:
        body = Path(file).read_bytes()
        container = containers.sniff(body)
        if container is None:
            raise NotAudio(file)
        self.sound = acoustics.decode_stage.run(Encoded(body, container, 1))

    def voice(self) -> None:
        (self.activity,) = acoustics.voice_stage.run(Channels((self.sound.samples[0],), 0.0))

    def speakers(self, **_: Any) -> None:
        acoustics.speaker_stage.run((self.sound.samples[0], self.activity.regions))

    def prosody(self) -> None:
        acoustics.prosody_stage.run(self.sound.samples[0])

    def fingerprint(self) -> None:
        acoustics.fingerprint_stage.run((self.sound.mono, self.activity.regions))

    def regions(self) -> list[Region]:
        return list(self.activity.regions)

    def found(self, windows: list[tuple[int, int]]) -> dict[str, Any]:
        """What can be compared: seconds, how likely speech is in each window of 32 ms, prints of windows of frames."""
        samples = self.sound.samples[0]
        prints: NDArray[np.float32] = voice_prints.load().prints(voice_prints.mel_spectrogram(samples), windows)
        return {
            "seconds": self.sound.duration,
            "likely": voice_activity.probabilities(samples),
            "prints": prints,
        }

    def job(self, job_id: int) -> None:
        hearing.work(job_id, task_id="benchmark")


if __name__ == "__main__":
    ours = Hearing()
    acts = (ours.decode, ours.voice, ours.speakers, ours.prosody, ours.fingerprint, ours.regions, ours.found, ours.job)
    serve({act.__name__: act for act in acts})
