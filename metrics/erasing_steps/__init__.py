"""What the ground floor keeps of people, one module for each thing: counted, erased and searched for.

* `recent`: segments of the last days in Redis, with their sums; what waits there to be filled is filled without them.
* `hours`: rows of the time series; what channels did names nobody and stays.
* `dubbing_sessions`: sessions of live dubbing.
* `alerts`: places that are somebody's e-mail address, what was sent there, and who saw to what.
* `files`: what Redis wrote to disk, which holds what was deleted until it is written anew. After all that is in Redis.
* `pseudonyms`: keys in the archive, without which its days and the audit log name nobody. Last of all.

Whoever is erased is forgotten before (`metrics/forgotten.py`), so that nothing is written of them while or after it.
`people` says what somebody is called here, and whom all this names; `obeyed` which entries of the ledger of erasures
Redis has obeyed.
"""

from metrics.erasing_steps.people import candidates

__all__ = ["candidates"]
