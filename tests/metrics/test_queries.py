"""What was measured, asked of all tiers as one, beside what was written."""

import random
import threading
from datetime import UTC, datetime, timedelta

from metrics import archived, mongo_clients, names, queries, recent, rollups
from metrics.hours.collections import DAYS, FILLS, HOURS, ROLLS
from metrics.models import ArchivedDay
from metrics.queries import DAY, HOUR
from metrics.segments import Group, Segment
from metrics.totals import Totals


def running_hour():
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def today():
    return running_hour().replace(hour=0)


def segment(at, number=0, *, channel="news", user="dana", session="s-1", pipeline="dubbing", **values):
    """One of whose latency and size its number tells."""
    given = {
        "stages": {"extraction": 1000 * number, "dubbing": 500_000},
        "total_us": 500_000 + 1000 * number,
        "duration_us": 15_000_000,
        "original_bytes": 1000 + number,
        "dubbed_bytes": 500,
        "source_language": "he",
        "target_language": "en",
        "error": "" if number % 5 else "timed_out",
        "retry_count": number % 3,
        **values,
    }
    return Segment(Group(channel, session, user, "web", pipeline), f"segment-{at.isoformat()}-{number}", at, **given)


def write(tenant, *segments):
    assert all(recent.write(tenant.pk, segments))
    return list(segments)


def several(starts, *, seed=0, each=6):
    """Some in each hour, of channels, users and pipelines by chance."""
    chance = random.Random(seed)  # noqa: S311
    return [
        segment(
            start + timedelta(seconds=chance.randrange(3600)),
            chance.randrange(10_000),
            channel=chance.choice(["news", "sport"]),
            user=chance.choice(["dana", "gil"]),
            pipeline=chance.choice(["dubbing", "audio"]),
        )
        for start in starts
        for _ in range(each)
    ]


def told(points):
    return [(point.start, point.totals) for point in points]


def without_latency(totals):
    totals.latency.clear()
    return totals


def numbers(segments):
    return Totals.of(segments).numbers()


def truth(segments, starts, length):
    return [
        (start, Totals.of(one for one in segments if start <= one.received_at < start + length)) for start in starts
    ]


def hours_until_now(count):
    return [running_hour() - number * HOUR for number in reversed(range(count))]


def fill(*, until=None):
    rollups.fill_hours(until=until)


def test_hours_are_told_from_redis_and_mongodb_as_one_and_empty_ones_too(tenant):
    starts = hours_until_now(24)
    written = write(tenant, *several([starts[3], starts[4], starts[10]]))
    fill()
    # One that no job has filled, and the running one; late ones of the present hour are not of the future.
    written += write(tenant, *several([starts[22]], seed=1), segment(starts[23], 7))
    assert told(queries.hourly(tenant.pk)) == truth(written, starts, HOUR)


def test_one_channel_and_one_pipeline_are_told_alone(tenant):
    starts = hours_until_now(6)
    written = write(tenant, *several(starts[:3]))
    fill()
    written += write(tenant, *several(starts[4:5], seed=1))
    sport = [one for one in written if one.group.channel_id == "sport"]
    heard = [one for one in sport if one.group.pipeline == "audio"]
    assert told(queries.hourly(tenant.pk, channel_id="sport", hours=6)) == truth(sport, starts, HOUR)
    assert told(queries.hourly(tenant.pk, channel_id="sport", pipeline="audio", hours=6)) == truth(heard, starts, HOUR)


def test_two_companies_with_the_same_ids_never_meet(tenant, stranger):
    starts = hours_until_now(3)
    ours = write(tenant, segment(starts[0], 1), segment(starts[2], 2))
    theirs = write(stranger.tenant, segment(starts[0], 1), segment(starts[0], 3), segment(starts[2], 2))
    for _ in range(2):
        assert told(queries.hourly(tenant.pk, hours=3)) == truth(ours, starts, HOUR)
        assert queries.of_user(stranger.tenant_id, "dana").segments == len(theirs)
        assert [one.totals.segments for one in names.names(tenant.pk, since=starts[0]).users] == [len(ours)]
        assert len(queries.newest(tenant.pk, minutes=240).segments) == len(ours)
        fill()


def test_whoever_asks_while_hours_are_filled_is_told_the_truth(tenant):
    starts = hours_until_now(20)
    written = write(tenant, *several(starts, each=4))
    by_hour, of_dana = truth(written, starts, HOUR), numbers(one for one in written if one.group.user_id == "dana")
    in_all = Totals.of(written)
    wrong, asked, ended = [], 0, threading.Event()

    def ask():
        nonlocal asked
        while not ended.is_set() or not asked:
            if told(queries.hourly(tenant.pk, hours=20)) != by_hour:
                wrong.append("hours")
            if Totals.summed(point.totals for point in queries.trends(tenant.pk, days=3)) != in_all:
                wrong.append("days")
            if queries.of_user(tenant.pk, "dana") != of_dana:
                wrong.append("user")
            if sum(one.totals.segments for one in names.names(tenant.pk, since=starts[0]).channels) != len(written):
                wrong.append("channels")
            asked += 1

    asking = threading.Thread(target=ask)
    asking.start()
    for start in starts:
        fill(until=start + HOUR)
    rollups.roll_days()
    ended.set()
    asking.join()
    assert (sorted(set(wrong)), len(wrong), asked > 0) == ([], 0, True)
    ask()
    assert wrong == []


