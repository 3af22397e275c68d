"""How long the tier below and the archive keep days."""

from datetime import UTC, date, datetime, timedelta

import pytest

from metrics import archive, archived, hours
from metrics.archived import keeping, objects, writing
from metrics.models import ArchivedDay
from tests.builders import make_tenant
from tests.metrics.archived import below
from tests.metrics.archived.below import LONG
from tests.metrics.archived.days_made_up import chance, segments_of_a_day

pytestmark = pytest.mark.usefixtures("transactional_db", "nothing_below")
NOW = datetime(2026, 6, 30, 3, tzinfo=UTC)


@pytest.fixture
def tenant_id():
    return make_tenant().pk


def filled(tenant_id, day):
    below.put(tenant_id, day, segments_of_a_day(chance(1), day, count=5, channels=["sales"]))


def to_go_in(days):
    """The day that has so many days left in the hours."""
    return NOW.date() - timedelta(LONG - days)


def test_hours_go_after_their_days_when_all_that_would_go_is_archived(tenant_id):
    for days in (1, 20):
        filled(tenant_id, to_go_in(days))
        writing.archive_day(tenant_id, to_go_in(days))
    filled(tenant_id, to_go_in(50))
    assert archived.hold(NOW) == LONG
    assert below.life() == LONG


def test_hours_stay_while_a_day_that_would_go_is_not_verified(tenant_id):
    for days in (1, 20):
        filled(tenant_id, to_go_in(days))
        writing.archive_day(tenant_id, to_go_in(days))
    ArchivedDay.objects.filter(day=to_go_in(1)).update(verified_at=None)
    assert archived.hold(NOW) == LONG - 1 + keeping.SPARE_DAYS
    assert below.life() == LONG - 1 + keeping.SPARE_DAYS
    writing.archive_day(tenant_id, to_go_in(1))
    assert archived.hold(NOW) == LONG


def test_making_the_stores_again_lets_nothing_go_that_is_held(tenant_id):
    filled(tenant_id, to_go_in(1))
    held = archived.hold(NOW)
    hours.create()
    assert below.life() == held > LONG


def test_another_tenants_archived_day_does_not_let_ones_own_go(tenant_id):
    other = make_tenant().pk
    for one in (tenant_id, other):
        filled(one, to_go_in(10))
    writing.archive_day(other, to_go_in(10))
    assert archived.hold(NOW) == LONG - 10 + keeping.SPARE_DAYS


def test_days_leave_the_archive_after_its_years_with_all_that_lies_in_their_folders(tenant_id):
    kept, gone = date(2019, 6, 30), date(2019, 6, 29)
    for day in (kept, gone):
        filled(tenant_id, day)
        writing.archive_day(tenant_id, day)
    archive.write(objects.folder_of(tenant_id, gone, "days") + "left-behind.parquet", b"left")
    assert archived.retire(NOW) == 1
    assert objects.of_day(tenant_id, gone) == []
    assert len(objects.of_day(tenant_id, kept)) == 2
    assert list(ArchivedDay.objects.values_list("day", flat=True)) == [kept]
    assert archived.retire(NOW) == 0


def test_years_end_on_leap_days_too(settings):
    settings.EARSHOT_METRICS_ARCHIVE_YEARS = 7
    assert keeping.first_kept(date(2028, 2, 29)) == date(2021, 3, 1)
    assert keeping.first_kept(date(2028, 3, 1)) == date(2021, 3, 1)
