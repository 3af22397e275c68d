"""Many recorders at once, through the public API, and whether everything they sent is there afterwards.

1. A file is cut into chunks and encoded once; every recorder sends the same bytes, so that what is measured is the
   server and not the encoder (`plan.py`).
2. Each recorder has a session of its own and does what a recorder does: starts it, sends chunk after chunk, says how
   many there were. What is refused for the moment or cut off is sent again, after a while that grows and is never the
   same for two (`wire.py`, `recorders.py`).
3. Some are unruly, as real ones are: they send twice, in any order, call themselves complete too early, or go away in
   the middle of a chunk and come back.
4. Then everything is read back through the same API and held against what was sent (`checking.py`).
5. What was measured is told as it was: percentiles of all values, retries by reason (`figures.py`); and what the
   stack's own processes held of memory meanwhile, where they run on this machine (`memory.py`).

`running.simulate` does all of it.
"""
