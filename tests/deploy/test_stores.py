"""The commands that start Redis and the object store in their containers, run on this machine's programs."""

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import boto3
import pytest
import redis
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.composition import SERVICES, filled
from tests.running import ROOT, free_port
from tests.waiting import wait_until

# Python packages bring the programs too.
PATH = f"{os.environ['PATH']}:{Path(sys.executable).parent}"


@pytest.fixture
def secrets(tmp_path):
    directory = tmp_path / "secrets"
    subprocess.run(["sh", str(ROOT / "deploy" / "make-secrets.sh"), str(directory)], check=True, capture_output=True)
    return directory


@contextmanager
def started(name, places):
    """The service's own command until its own check finds it healthy; `places` are the container's and ours."""
    service = filled(SERVICES[name])

    def here(words):
        for place, ours in places.items():
            words = [word.replace(place, ours) for word in words]
        return words

    how, check = here(service["healthcheck"]["test"])
    assert how == "CMD-SHELL"
    process = subprocess.Popen(here([*service["entrypoint"], *service["command"]]), env={"PATH": PATH})

    def is_healthy():
        assert process.poll() is None, f"{name} ended by itself"
        return subprocess.run(["sh", "-c", check], env={"PATH": PATH}, capture_output=True, check=False).returncode == 0

    try:
        wait_until(is_healthy, what=f"{name} to be healthy")
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextmanager
def started_redis(name, secrets, tmp_path):
    """A client with the service's own password."""
    port = free_port()
    places = {
        "/run/secrets/": f"{secrets}/",
        "/tmp/password.conf": f"{tmp_path}/{name}.conf",  # noqa: S108 - the container's
        {"redis": "--dir /data", "cache": "--dir /tmp "}[name]: f"--dir {tmp_path} --bind 127.0.0.1 --port {port} ",
        "redis-cli": f"redis-cli -p {port}",
    }
    password = (secrets / f"{name}-password").read_text().strip()
    with started(name, places), redis.Redis(port=port, password=password) as client:
        yield client


needs_redis = pytest.mark.skipif(shutil.which("redis-server", path=PATH) is None, reason="no Redis on this machine")


@needs_redis
def test_redis_wants_its_password_and_keeps_what_it_has(secrets, tmp_path):
    with started_redis("redis", secrets, tmp_path) as client:
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=client.get_connection_kwargs()["port"]).ping()
        client.set("kept", "yes")
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        # Nobody else on the machine reads the file with the password.
        assert (tmp_path / "redis.conf").stat().st_mode & 0o777 == 0o600
    with started_redis("redis", secrets, tmp_path) as client:
        assert client.get("kept") == b"yes"


@needs_redis
def test_the_cache_forgets_what_is_used_least_and_keeps_no_file(secrets, tmp_path):
    with started_redis("cache", secrets, tmp_path) as client:
        settings = client.config_get("maxmemory*") | client.config_get("appendonly") | client.config_get("save")
        assert settings["maxmemory"] == str(256 * 2**20)
        assert (settings["maxmemory-policy"], settings["appendonly"], settings["save"]) == ("allkeys-lru", "no", "")


class ObjectStore:
    """The service `objects`, and a client of it with its own secret or another."""

    def __init__(self, secrets, directory):
        self.secrets, self.directory, self.port = secrets, directory, free_port()

    def started(self):
        self.directory.mkdir()
        places = {
            "/run/secrets/": f"{self.secrets}/",
            "--addr :9000": f"--addr 127.0.0.1:{self.port}",
            "127.0.0.1:9000": f"127.0.0.1:{self.port}",
            " /objects": f" {self.directory}",
        }
        return started("objects", places)

    def client(self, secret=None):
        return boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id=(self.secrets / "s3-access-key").read_text().strip(),
            aws_secret_access_key=secret or (self.secrets / "s3-secret-key").read_text().strip(),
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}),
        )


needs_wget = pytest.mark.skipif(shutil.which("wget") is None, reason="the container's check is made by wget")


@needs_wget
def test_the_object_store_takes_what_is_signed_with_its_keys_alone(secrets, tmp_path):
    objects = ObjectStore(secrets, tmp_path / "objects")
    with objects.started():
        store = objects.client()
        store.create_bucket(Bucket="recordings")
        store.put_object(Bucket="recordings", Key="one/two", Body=b"sound")
        assert store.get_object(Bucket="recordings", Key="one/two")["Body"].read() == b"sound"
        # The MD5 of what is listed would be told by reading all of it.
        assert [one["ETag"] for one in store.list_objects_v2(Bucket="recordings")["Contents"]] == [""]
        with pytest.raises(ClientError):
            objects.client("another").get_object(Bucket="recordings", Key="one/two")


