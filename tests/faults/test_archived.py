"""Whatever is killed in the midst of archiving a day, the archive holds it once, whole, or not at all."""

from datetime import timedelta

import pytest
from django.core.files.storage import storages

from metrics import archived, keyring
from metrics.archived import objects, verification
from metrics.models import ArchivedDay
from metrics.totals import Totals
from tests.faults.test_beat import address_of_the_test_database
from tests.metrics.archived import below
from tests.metrics.archived.days_made_up import chance, segments_of_a_day
from tests.metrics.dying import Workers
from tests.metrics.truth import DAY, a_past_midnight

pytestmark = pytest.mark.usefixtures("transactional_db")
NOW = a_past_midnight(0) + timedelta(hours=3)
ARCHIVED = (NOW - 3 * DAY).date()
USERS = ["", "7", "customer-9"]
TENANT = 1
BUCKET = storages["archive"].bucket_name


@pytest.fixture
def workers():
    below.empty()
    keyring.create()
    running = Workers({"EARSHOT_DATABASE_URL": address_of_the_test_database()})
    yield running
    running.stop()
    below.empty()


def told():
    """By pipeline, as the archive tells the day; empty while it does not count as archived."""
    return {one.channel.pipeline: one.totals for one in archived.by_day(TENANT, ARCHIVED, ARCHIVED)}


def of_person(user_id):
    return sum(one.totals.segments for one in archived.of_user(TENANT, user_id, ARCHIVED, ARCHIVED))


def die_at_each_step_and_finish(workers, steps, segments, before):
    """At every step, and whenever it died, the archive tells the day as it was, as it should be, or not at all."""
    truth = {
        pipeline: Totals.of(one for one in segments if one.group.pipeline == pipeline)
        for pipeline in ("audio", "dubbing")
    }
    for step in steps:
        (ended,), taken = workers.run(NOW, job="archive", at=step)
        assert ended == "killed", step
        assert step in taken[-1]
        assert told() in (before, {}, truth), step
    (ended,), _ = workers.run(NOW, job="archive")
    assert ended == "done"
    assert told() == truth
    for user_id in USERS[1:]:
        assert of_person(user_id) == sum(one.group.user_id == user_id for one in segments)
    day = ArchivedDay.objects.get()
    assert objects.of_day(TENANT, ARCHIVED) == [one.name for one in verification.objects_of(day)]
    return truth


def test_a_job_that_is_killed_at_each_of_its_steps_archives_every_segment_once(workers):
    segments = made_up(seed=1)
    below.put(TENANT, ARCHIVED, segments)
    writing_objects = [
        f"PUT /{BUCKET}/metrics/days/",
        f"PUT /{BUCKET}/metrics/people/",
        f"GET /{BUCKET}/metrics/days/",
        f"GET /{BUCKET}/metrics/people/",
    ]
    steps = [
        f"GET /{BUCKET}/keyring/people/",
        f"PUT /{BUCKET}/keyring/people/",
        *writing_objects,
        'INSERT INTO "metrics_archivedday"',
        'UPDATE "metrics_archivedday" SET "verified_at"',
    ]
    truth = die_at_each_step_and_finish(workers, steps, segments, before={})

    # The day grows, and what was archived of it is to go.
    more = made_up(seed=2)
    below.put(TENANT, ARCHIVED, more)
    steps = [
        *writing_objects,
        # The row, as of what is in the archive now.
        '"people_checksum" = %s',
        f"DELETE /{BUCKET}/metrics/days/",
        f"DELETE /{BUCKET}/metrics/people/",
        'UPDATE "metrics_archivedday" SET "verified_at"',
    ]
    die_at_each_step_and_finish(workers, steps, segments + more, before=truth)


def made_up(seed):
    return segments_of_a_day(chance(seed), ARCHIVED, count=40, channels=["sales"], users=USERS)