def test_a_late_segment_counts_when_its_hour_is_filled_again(tenant):
    starts = hours_until_now(3)
    written = write(tenant, segment(starts[0], 1))
    fill()
    late = write(tenant, segment(starts[0] + timedelta(minutes=5), 2))
    assert told(queries.hourly(tenant.pk, hours=3)) == truth(written, starts, HOUR)
    fill()
    assert told(queries.hourly(tenant.pk, hours=3)) == truth(written + late, starts, HOUR)


def test_days_are_told_from_roll_ups_hours_and_the_running_hour_as_one(tenant):
    days = [today() - number * DAY for number in reversed(range(7))]
    written = write(tenant, *several([days[0] + 3 * HOUR, days[1] + 23 * HOUR, days[3], days[5] + HOUR]))
    fill()
    rollups.roll_days()
    written += write(tenant, segment(running_hour(), 3), segment(days[6], 5, session="s-2"))
    assert told(queries.trends(tenant.pk)) == truth(written, days, DAY)
    sport = [one for one in written if one.group.channel_id == "sport"]
    assert told(queries.trends(tenant.pk, channel_id="sport")) == truth(sport, days, DAY)


def test_a_users_figures_are_all_of_theirs(tenant):
    days = [today() - number * DAY for number in (6, 2, 0)]
    written = write(tenant, *several(days))
    fill()
    written += write(tenant, segment(running_hour(), 3))
    dana = [one for one in written if one.group.user_id == "dana"]
    assert queries.of_user(tenant.pk, "dana") == numbers(dana)
    assert queries.of_user(tenant.pk, "dana", days=1) == numbers(one for one in dana if one.received_at >= today())
    assert queries.of_user(tenant.pk, "nobody").segments == 0


def test_days_that_mongodb_need_not_have_come_from_the_archive_once_they_are_there(tenant, settings):
    settings.EARSHOT_METRICS_HOURS_DAYS = 3
    days = [today() - number * DAY for number in reversed(range(7))]
    written = write(tenant, *several([days[0] + HOUR, days[1] + 3 * HOUR, days[4]], each=3))
    fill()
    rollups.roll_days()
    written += write(tenant, segment(running_hour(), 3))
    dana = [one for one in written if one.group.user_id == "dana"]
    sport = [one for one in written if one.group.channel_id == "sport"]

    def check():
        assert told(queries.trends(tenant.pk)) == truth(written, days, DAY)
        assert told(queries.trends(tenant.pk, channel_id="sport")) == truth(sport, days, DAY)
        assert queries.of_user(tenant.pk, "dana") == numbers(dana)

    check()
    archived.archive_days()
    assert archived.days_there(tenant.pk, days[0].date(), days[4].date())[days[4].date()]
    check()
    for name, field in [(HOURS, "hour"), (FILLS, "hour"), (DAYS, "day"), (ROLLS, "day")]:
        mongo_clients.collection(name).delete_many({"tenant_id": tenant.pk, field: {"$lt": days[3]}})
    check()
    series = queries.series(tenant.pk, since=days[0] - 3 * DAY, until=days[2], user_id="dana")
    assert (series.step, series.totals.segments) == ("day", sum(one.received_at < days[2] for one in dana))


def test_a_day_that_the_archive_does_not_hold_well_comes_from_mongodb_and_is_named_once_it_is_nowhere(tenant, settings):
    settings.EARSHOT_METRICS_HOURS_DAYS = 3
    days = [today() - number * DAY for number in reversed(range(7))]
    written = write(tenant, *several([days[0] + HOUR, days[1] + 3 * HOUR, days[2]], each=3))
    fill()
    rollups.roll_days()
    archived.archive_days()
    ArchivedDay.objects.filter(tenant_id=tenant.pk, day=days[1].date()).update(verified_at=None)
    points = queries.trends(tenant.pk)
    assert told(points) == truth(written, days, DAY)
    assert not any(point.is_missing for point in points)
    dana = [one for one in written if one.group.user_id == "dana"]
    assert queries.of_user(tenant.pk, "dana") == numbers(dana)
    for name, field in [(HOURS, "hour"), (FILLS, "hour"), (DAYS, "day"), (ROLLS, "day")]:
        mongo_clients.collection(name).delete_many({"tenant_id": tenant.pk, field: {"$lt": days[3]}})
    points = queries.trends(tenant.pk)
    assert [point.start for point in points if point.is_missing] == [days[1]]
    left = [one for one in written if not days[1] <= one.received_at < days[2]]
    assert told(points) == truth(left, days, DAY)


