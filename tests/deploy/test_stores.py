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


@pytest.mark.skipif(shutil.which("wget") is None, reason="the container's check is made by wget")
def test_the_object_store_takes_what_is_signed_with_its_keys_alone(secrets, tmp_path):
    port = free_port()
    (tmp_path / "objects").mkdir()
    places = {
        "/run/secrets/": f"{secrets}/",
        "--addr :9000": f"--addr 127.0.0.1:{port}",
        "127.0.0.1:9000": f"127.0.0.1:{port}",
        " /objects": f" {tmp_path}/objects",
    }

    def client(secret):
        return boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{port}",
            aws_access_key_id=(secrets / "s3-access-key").read_text().strip(),
            aws_secret_access_key=secret,
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}),
        )

    with started("objects", places):
        store = client((secrets / "s3-secret-key").read_text().strip())
        store.create_bucket(Bucket="recordings")
        store.put_object(Bucket="recordings", Key="one/two", Body=b"sound")
        assert store.get_object(Bucket="recordings", Key="one/two")["Body"].read() == b"sound"
        with pytest.raises(ClientError):
            client("another").get_object(Bucket="recordings", Key="one/two")
        assert_the_archive_is_copied_and_back(store, port, secrets, tmp_path / "copy")


def assert_the_archive_is_copied_and_back(store, port, secrets, copy):
    archive = filled(SERVICES["archive"])
    variables = {**archive["environment"], "RCLONE_CONFIG_ARCHIVE_ENDPOINT": f"http://127.0.0.1:{port}", "PATH": PATH}
    entry = [word.replace("/run/secrets/", f"{secrets}/") for word in archive["entrypoint"]]

    def synced(*words):
        here = [word.replace("/backups", str(copy)) for word in words]
        subprocess.run([*entry, *here], env=variables, check=True, timeout=60)

    store.create_bucket(Bucket="earshot-archive")
    store.put_object(Bucket="earshot-archive", Key="keyring/root", Body=b"a secret of 32 bytes")
    synced(*archive["command"])
    assert (copy / "keyring" / "root").read_bytes() == b"a secret of 32 bytes"
    store.put_object(Bucket="earshot-archive", Key="keyring/root", Body=b"destroyed")
    synced(*archive["command"])
    assert (copy / "keyring" / "root").read_bytes() == b"destroyed"
    store.delete_object(Bucket="earshot-archive", Key="keyring/root")
    synced(archive["command"][1], archive["command"][0])
    assert store.get_object(Bucket="earshot-archive", Key="keyring/root")["Body"].read() == b"destroyed"
