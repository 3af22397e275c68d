"""The ground floor: what was measured.

Work that was done, a segment for each piece of it (`segments.py`, and `totals.py`, in which segments are counted):

1. Whoever has done some says so: a process of ours by `telling.tell`, which holds nobody up and never fails, others
   over REST. `intake.py` checks each segment by itself and asks whether its person is forgotten.
2. `recent/` keeps it in Redis, in full for a day, counts it once however often it comes, and adds it to the sums of its
   hour and its minute.
3. `rollups.py` takes the sums of finished hours into MongoDB and adds up days there (`hours/`).
4. Days go into the archive as Parquet, without anybody's id, and are verified there (`archived/`).
5. `queries.py` asks all of these as one, the running hour included. Live-dubbing sessions are beside them
   (`dubbing.py`).

How Earshot itself fares:

6. How long an operation took is said by `timings.record`, which costs microseconds. Each process adds what it has to
   Redis about once a second, as sketches that merge; percentiles are read from all of them together, never averaged.
7. Who knows how much there is of something says so (`gauges.set`), and how often something has happened
   (`counters.add`); `/metrics` tells all of it to Prometheus (`prometheus.py`, `pages.py`).
8. Figures are compared with each company's rules, and whoever it names is told when one is out of bounds
   (`alerts/`, through the door `notify.py`).

It also keeps what every floor above needs for forgetting people:

9. The archive (`archive.py`) outlives the databases and is in no dump of theirs. Each person has a key there; the
   keyring (`keyring.py`) makes pseudonyms by it, and destroying the key unlinks them for good (`person_keys.py` says
   how a person is named to it).
10. Whose data may not be written any more stands in registers (`registers.py`), one for each app, which the app asks
    through its own `forgotten.py` before it writes.

And what every app uses: `lanes.py`, through which to call what may hang and must hold nobody up, `cursors.py`, where a
list goes on, and `fields.py`, what comes over REST.

It knows no call and no recording, no person beyond an id, and imports no other app.
"""
