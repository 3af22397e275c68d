"""A day goes into the archive: verified, once, of nobody who could be found without a key."""

from datetime import date, timedelta

import pytest

from metrics import archive, archived, forgotten, keyring
from metrics.archived import objects, tables, verification, writing
from metrics.archived.schema import DAYS, PEOPLE
from metrics.errors import ArchiveDamaged, TiersDisagree
from metrics.models import ArchivedDay
from metrics.segments import person_key_of
from metrics.totals import Totals
from tests.builders import make_tenant
from tests.metrics.archived import below
from tests.metrics.archived.days_made_up import USERS, chance, segments_of_a_day
from tests.object_store import VersionedStore, in_place_of_the_archive

pytestmark = pytest.mark.usefixtures("transactional_db", "nothing_below")
DAY = date(2026, 1, 31)
CHANNELS = ["sales", "support"]


@pytest.fixture
def tenant_id():
    return make_tenant().pk


def filled(tenant_id, day=DAY, *, seed=1, count=120):
    segments = segments_of_a_day(chance(seed), day, count=count, channels=CHANNELS)
    below.put(tenant_id, day, segments)
    return segments


def test_what_is_archived_is_what_was_told_to_the_last_unit(tenant_id):
    segments = filled(tenant_id)
    day = writing.archive_day(tenant_id, DAY)
    assert (day.segments, day.verified_at is not None) == (len(segments), True)
    by_pipeline = {one.channel.pipeline: one.totals for one in archived.by_day(tenant_id, DAY, DAY)}
    assert by_pipeline == {
        pipeline: Totals.of(one for one in segments if one.group.pipeline == pipeline)
        for pipeline in ("audio", "dubbing")
    }
    (of_channel,) = archived.by_day(tenant_id, DAY, DAY, channel_id="sales", pipeline="audio")
    assert of_channel.totals == Totals.of(
        one for one in segments if (one.group.channel_id, one.group.pipeline) == ("sales", "audio")
    )


def test_a_person_is_found_by_their_key_on_every_day(tenant_id):
    segments = filled(tenant_id) + filled(tenant_id, DAY + timedelta(1), seed=2)
    for number in range(2):
        writing.archive_day(tenant_id, DAY + timedelta(number))
    for user_id in filter(None, USERS):
        found = archived.of_user(tenant_id, user_id, DAY, DAY + timedelta(1))
        expected = Totals.of(one for one in segments if one.group.user_id == user_id)
        assert sum(one.totals.segments for one in found) == expected.segments > 0
        assert sum(one.totals.total_us for one in found) == expected.total_us
        assert sum(one.totals.duration_us for one in found) == expected.duration_us
        assert {one.day for one in found} == {DAY, DAY + timedelta(1)}
    assert archived.of_user(tenant_id, "nobody", DAY, DAY) == []


def test_nobody_finds_a_person_whose_key_is_destroyed(tenant_id):
    filled(tenant_id)
    writing.archive_day(tenant_id, DAY)
    before = {name: archive.read(name) for name in objects.of_day(tenant_id, DAY)}
    assert archived.of_user(tenant_id, "user:7", DAY, DAY)
    keyring.destroy(tenant_id, person_key_of("web", "user:7"))
    assert archived.of_user(tenant_id, "user:7", DAY, DAY) == []
    assert archived.of_user(tenant_id, "user:8", DAY, DAY)
    assert {name: archive.read(name) for name in objects.of_day(tenant_id, DAY)} == before


def test_whoever_is_forgotten_gets_no_row_and_is_counted_of_nobody(tenant_id):
    segments = filled(tenant_id)
    keyring.destroy(tenant_id, person_key_of("web", "user:7"))
    forgotten.forget(tenant_id, person_key_of("web", "user:8"))
    day = writing.archive_day(tenant_id, DAY)
    _, people = verification.objects_of(day)
    rows = objects.opened(people, archive.read(people.name)).to_pylist()
    of_nobody = sum(row["segments"] for row in rows if row["pseudonym"] is None)
    assert of_nobody == sum(one.group.user_id in {"", "user:7", "user:8"} for one in segments)
    for user_id in ("user:7", "user:8"):
        assert archived.of_user(tenant_id, user_id, DAY, DAY) == []


def test_no_two_days_of_a_person_can_be_joined(tenant_id):
    seen = set()
    for number in range(2):
        filled(tenant_id, DAY + timedelta(number))
        day = writing.archive_day(tenant_id, DAY + timedelta(number))
        _, people = verification.objects_of(day)
        pseudonyms = set(objects.opened(people, archive.read(people.name))["pseudonym"].to_pylist()) - {None}
        assert not pseudonyms & seen
        seen |= pseudonyms
    assert keyring.pseudonym(tenant_id, person_key_of("web", "user:7")) not in seen


