"""The archive's door, against the object store itself."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from metrics import archive
from metrics.errors import ArchiveConflict, ArchiveUnavailable, RetryableMetricsError

pytestmark = pytest.mark.usefixtures("transactional_db")
_folders = itertools.count(1)


@pytest.fixture
def folder():
    return f"tests-{next(_folders)}"


def test_what_is_written_can_be_read_until_it_is_erased(folder):
    name = f"{folder}/a/b"
    assert archive.read(name) is None
    assert not archive.exists(name)
    archive.write(name, b"one")
    archive.write(name, b"two")
    assert archive.read(name) == b"two"
    assert archive.exists(name)
    archive.erase(name)
    archive.erase(name)
    assert archive.read(name) is None


def test_what_is_appended_is_not_changed_by_appending_something_else(folder):
    name = f"{folder}/ledger"
    archive.write_new(name, b"one")
    archive.write_new(name, b"one")
    with pytest.raises(ArchiveConflict):
        archive.write_new(name, b"two")
    assert archive.read(name) == b"one"


def test_of_many_that_append_at_once_one_wins_and_the_others_hear_of_it(folder):
    name = f"{folder}/block"
    together = threading.Barrier(8)

    def append(number):
        together.wait()
        try:
            archive.write_new(name, str(number).encode())
        except ArchiveConflict:
            return None
        return number

    with ThreadPoolExecutor(8) as threads:
        won = [number for number in threads.map(append, range(8)) if number is not None]
    assert [str(number).encode() for number in won] == [archive.read(name)]


def test_the_first_writes_of_several_names_keep_what_was_there(folder):
    archive.write(f"{folder}/1", b"old")
    held = archive.write_first({f"{folder}/1": b"new", f"{folder}/2": b"new"})
    assert held == {f"{folder}/1": b"old", f"{folder}/2": b"new"}
    assert archive.read_all([*held, f"{folder}/3"]) == held


def test_replacing_tells_what_was_there(folder):
    name = f"{folder}/key"
    assert archive.replace(name, b"none") is None
    assert archive.replace(name, b"other") == b"none"
    assert archive.read(name) == b"other"


def test_more_names_than_one_page_holds_are_all_listed(folder):
    wanted = [f"{folder}/{number:04d}" for number in range(1005)]
    archive.write_first(dict.fromkeys(wanted, b"x"))
    archive.write(f"{folder}-other", b"x")
    assert list(archive.names(f"{folder}/")) == wanted
    archive.erase(f"{folder}-other")


def test_a_bucket_that_is_there_is_not_made_again():
    archive.create()
    archive.ping()


@pytest.mark.usefixtures("archive_away")
@pytest.mark.parametrize(
    "act",
    [
        archive.ping,
        archive.create,
        lambda: archive.read("a/b"),
        lambda: archive.exists("a/b"),
        lambda: archive.write("a/b", b""),
        lambda: archive.write_new("a/b", b""),
        lambda: archive.erase("a/b"),
        lambda: list(archive.names()),
    ],
)
def test_an_archive_that_is_away_is_an_error_that_says_try_again(act):
    with pytest.raises(RetryableMetricsError):
        act()


def test_a_bucket_that_is_missing_does_not_pass_for_an_empty_one(settings):
    missing = settings.STORAGES["archive"]
    options = {**missing["OPTIONS"], "bucket_name": "earshot-nowhere"}
    settings.STORAGES = {**settings.STORAGES, "archive": {**missing, "OPTIONS": options}}
    with pytest.raises(ArchiveUnavailable):
        archive.read("keyring/root")
