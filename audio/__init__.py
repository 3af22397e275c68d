"""Knows sound: sessions, chunks, the object store, the analysis, the session's socket.

The life of a chunk:

1. A session begins (`sessions.start`) and its call is opened. Its recorder takes an upload token, with which it can go
   on after its cookie has expired (`upload_tokens.py`), and puts consent on record (`consents.py`).
2. A chunk arrives (`chunks.accept`): its bytes are looked at (`containers.py`), its row is claimed, its object
   stored (`blobs.py`), its row marked uploaded, a job made; only then is the upload answered.
3. The job is sent to the queue of its kind (`jobs.dispatch`). That is best effort; a sweep sends again what
   nobody works on (`progress.sweep`), and looks after uploads that did not end (`chunks.settle_claims`).
4. A worker claims the job (`jobs.claim`), keeps its lease alive and does the work (`hearing.py`). First what the sound
   tells (`acoustics.py`), announced at once; then the words, on a queue of their own (`transcripts.py`), also those
   that the boundary to a neighbour cuts; then what is made of both (`interpretation.py`): emotion, and what deserves a
   second look (`suspicion.py`). Beside it, Opus for what came as something else (`transcoding.py`). It finds the bytes
   in the cache or in the object store (`chunk_bytes.py`).
5. What was said goes into the call part by part (`parts.py`), once however often the job ran. Who said it is labelled
   as chunks come and corrected at the end (`speakers.py`).
6. Each step is announced to whoever watches (`live.py`, `consumers.py`), and to those who watch all that is recorded
   now (`overview.py`, `overview_consumer.py`), who are shown what needs a look (`attention.py`, pure).
7. When every chunk that the recorder counted has ended its jobs, the session ends (`sessions.settle`). One whose
   recorder went away is ended with what it has (`sessions.abandon`).

What the recording holds and lacks is laid out on one line (`manifest.py`, pure): chunks, the gaps that the recorder
told of (`gaps.py`) and those that nobody explained. From it come the verdict and the sound as a whole. Whether the
store holds what the rows say is verified by `objects.py`.

Whatever is stored by then can be heard as one file that one can seek in (`playback.py`), and seen as a waveform that
was measured along with it (`peaks.py`); both follow the manifest.

What comes late for somebody who has been erased is dropped: whatever is written of a recording asks
`sessions.refuse_forgotten` first, and gone is an answer. What is here of people is erased by `erasing/`, a whole
recording or one side of it; it is closed first, and whoever writes locks its row (`sessions.lock`) and sees that. Sound
that is older than its company keeps any goes by itself, and the transcript stays (`retention.py`).

States move along the tables of `states.py`. The app imports `calls` and `metrics`, and no app above.
"""
