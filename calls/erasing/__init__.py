"""Forgets somebody in the calls: what `metrics.erasing.Erasable` asks for, one module for each thing that is kept.

1. `find` says which calls are somebody's, and which side of each; asked once, before anything is erased.
2. `waiting`: conversations that are no calls yet, and those given up.
3. `conversations`: the calls themselves, whole or one side of each (`sides.py` says what belongs to a side), with what
   older programs kept of them.
4. `mentions`: who is named in the calls of others, as whoever wrote a note, is named no more; what they wrote stays.
5. `search_index`: what search looks through.

`candidates` are all whom the calls name, so that a store which came back from a backup can be asked whom it knows
again, and `by_phone_alone` are calls that name nobody who could be; `obeyed` keeps in MongoDB which erasures it has
seen, which a backup from before has not.

The vectors of texts that a process has made last are kept in its memory alone (`calls.embedding.cache`), by digests
of the texts: they end with the process or make room for others, and tell neither a text nor a person.
"""

from calls.erasing.candidates import candidates
from calls.erasing.finding import FoundCall, find
from calls.store.people import by_phone_alone, made_after

__all__ = ["FoundCall", "by_phone_alone", "candidates", "find", "made_after"]
