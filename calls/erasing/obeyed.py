"""The erasures that MongoDB has seen through, by their names in the ledger; a name tells nobody.

A database that was restored from a backup does not know those that were obeyed since the backup was made: whoever keeps
the ledger sees by that what has to be obeyed there again.
"""

from calls.store import obeyed

# Both raise RetryableCallError while MongoDB is away.
mark = obeyed.mark
marked = obeyed.marked
