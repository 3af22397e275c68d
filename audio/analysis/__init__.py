"""Hearing: what a chunk of sound tells, one stage after the other.

1. `decoding` turns the stored bytes into samples at 16 kHz, one or two channels. From here on nobody needs FFmpeg.
2. `voice_activity` finds where somebody speaks.
3. `speakers` tells voices apart by their prints (`voice_prints`) and keeps their labels through a session.
4. `prosody` measures pitch and level, `repetition` what sound is known again by.
5. `passages` says where a chunk may be cut so that no word is, and what is heard across its boundaries.
6. `transcription` says what a transcriber is and how its words become utterances; `engines` which one hears, by the
   settings: `pocketsphinx_engine`, `faster_whisper_engine`, `http_engine`, each of which alone knows its library.
7. `emotion` estimates how something was said, from the words and from `prosody`; `suspicion` finds what deserves a
   second look, by rules; `talk` how a conversation is shared.

`stages` says what a stage is and runs them. `evaluation` measures the stages against what was really said.

Stages are functions of samples: they know no session, no row and no setting, and two runs over the same
samples give the same result. An engine is loaded by the first call in each process and kept. A process that
forks after that gives its children locks and threads that nobody holds: load after the fork, never at import.
"""