def test_who_did_most_is_the_same_by_days_by_hours_and_by_what_still_waits(tenant):
    starts = [today() - number * DAY + hour * HOUR for number in (4, 3, 2) for hour in (1, 2, 23)]
    written = write(tenant, *several(starts, each=4))

    def check():
        for since, until in [
            (starts[0] - HOUR, starts[-1] + HOUR),
            (starts[1], starts[-2] + HOUR),
            (starts[2], starts[2] + HOUR),
            (starts[2], starts[3]),
        ]:
            for pipeline in (None, "audio"):
                between = [one for one in written if since <= one.received_at < until]
                kept = [one for one in between if pipeline in (None, one.group.pipeline)]
                found = names.names(tenant.pk, since=since, until=until, pipeline=pipeline)
                for some, of in [(found.channels, "channel_id"), (found.users, "user_id")]:
                    by_name = {}
                    for one in kept:
                        by_name.setdefault(getattr(one.group, of), []).append(one)
                    assert {one.name: one.totals for one in some} == {
                        name: numbers(several) for name, several in by_name.items()
                    }

    check()
    fill()
    check()
    rollups.roll_days()
    check()
    # One that was filled counts with what came late from when it is filled again; one that was not, at once.
    late = write(tenant, *several(starts[3:5], seed=1))
    check()
    written += late
    written += write(tenant, *several([starts[4] + HOUR], seed=2))
    fill()
    check()
    rollups.roll_days()
    check()


def test_an_hour_that_takes_long_to_read_is_not_read_for_each_who_asks(tenant, monkeypatch):
    start = running_hour()
    write(tenant, segment(start, 1))
    monkeypatch.setattr(names, "_LONG_SECONDS", 0.0)
    monkeypatch.setattr(names, "_REST", 1e9)
    assert [one.totals.segments for one in names.names(tenant.pk, since=start).users] == [1]
    write(tenant, segment(start, 2))
    assert [one.totals.segments for one in names.names(tenant.pk, since=start).users] == [1]
    monkeypatch.setattr(names, "_readings", names._Readings())
    assert [one.totals.segments for one in names.names(tenant.pk, since=start).users] == [2]


def test_the_newest_are_told_with_the_sums_of_their_minutes(tenant):
    now = datetime.now(UTC)
    written = write(
        tenant,
        *(segment(now - timedelta(seconds=seconds), seconds, session=f"s-{seconds}") for seconds in (1, 90, 250)),
    )
    write(tenant, segment(now - timedelta(minutes=20), 4))
    found = queries.newest(tenant.pk)
    assert (found.segments, found.totals) == (written, Totals.of(written))
    starts = [point.start for point in found.minutes]
    assert starts == [starts[0] + timedelta(minutes=number) for number in range(len(starts))]
    assert [one.segment_id for one in queries.newest(tenant.pk, limit=1).segments] == [written[0].segment_id]
    assert queries.newest(tenant.pk, channel_id="sport").segments == []


def test_a_series_has_the_step_that_suits_its_length(tenant):
    now = datetime.now(UTC)
    written = write(tenant, *several(hours_until_now(3)[:2]))
    for length, step in [
        (HOUR, "minute"),
        (3 * HOUR, "minute"),
        (4 * HOUR, "hour"),
        (8 * DAY, "hour"),
        (9 * DAY, "day"),
    ]:
        told_by = queries.series(tenant.pk, since=now - length, until=now)
        assert told_by.step == step, length
        assert told_by.totals == Totals.of(one for one in written if one.received_at >= told_by.points[0].start)
    of_user = queries.series(tenant.pk, since=now - 3 * HOUR, until=now, user_id="dana")
    assert of_user.step == "hour"
    assert of_user.totals == without_latency(Totals.of(one for one in written if one.group.user_id == "dana"))
    assert queries.series(tenant.pk, since=now - 2 * DAY, until=now - 2 * DAY + HOUR).step == "hour"
    assert queries.series(tenant.pk, since=now, until=now - HOUR).points == []


def test_channels_and_users_are_named_the_biggest_first_and_not_more_than_asked(tenant):
    starts = hours_until_now(4)
    each = {"a": 1, "b": 3, "c": 2}
    written = [
        segment(starts[0], number, channel=name, user=f"u-{name}")
        for name, count in each.items()
        for number in range(count)
    ]
    write(tenant, *written)
    fill()
    written += write(
        tenant, segment(starts[3], 9, channel="c", user="u-c"), segment(starts[3], 10, channel="c", user="u-c")
    )
    channels = names.names(tenant.pk, since=starts[0]).channels
    assert [(one.name, one.totals.segments) for one in channels] == [("c", 4), ("b", 3), ("a", 1)]
    assert channels[0].totals == numbers(one for one in written if one.group.channel_id == "c")
    users = names.names(tenant.pk, since=starts[0], limit=2).users
    assert [(one.name, one.totals.segments) for one in users] == [("u-c", 4), ("u-b", 3)]
