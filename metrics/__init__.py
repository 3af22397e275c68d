"""The ground floor: what was measured.

1. Whoever has measured something says so with `timings.record(operation, seconds)`; it costs microseconds
   and never fails.
2. Each process folds its measurements into mergeable sketches and adds them to Redis about once a second.
3. `timings.summary()` reads the sketches of all processes as one: percentiles are taken from the merged counts,
   never averaged.

It also keeps what every floor above needs for forgetting people:

4. The archive (`archive.py`) outlives the databases and is in no dump of theirs. Each person has a key there; the
   keyring (`keyring.py`) makes pseudonyms by it, and destroying the key unlinks them for good (`person_keys.py` says
   how a person is named to it).
5. Whose data may not be written any more stands in registers (`registers.py`), one for each app, which the app asks
   through its own `forgotten.py` before it writes.

It knows no call and no recording, no person beyond an id, and imports no other app.
"""
