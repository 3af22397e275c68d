"""Totals to tables and Parquet, and back."""

from datetime import date, timedelta

import pyarrow as pa
import pytest

from metrics.archived import tables
from metrics.archived.schema import SUMS
from metrics.archived.tables import Folded
from metrics.errors import TiersDisagree
from metrics.segments import Channel, Group
from metrics.totals import Totals
from tests.metrics.archived.days_made_up import chance, segments_of_a_day

CHANNELS = ["sales", "support", "אודיו"]
PIPELINES = ["audio", "dubbing"]


@pytest.fixture
def segments():
    return segments_of_a_day(chance(9), date(2026, 1, 31), count=300, channels=CHANNELS)


def told(segments):
    """By channel, all of them together too, and folded by session and person, as the tier below tells it."""
    channels, groups = {}, {}
    for segment in segments:
        group = segment.group
        for channel_id in (group.channel_id, ""):
            channels.setdefault(Channel(channel_id, group.pipeline), Totals()).count(segment)
        groups.setdefault(group, Totals()).count(segment)
    folded = Folded()
    for group, totals in groups.items():
        folded.add(group, totals)
    return list(channels.items()), folded


def pseudonyms_for(folded):
    people = sorted({person for person, _ in folded.people})
    return {person: f"{number:032x}" for number, person in enumerate(people)}


def test_a_day_comes_back_from_parquet_to_the_last_unit(segments):
    channels, folded = told(segments)
    table = tables.from_parquet(tables.to_parquet(tables.days_table(channels, folded)))
    assert tables.channel_totals(table) == {channel: totals for channel, totals in channels if channel.channel_id}


def test_platforms_and_people_come_to_the_sums_of_their_channels(segments):
    channels, folded = told(segments)
    days = tables.days_table(channels, folded)
    people = tables.people_table(channels, folded, pseudonyms_for(folded))
    for name in SUMS:
        whole = sum(getattr(totals, name) for channel, totals in channels if channel.channel_id)
        assert sum(days[name].to_pylist()) == whole
        assert sum(people[name].to_pylist()) == whole
        assert sum(sums[name] for row in days["platforms"].to_pylist() for _, sums in row) == whole


def test_the_same_day_makes_the_same_bytes_in_whatever_order_it_is_told(segments):
    made = set()
    for _ in range(3):
        chance(len(made)).shuffle(segments)
        channels, folded = told(segments)
        pseudonyms = pseudonyms_for(folded)
        made.add(
            (
                tables.to_parquet(tables.days_table(channels, folded)),
                tables.to_parquet(tables.people_table(channels, folded, pseudonyms)),
                tables.digest_of(channels),
            )
        )
    assert len(made) == 1


def test_what_an_erasure_took_from_the_rows_is_counted_of_nobody(segments):
    channels, _ = told(segments)
    _, folded = told([one for one in segments if one.group.user_id != "user:7"])
    people = tables.people_table(channels, folded, pseudonyms_for(folded)).to_pylist()
    of_nobody = sum(row["segments"] for row in people if row["pseudonym"] is None)
    assert of_nobody == sum(one.group.user_id in {"", "user:7"} for one in segments)


def test_who_has_no_pseudonym_is_counted_of_nobody(segments):
    channels, folded = told(segments)
    people = tables.people_table(channels, folded, dict.fromkeys(pseudonyms_for(folded)))
    assert people["pseudonym"].null_count == people.num_rows == len(PIPELINES)


def test_segments_by_person_that_no_channel_counts_are_not_archived(segments):
    channels, folded = told(segments)
    folded.add(Group("sales", "a", "user:7", "web", "audio"), Totals(segments=1000))
    with pytest.raises(TiersDisagree):
        tables.days_table(channels, folded)
    with pytest.raises(TiersDisagree):
        tables.people_table(channels, folded, pseudonyms_for(folded))
    folded.add(Group("nowhere", "a", "user:7", "web", "audio"), Totals(segments=1))
    with pytest.raises(TiersDisagree):
        tables.days_table(channels[:0], folded)


def test_the_digest_changes_with_anything_that_is_said_of_a_channel(segments):
    channels, _ = told(segments)
    before = tables.digest_of(channels)
    channels[0][1].latency[7] += 1
    assert tables.digest_of(channels) != before


def test_days_are_added_up_as_columns_as_they_are_one_by_one(segments):
    channels, folded = told(segments)
    one_day = tables.days_table(channels, folded)
    parts = [
        one_day.append_column("date", pa.repeat(pa.scalar(date(2026, 1, 1) + timedelta(number)), one_day.num_rows))
        for number in range(3)
    ]
    expected = {
        pipeline: Totals.summed(
            totals for channel, totals in channels if channel.channel_id and channel.pipeline == pipeline
        )
        for pipeline in PIPELINES
    }
    summed = list(tables.totals_by_day(pa.concat_tables(parts)))
    assert [(day.day, pipeline) for day, pipeline, _ in summed] == [(day, p) for day in (1, 2, 3) for p in PIPELINES]
    assert all(totals == expected[pipeline] for _, pipeline, totals in summed)
    later = pa.concat_tables(parts).slice(one_day.num_rows)
    assert list(tables.totals_by_day(later)) == summed[len(PIPELINES) :]