def test_objects_and_names_tell_of_nobody_and_of_no_session(tenant_id):
    users = ["90071992547", "someone@example.com", "משתמש"]
    segments = segments_of_a_day(chance(3), DAY, count=200, channels=CHANNELS, users=users)
    below.put(tenant_id, DAY, segments)
    writing.archive_day(tenant_id, DAY)
    names = objects.of_day(tenant_id, DAY)
    assert len(names) == 2
    everything = "\n".join(names).encode()
    for name in names:
        content = archive.read(name)
        table = tables.from_parquet(content)
        # As it lies there, and as it is told, since columns are compressed.
        everything += content + repr((table.to_pylist(), table.schema.to_string())).encode()
    sessions = {one.group.session_id for one in segments}
    for text in [*users, *sessions, *(one.segment_id for one in segments)]:
        assert text.encode() not in everything
    assert b"sales" in everything


def test_the_same_again_is_the_same_as_once(tenant_id):
    filled(tenant_id)
    first = writing.archive_day(tenant_id, DAY)
    names = objects.of_day(tenant_id, DAY)
    again = writing.archive_day(tenant_id, DAY)
    assert (again.pk, again.checksum, again.people_checksum) == (first.pk, first.checksum, first.people_checksum)
    assert objects.of_day(tenant_id, DAY) == names == [one.name for one in verification.objects_of(again)]


def test_a_day_that_grew_takes_the_place_of_what_was_archived(tenant_id):
    segments = filled(tenant_id)
    first = writing.archive_day(tenant_id, DAY)
    segments += filled(tenant_id, seed=2)
    again = writing.archive_day(tenant_id, DAY)
    assert again.checksum != first.checksum
    assert objects.of_day(tenant_id, DAY) == [one.name for one in verification.objects_of(again)]
    assert sum(one.totals.segments for one in archived.by_day(tenant_id, DAY, DAY)) == len(segments)


def test_tenants_of_the_same_names_never_meet(tenant_id):
    other = make_tenant().pk
    mine, theirs = filled(tenant_id, seed=1), filled(other, seed=2, count=80)
    for one in (tenant_id, other):
        writing.archive_day(one, DAY)
    for one, segments in ((tenant_id, mine), (other, theirs)):
        assert sum(day.totals.segments for day in archived.by_day(one, DAY, DAY)) == len(segments)
        own = sum(segment.group.user_id == "user:7" for segment in segments)
        assert sum(day.totals.segments for day in archived.of_user(one, "user:7", DAY, DAY)) == own
    keyring.destroy(tenant_id, person_key_of("web", "user:7"))
    assert archived.of_user(other, "user:7", DAY, DAY)
    assert archived.by_day(make_tenant().pk, DAY, DAY) == []


class CarelessStore(VersionedStore):
    """Changes a byte of each day that it gives back."""

    def do_GET(self):  # noqa: N802 - as the library calls it
        if self.path.partition("?")[0].endswith(".parquet"):
            self.kept[:] = [
                (name, version, content[:-20] + b"?" + content[-19:] if name.endswith(".parquet") else content)
                for name, version, content in self.kept
            ]
        return super().do_GET()


def test_a_day_that_does_not_come_back_as_it_went_is_not_archived(tenant_id, settings):
    filled(tenant_id)
    store = type("Store", (CarelessStore,), {"kept": [(keyring.ROOT, "v0", archive.read(keyring.ROOT))]})
    with in_place_of_the_archive(settings, store), pytest.raises(ArchiveDamaged, match="not what was archived"):
        writing.archive_day(tenant_id, DAY)
    assert not ArchivedDay.objects.filter(tenant_id=tenant_id).exists()


def test_a_tier_that_changes_meanwhile_is_archived_another_time(tenant_id, settings):
    filled(tenant_id)

    class BusyStore(VersionedStore):
        """Lets more come in as soon as a day is written."""

        def do_PUT(self):  # noqa: N802 - as the library calls it
            if self._name.startswith("metrics/days/"):
                below.in_another_connection(lambda: filled(tenant_id, seed=2))
            return super().do_PUT()

    store = type("Store", (BusyStore,), {"kept": [(keyring.ROOT, "v0", archive.read(keyring.ROOT))]})
    with in_place_of_the_archive(settings, store), pytest.raises((TiersDisagree, ArchiveDamaged)):
        writing.archive_day(tenant_id, DAY)
    assert not ArchivedDay.objects.filter(tenant_id=tenant_id).exists()


def test_only_days_of_figures_are_in_the_storage_class(tenant_id, settings):
    settings.EARSHOT_ARCHIVE_STORAGE_CLASS = "STANDARD_IA"
    filled(tenant_id)
    classes = {}

    class ClassyStore(VersionedStore):
        def do_PUT(self):  # noqa: N802 - as the library calls it
            classes[self._name.split("/")[0]] = self.headers.get("x-amz-storage-class")
            return super().do_PUT()

    store = type("Store", (ClassyStore,), {"kept": [(keyring.ROOT, "v0", archive.read(keyring.ROOT))]})
    keyring._cache.forget()
    with in_place_of_the_archive(settings, store):
        writing.archive_day(tenant_id, DAY)
    assert classes == {"keyring": None, "metrics": "STANDARD_IA"}
    assert {DAYS, PEOPLE} == {name.split("/")[1] for name, _, _ in store.kept if name.startswith("metrics/")}
