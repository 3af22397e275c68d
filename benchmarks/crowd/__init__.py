"""A thousand recorders at once against everything that `make run` starts, and whether all they sent is there.

1. `sound.py` encodes half a minute of somebody reading as a recorder does, 240 KB, and gives each chunk bytes of its
   own for the price of a checksum.
2. `stack.py` starts a whole Earshot with data and ports of its own. `inside.py` is a process beside it that knows the
   product: it hires the people who record, tells how much waits to be heard, and proves in the end that every chunk
   that was acknowledged is there once, with the bytes that were sent.
3. `load.py` is the recorders' process. `recorder.py` is what each does at its own times, `wire.py` their way to the
   server: as little of the processor as it takes, since they share it with what they measure.
4. `held.py` reads from /proc what each part of the stack holds of memory and has had of the processor.
5. `played.py` has one crowd play and gathers what was told; `benchmarks/recorders.py` makes rows of it.
"""
