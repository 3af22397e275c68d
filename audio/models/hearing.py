"""What was measured of a recording's sound, kept so that words, emotion and suspicion need not measure it again."""

from typing import ClassVar

from django.db import models

from audio.models.recordings import AudioChunk, AudioSession


class ChunkSignalQuerySet(models.QuerySet["ChunkSignal"]):
    def of_session(self, session: AudioSession) -> "ChunkSignalQuerySet":
        """Those of all its stored chunks that have been measured, in order, each with its chunk."""
        of_stored = self.filter(chunk__in=session.chunks.stored())
        return of_stored.select_related("chunk").order_by("chunk__chunk_index")


class ChunkSignal(models.Model):
    """What the sound of one chunk tells before any word is known. Goes with its chunk.

    Seconds are from the beginning of the chunk. Lists with one entry a channel have as many as the sound has.
    """

    chunk = models.OneToOneField(AudioChunk, on_delete=models.CASCADE, primary_key=True, related_name="signal")
    # By channel: [[start, end], …] where somebody speaks.
    regions = models.JSONField(default=list)
    # By channel: [opening, closing], between which the chunk is transcribed by itself (`passages.py`).
    cuts = models.JSONField(default=list)
    # [[start, end, voice], …] who speaks when, of a chunk with one channel; a voice is a number within the chunk.
    turns = models.JSONField(default=list)
    # By voice of the chunk: which speaker of the session it is, from 0.
    speakers = models.JSONField(default=list)
    # By voice of the chunk: seconds of speech that its print was made from.
    voice_seconds = models.JSONField(default=list)
    # By voice of the chunk, one after another: 256 float16 each.
    voice_prints = models.BinaryField(default=bytes)
    # By channel, in base64: pitch and level over time (`prosody.pack`).
    prosody = models.JSONField(default=list)
    # What the sound is known again by (`repetition.pack`).
    fingerprint = models.BinaryField(default=bytes)
    # [[start, end, chunk, start there, similarity], …] what had been heard in the session before.
    repeats = models.JSONField(default=list)

    objects = ChunkSignalQuerySet.as_manager()

    def __str__(self) -> str:
        return f"Signal of {self.chunk}"


class ChunkPeaks(models.Model):
    """How loud each channel of one chunk is at its loudest, bin by bin. Goes with its chunk."""

    chunk = models.OneToOneField(AudioChunk, on_delete=models.CASCADE, primary_key=True, related_name="peaks")
    # As `audio.analysis.peaks.measure` gives them, of as many channels as the session has; empty when nothing decodes.
    bins = models.BinaryField(default=bytes)

    def __str__(self) -> str:
        return f"Peaks of {self.chunk}"


class SessionVoice(models.Model):
    """A speaker of a session as heard so far: what live labels are given by. Remade at the end of the session."""

    session = models.ForeignKey(AudioSession, on_delete=models.CASCADE, related_name="voices")
    number = models.PositiveIntegerField()
    # 256 float32, of unit length.
    print = models.BinaryField()
    seconds = models.FloatField()

    class Meta:
        ordering: ClassVar = ["session", "number"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["session", "number"], name="voice_once_per_session")]

    def __str__(self) -> str:
        return f"Speaker {self.number + 1}"
