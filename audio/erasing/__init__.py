"""What this floor keeps of people, found and erased: five things, in the order in which the desk asks them to go.

1. Recordings that go on are ended for good (`live.py`). A recording of which something is to be erased is closed first
   (`AudioSession.erased_side`): whoever writes locks its row and sees that (`sessions.lock`), so that whatever is
   written before the closing is found, and nothing is written after it.
2. Their sound goes (`sound.py`): all objects of a whole recording; of one side its channel, which becomes silence
   (`silencing.py`).
3. Events, cached chunks and figures go (`state.py`).
4. Their rows go, or of one side what tells of it (`rows.py`).

Who is asked after the rows looks by the ids alone, which the subject has. Each module has `count`, `erase` and `search`
(`metrics.erasing.Erasable`); which recordings go whole and of which a side is worked out in one place (`shares.py`).
An upload or a worker whose object comes late takes it away itself; who died before that is found by the second look.
"""

from audio.erasing.finding import FoundSession, candidates, find
from audio.erasing.removing import remove_whole

__all__ = ["FoundSession", "candidates", "find", "remove_whole"]
