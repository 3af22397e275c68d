"""What the archive's door asks of a bucket that keeps versions."""

import pytest

from metrics import archive, keyring
from tests.object_store import VersionedStore, in_place_of_the_archive

pytestmark = pytest.mark.usefixtures("transactional_db")


@pytest.fixture
def kept(settings):
    """The versions that the bucket keeps, newest first."""
    store = type("Store", (VersionedStore,), {"kept": []})
    with in_place_of_the_archive(settings, store):
        yield store.kept


def test_erasing_leaves_no_version(kept):
    for content in (b"one", b"two", b"three"):
        archive.write("folder/name", content)
    archive.write("folder/name-of-another", b"other")
    archive.erase("folder/name")
    assert [(name, content) for name, _, content in kept] == [("folder/name-of-another", b"other")]


def test_what_was_hidden_by_somebody_elses_delete_is_erased_too(kept):
    archive.write("folder/name", b"one")
    kept.insert(0, ("folder/name", "v-hidden", None))
    assert archive.read("folder/name") is None
    archive.erase("folder/name")
    assert kept == []


def test_replacing_leaves_nothing_older(kept):
    for content in (b"one", b"two", b"three"):
        archive.write("folder/key", content)
    assert archive.replace("folder/key", b"destroyed") == b"three"
    assert [content for _, _, content in kept] == [b"destroyed"]


def test_replacing_again_finishes_what_was_left_half_done(kept):
    archive.write("folder/key", b"secret")
    # As a process leaves it that dies before it has removed what is older.
    archive.write("folder/key", b"destroyed")
    assert archive.replace("folder/key", b"destroyed") == b"destroyed"
    assert [content for _, _, content in kept] == [b"destroyed"]


def test_older_versions_are_counted_and_those_of_other_names_are_not(kept):
    for content in (b"one", b"two", b"three"):
        archive.write("folder/key", content)
        archive.write("folder/key-of-another", content)
    assert archive.count_older("folder/key") == 2
    archive.replace("folder/key", b"destroyed")
    assert archive.count_older("folder/key") == 0
    assert archive.count_older("folder/unknown") == 0


def test_what_was_hidden_by_a_delete_is_older_too(kept):
    archive.write("folder/key", b"one")
    kept.insert(0, ("folder/key", "v-hidden", None))
    assert archive.count_older("folder/key") == 1


def test_a_destroyed_key_of_which_an_older_version_is_kept_still_remains(kept):
    keyring._cache.forget()
    keyring.create()
    keyring.pseudonym(1, "contact:5")
    name = keyring._key_names([keyring.Named(1, "contact:5")])[1, "contact:5"]
    assert keyring.remains_of(1, "contact:5") == 1
    archive.write(name, keyring.TOMBSTONE)
    assert keyring.remains_of(1, "contact:5") == 1
    assert keyring.destroy(1, "contact:5") is False
    assert keyring.remains_of(1, "contact:5") == 0
    keyring._cache.forget()