class Archive:
    """The archive's bucket in the service `objects`, and the service that copies it, run as Docker would."""

    ROOT, ENTRY, PERSON = "keyring/root", "ledger/1/first", "keyring/people/ab12"

    def __init__(self, objects, copy):
        self.objects, self.store, self.copy = objects, objects.client(), copy
        self.bucket = filled(SERVICES["archive"]["environment"])["EARSHOT_ARCHIVE_BUCKET"]

    def begin(self, root=b"r" * 32):
        self.store.create_bucket(Bucket=self.bucket)
        self.put(self.ROOT, root)

    def put(self, name, content):
        self.store.put_object(Bucket=self.bucket, Key=name, Body=content)

    def erase(self, name):
        self.store.delete_object(Bucket=self.bucket, Key=name)

    def lose(self):
        """As with the volume: what is prepared afterwards finds an empty bucket."""
        for name in self.there():
            self.erase(name)

    def there(self):
        found = self.store.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        names = [one["Key"] for one in found]
        return {name: self.store.get_object(Bucket=self.bucket, Key=name)["Body"].read() for name in names}

    def copied(self):
        return {str(file.relative_to(self.copy)): file.read_bytes() for file in self.copy.rglob("*") if file.is_file()}

    def run(self, *words, **variables):
        service = filled(SERVICES["archive"])
        said = {**service["environment"], "RCLONE_CONFIG_ARCHIVE_ENDPOINT": f"http://127.0.0.1:{self.objects.port}"}
        said = {name: self._here(value) for name, value in {**said, **variables, "PATH": PATH}.items()}
        command = [self._here(word) for word in [*service["entrypoint"], *(words or service["command"])]]
        return subprocess.run(command, env=said, capture_output=True, text=True, timeout=120, check=False)

    def keep(self):
        kept = self.run()
        assert kept.returncode == 0, kept.stderr

    def refuses(self, *words, **variables):
        """The sentence for people with which it ends, once it is certain that it changed nothing."""
        before = self.copied(), self.there()
        refused = self.run(*words, **variables)
        assert refused.returncode != 0
        assert (self.copied(), self.there()) == before
        return refused.stderr.splitlines()[-1]

    def _here(self, word):
        (script,) = [one for one in SERVICES["archive"]["volumes"] if one.endswith(":/copy.sh:ro")]
        places = {
            "/run/secrets/": f"{self.objects.secrets}/",
            "/copy.sh": str(ROOT / script.split(":")[0]),
            "/backups": str(self.copy),
        }
        for place, ours in places.items():
            word = word.replace(place, ours)
        return word


@pytest.fixture
def archive(secrets, tmp_path):
    objects = ObjectStore(secrets, tmp_path / "objects")
    with objects.started():
        yield Archive(objects, tmp_path / "copy")


@needs_wget
def test_the_copy_follows_the_archive_and_takes_nothing_back_from_the_ledger(archive):
    archive.begin()
    archive.put(archive.ENTRY, b"{}")
    archive.put(archive.PERSON, b"k" * 32)
    archive.put("metrics/days/one", b"figures")
    archive.keep()
    assert archive.copied() == archive.there()
    # A key that is destroyed is so in the copy too, and a day of figures that is erased is not kept there.
    archive.put(archive.PERSON, b"destroyed")
    archive.put("ledger/1/second", b"{}")
    archive.erase("metrics/days/one")
    archive.put("metrics/days/two", b"figures")
    archive.keep()
    assert archive.copied() == archive.there()
    assert archive.copied()[archive.PERSON] == b"destroyed"
    archive.erase(archive.ENTRY)
    assert "lacks what its copy has" in archive.refuses()


@needs_wget
def test_an_archive_that_was_lost_leaves_its_copy_as_it_is(archive):
    archive.begin()
    archive.put(archive.ENTRY, b"{}")
    archive.keep()
    archive.lose()
    assert "it is lost" in archive.refuses()
    # Begun anew by somebody who did not see it.
    archive.put(archive.ROOT, b"s" * 32)
    assert "begun anew" in archive.refuses()
    assert archive.copied()[archive.ENTRY] == b"{}"


@needs_wget
def test_an_archive_that_is_away_leaves_its_copy_as_it_is(archive):
    archive.begin()
    archive.keep()
    away = {"RCLONE_CONFIG_ARCHIVE_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
    assert "was not reached" in archive.refuses(**away)


@needs_wget
def test_the_archive_is_brought_back_and_nothing_in_it_is_written_over(archive):
    archive.begin()
    archive.put(archive.ENTRY, b"{}")
    archive.put(archive.PERSON, b"k" * 32)
    archive.keep()
    archive.put(archive.PERSON, b"destroyed")
    archive.erase(archive.ENTRY)
    assert archive.run("bring-back").returncode == 0
    assert archive.there() == {archive.ROOT: b"r" * 32, archive.ENTRY: b"{}", archive.PERSON: b"destroyed"}
    archive.lose()
    assert archive.run("bring-back").returncode == 0
    assert archive.there() == archive.copied()
    archive.put(archive.ROOT, b"s" * 32)
    assert "a root secret of its own" in archive.refuses("bring-back")
    (archive.copy / archive.ROOT).unlink()
    assert "it is none" in archive.refuses("bring-back")
