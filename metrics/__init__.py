"""The ground floor: what was measured.

1. Whoever has measured something says so with `timings.record(operation, seconds)`; it costs microseconds
   and never fails.
2. Each process folds its measurements into mergeable sketches and adds them to Redis about once a second.
3. `timings.summary()` reads the sketches of all processes as one: percentiles are taken from the merged counts,
   never averaged.

It knows no call, no recording and no person, and imports no other app.
"""
