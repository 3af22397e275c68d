"""Objects of a bucket in a directory: each content once, found again, verified, put back, and removed in the end."""

import hashlib
import shutil
import threading
import time
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from audio import blobs
from config.backup import objects, places
from config.backup.pace import Pace
from metrics.buckets import Bucket

FAST = Pace(0)
CONTENTS = {"audio/a/1": b"one", "audio/a/2": b"two" * 1000, "audio/b/1": b"one", "ledger/1/x": b"never"}


@pytest.fixture
def bucket():
    """One of its own, with something in it."""
    client = blobs._client()
    client.create_bucket(Bucket="to-copy")
    there = Bucket(client, "to-copy")
    for key, body in CONTENTS.items():
        client.put_object(Bucket="to-copy", Key=key, Body=body, ContentType="audio/ogg")
    yield there
    empty(there)
    client.delete_bucket(Bucket="to-copy")


@pytest.fixture
def root(tmp_path):
    places.make(tmp_path)
    return tmp_path


def empty(bucket):
    for page in bucket.listed():
        for one in page:
            bucket._client.delete_object(Bucket=bucket.name, Key=one.key)


def copy(bucket, root, name, *, known=(), told=lambda things, size: None):
    lists = [root / one for one in known]
    return objects.copy(bucket, root, root / name, known=lists, pace=FAST, told=told, without=("ledger/",))


def contents(bucket):
    found = {}
    for page in bucket.listed():
        for one in page:
            content_type, pieces = bucket.read(one.key)
            found[one.key] = (content_type, b"".join(pieces))
    return found


def kept(root):
    return sorted(path.name for path in (root / places.OBJECTS).rglob("*") if path.is_file())


def faults(root, name):
    return list(objects.faults(root, root / name, told=lambda things, size: None))


def test_each_content_is_kept_once_and_what_stays_apart_is_not(bucket, root):
    copied = copy(bucket, root, "first.sqlite")
    assert (copied.objects, copied.fetched, copied.bytes) == (3, 3, 3 + 3000 + 3)
    assert kept(root) == sorted(hashlib.sha256(body).hexdigest() for body in (b"one", b"two" * 1000))
    assert faults(root, "first.sqlite") == []


def test_what_has_not_changed_is_not_fetched_again_and_what_has_is(bucket, root):
    copy(bucket, root, "first.sqlite")
    again = copy(bucket, root, "second.sqlite", known=["first.sqlite"])
    assert (again.objects, again.fetched) == (3, 0)
    bucket._client.put_object(Bucket=bucket.name, Key="audio/a/1", Body=b"other")
    bucket._client.delete_object(Bucket=bucket.name, Key="audio/a/2")
    foreseen = objects.counted(bucket, root, known=[root / "second.sqlite"], without=("ledger/",))
    third = copy(bucket, root, "third.sqlite", known=["second.sqlite", "first.sqlite"])
    assert (third.objects, third.fetched) == (foreseen.objects, foreseen.fetched) == (2, 1)
    # What the earlier ones name is still there.
    assert faults(root, "first.sqlite") == faults(root, "third.sqlite") == []


def test_the_store_lists_objects_without_reading_them_for_a_mark(bucket):
    """Its own mark would be the MD5 of each, for which it reads all that is listed."""
    assert {one.etag for page in bucket.listed() for one in page} == {""}


class Marked(Bucket):
    """Of a store that says with each object what mark its content has."""

    mark = "one"

    def listed(self, *, without=()):
        for page in super().listed(without=without):
            yield [replace(one, etag=self.mark) for one in page]


def test_a_mark_tells_other_content_where_the_store_gives_one_and_where_it_gives_none_size_and_time_do(bucket, root):
    marked = Marked(bucket._client, bucket.name)
    copy(marked, root, "marked.sqlite")
    assert copy(bucket, root, "unmarked.sqlite", known=["marked.sqlite"]).fetched == 0
    assert copy(marked, root, "again.sqlite", known=["unmarked.sqlite"]).fetched == 0
    marked.mark = "two"
    assert copy(marked, root, "other.sqlite", known=["marked.sqlite"]).fetched == 3


