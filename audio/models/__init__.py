"""The rows of a recording: what was recorded, what is to be done with it, what was measured, whose rules hold."""

from audio.models.hearing import ChunkPeaks, ChunkSignal, SessionVoice
from audio.models.jobs import AnalysisJob, AnalysisJobQuerySet
from audio.models.policies import (
    EmotionSides,
    HearingPolicy,
    RecordingPolicy,
    SuspicionKind,
    SuspicionRule,
    validate_origins,
)
from audio.models.recordings import (
    AudioChunk,
    AudioChunkQuerySet,
    AudioSession,
    AudioSessionQuerySet,
    RecordingConsent,
    RecordingGap,
)

__all__ = [
    "AnalysisJob",
    "AnalysisJobQuerySet",
    "AudioChunk",
    "AudioChunkQuerySet",
    "AudioSession",
    "AudioSessionQuerySet",
    "ChunkPeaks",
    "ChunkSignal",
    "EmotionSides",
    "HearingPolicy",
    "RecordingConsent",
    "RecordingGap",
    "RecordingPolicy",
    "SessionVoice",
    "SuspicionKind",
    "SuspicionRule",
    "validate_origins",
]
