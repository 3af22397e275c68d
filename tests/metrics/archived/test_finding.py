"""A database that has lost it learns from the objects what is archived."""

from datetime import date, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.forms import model_to_dict

from metrics import archive, archived
from metrics.archived import objects, writing
from metrics.models import ArchivedDay
from tests.builders import make_tenant
from tests.metrics.archived import below
from tests.metrics.archived.days_made_up import chance, segments_of_a_day

pytestmark = pytest.mark.usefixtures("transactional_db", "nothing_below", "nothing_archived")
DAY = date(2026, 1, 28)


@pytest.fixture
def tenant_id():
    return make_tenant().pk


def archived_day(tenant_id, day=DAY, *, count=50, seed=1):
    segments = segments_of_a_day(chance(seed), day, count=count, channels=["sales", "support"])
    below.put(tenant_id, day, segments)
    return writing.archive_day(tenant_id, day)


def facts_of(day):
    return model_to_dict(day, exclude=["id", "archived_at", "verified_at"])


def test_every_day_is_found_as_it_was(tenant_id, capsys):
    days = [archived_day(tenant_id, DAY + timedelta(number)) for number in range(3)]
    told = archived.by_day(tenant_id, DAY, DAY + timedelta(3))
    ArchivedDay.objects.all().delete()
    assert archived.by_day(tenant_id, DAY, DAY + timedelta(3)) == []
    call_command("archive_metrics", "--find", "--dry-run")
    assert not ArchivedDay.objects.exists()
    call_command("archive_metrics", "--find")
    assert "3 days were found" in capsys.readouterr().out
    assert [facts_of(day) for day in ArchivedDay.objects.order_by("day")] == [facts_of(day) for day in days]
    assert archived.by_day(tenant_id, DAY, DAY + timedelta(3)) == told
    assert archived.of_user(tenant_id, "customer-9", DAY, DAY + timedelta(3))
    assert archived.find().days == 0


def test_what_is_not_whole_is_told_and_left(tenant_id):
    archived_day(tenant_id)
    ArchivedDay.objects.all().delete()
    days_object, _ = objects.of_day(tenant_id, DAY)
    archive.erase(days_object)
    archive.write("metrics/days/tenant=1/notes.txt", b"?")
    with pytest.raises(CommandError, match="2 finds are of no use"):
        call_command("archive_metrics", "--find")
    assert not ArchivedDay.objects.exists()
    assert len(objects.of_day(tenant_id, DAY)) == 1
    archive.erase("metrics/days/tenant=1/notes.txt")


def test_of_several_attempts_the_fullest_counts(tenant_id):
    first = archived_day(tenant_id)
    kept = {name: archive.read(name) for name in objects.of_day(tenant_id, DAY)}
    fuller = archived_day(tenant_id, seed=2)
    for name, content in kept.items():
        archive.write(name, content)
    ArchivedDay.objects.all().delete()
    assert len(objects.of_day(tenant_id, DAY)) == 4
    assert archived.find().days == 1
    assert ArchivedDay.objects.get().segments == fuller.segments > first.segments
    assert len(objects.of_day(tenant_id, DAY)) == 2