def test_a_content_that_was_lost_is_fetched_again(bucket, root):
    copy(bucket, root, "first.sqlite")
    shutil.rmtree(places.content(root, hashlib.sha256(b"one").hexdigest()).parent)
    again = copy(bucket, root, "second.sqlite", known=["first.sqlite"])
    assert again.fetched == 2
    assert faults(root, "second.sqlite") == []


def test_what_is_damaged_or_missing_is_found_and_not_put_back(bucket, root):
    copy(bucket, root, "first.sqlite")
    damaged = places.content(root, hashlib.sha256(b"two" * 1000).hexdigest())
    damaged.chmod(0o600)
    damaged.write_bytes(b"tow" * 1000)
    (said,) = faults(root, "first.sqlite")
    assert said == "audio/a/2: its content was changed"
    places.content(root, hashlib.sha256(b"one").hexdigest()).unlink()
    assert len(faults(root, "first.sqlite")) == 3
    missing = list(objects.missing(root, root / "first.sqlite", told=lambda things, size: None))
    assert len(missing) == 2
    bucket._client.put_object(Bucket=bucket.name, Key="audio/a/0", Body=b"three")
    copy(bucket, root, "second.sqlite")
    damaged.chmod(0o600)
    damaged.write_bytes(b"tow" * 1000)
    places.content(root, hashlib.sha256(b"three").hexdigest()).unlink()
    empty(bucket)
    done = objects.put_back(bucket, root, root / "second.sqlite", over=True, told=lambda things, size: None)
    assert (done.put, done.left) == (2, 0)
    assert ["audio/a/0 cannot be read" in done.lost[0], "audio/a/2 is not what it was" in done.lost[1]] == [True, True]
    assert contents(bucket).keys() == {"audio/a/1", "audio/b/1"}, "what is lost holds up nothing else"


def test_objects_come_back_with_their_types_and_what_is_there_stays(bucket, root):
    before = contents(bucket)
    copy(bucket, root, "first.sqlite")
    empty(bucket)
    bucket._client.put_object(Bucket=bucket.name, Key="audio/a/1", Body=b"newer")

    def put_back(*, over):
        done = objects.put_back(bucket, root, root / "first.sqlite", over=over, told=lambda things, size: None)
        return done.put, done.left

    assert put_back(over=False) == (2, 1)
    assert contents(bucket)["audio/a/1"][1] == b"newer"
    assert put_back(over=False) == (0, 3)
    assert put_back(over=True) == (3, 0)
    del before["ledger/1/x"]
    assert contents(bucket) == before


def test_only_what_no_backup_names_is_removed(bucket, root):
    copy(bucket, root, "first.sqlite")
    bucket._client.delete_object(Bucket=bucket.name, Key="audio/a/2")
    copy(bucket, root, "second.sqlite")
    assert objects.sweep(root, [root / "first.sqlite", root / "second.sqlite"]) == (0, 0)
    assert objects.sweep(root, [root / "second.sqlite"]) == (1, 3000)
    assert faults(root, "second.sqlite") == []
    assert objects.sweep(root, []) == (1, 3)


def test_what_is_erased_while_it_is_copied_is_left_out(bucket, root):
    class Erasing(Bucket):
        def read(self, key):
            self._client.delete_object(Bucket=self.name, Key="audio/a/2")
            return super().read(key) if key != "audio/a/2" else None

    copied = copy(Erasing(bucket._client, bucket.name), root, "first.sqlite")
    assert copied.objects == 2


def test_a_store_that_refuses_for_a_moment_is_asked_again(bucket, root, monkeypatch):
    monkeypatch.setattr(objects, "_PAUSE_SECONDS", 0)
    refused = []

    class Refusing:
        def __getattr__(self, name):
            return getattr(bucket._client, name)

        def get_object(self, **asked):
            if asked["Key"] not in refused:
                refused.append(asked["Key"])
                raise ClientError({"Error": {"Code": "SlowDown"}}, "GetObject")
            return bucket._client.get_object(**asked)

    assert copy(Bucket(Refusing(), bucket.name), root, "first.sqlite").objects == 3
    assert len(refused) == 3


def test_no_more_is_read_than_the_pace_allows_over_all_threads():
    pace = Pace(1000)
    began = time.monotonic()
    readers = [threading.Thread(target=list, args=[pace.keep([b"x" * 50] * 2)]) for _ in range(3)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    # The first piece is free; the other 250 bytes take a quarter of a second.
    assert time.monotonic() - began >= 0.25
