"""Days of figures as the tier below has them: filled hours and rolled up days, put there by its own verbs."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time, timedelta

from django.db import connection

from metrics import hours
from metrics.hours import collections, days
from metrics.mongo_clients import collection
from metrics.recent import HourReading
from metrics.segments import Channel, Hour
from metrics.totals import Totals

# Some 25 years, in days.
LONG = 9000
_known = {}


def put(tenant_id, day, segments):
    """Let the day have these segments besides those that were put before: its hours are filled and it is rolled up."""
    of_day = _known.setdefault((tenant_id, day), [])
    of_day += segments
    for start in {Hour.of(tenant_id, one.received_at) for one in segments}:
        fill(start, [one for one in of_day if Hour.of(tenant_id, one.received_at) == start])
    assert days.roll(tenant_id, day, is_closed=True)


def fill(hour, segments):
    groups, channels = {}, {}
    for one in segments:
        groups.setdefault(one.group, Totals()).count(one)
        for channel_id in (one.group.channel_id, ""):
            channels.setdefault(Channel(channel_id, one.group.pipeline), Totals()).count(one)
    reading = HourReading(
        epoch="test", revision=len(segments), groups=list(groups.items()), channels=list(channels.items())
    )
    assert hours.fill(hour, reading) == hours.Outcome.FILLED


def empty():
    _known.clear()
    for name in (collections.FILLS, collections.HOURS, collections.DAYS, collections.ROLLS):
        collection(name).delete_many({})
    collection(collections.ROWS).drop()
    hours.create()


def lose_channels(tenant_id, day):
    """Leave the day's rows by person alone."""
    collection(collections.DAYS).delete_many({"tenant_id": tenant_id, "day": start_of(day)})


def start_of(day):
    return datetime.combine(day, time(), UTC)


def life():
    """For how many days the time series keeps a row."""
    (rows,) = collection(collections.ROWS).database.list_collections(filter={"name": collections.ROWS})
    return rows["options"]["expireAfterSeconds"] / timedelta(days=1).total_seconds()


def in_another_connection(act):
    def acting():
        try:
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        return threads.submit(acting).result()
