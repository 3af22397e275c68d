import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import redis
from django.db import connection
from pymongo import MongoClient

from audio import blobs
from metrics import archive
from tests.running import ROOT


class Elsewhere:
    """Stores with nothing in them, on the tests' servers; the archive is the one that there is."""

    def __init__(self, worker, name="restored"):
        self.name = f"{name}_{worker}"
        self.bucket = self.name.replace("_", "-")
        self.environment = {
            **os.environ,
            "EARSHOT_DATABASE_URL": _at("EARSHOT_DATABASE_URL", f"/{self.name}"),
            "EARSHOT_MONGODB_URL": _at("EARSHOT_MONGODB_URL", f"/{self.name}"),
            "EARSHOT_REDIS_URL": _at("EARSHOT_REDIS_URL", f"/{14 - int(worker)}"),
            "EARSHOT_S3_BUCKET": self.bucket,
        }
        self.redis = redis.Redis.from_url(self.environment["EARSHOT_REDIS_URL"])
        self.mongodb = MongoClient(self.environment["EARSHOT_MONGODB_URL"])

    def make(self):
        self.remove()
        with psycopg.connect(os.environ["EARSHOT_DATABASE_URL"], autocommit=True) as there:
            there.execute(f"CREATE DATABASE {self.name} TEMPLATE template0".encode())

    def remove(self):
        with psycopg.connect(os.environ["EARSHOT_DATABASE_URL"], autocommit=True) as there:
            there.execute(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)".encode())
        self.redis.flushdb()
        self.mongodb.drop_database(self.name)
        for key in self.objects():
            blobs._client().delete_object(Bucket=self.bucket, Key=key)

    def manage(self, *arguments, **variables):
        # Nobody restores while others are connected.
        self.redis.connection_pool.disconnect()
        return self.run("manage.py", *arguments, **variables)

    def run(self, *arguments, **variables):
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=ROOT,
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def rows(self, query, *values):
        with psycopg.connect(self.environment["EARSHOT_DATABASE_URL"]) as there:
            return there.execute(query, values).fetchall()

    def documents(self, collection):
        return list(self.mongodb[self.name][collection].find())

    def objects(self):
        """Key → content."""
        client = blobs._client()
        if self.bucket not in {one["Name"] for one in client.list_buckets()["Buckets"]}:
            return {}
        listed = client.list_objects_v2(Bucket=self.bucket).get("Contents", ())
        return {one["Key"]: client.get_object(Bucket=self.bucket, Key=one["Key"])["Body"].read() for one in listed}


def _at(variable, path):
    return urlunsplit(urlsplit(os.environ[variable])._replace(path=path))


@pytest.fixture
def elsewhere(request):
    worker = re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", "")) or "0"
    there = Elsewhere(worker)
    there.make()
    yield there
    there.remove()
    there.mongodb.close()
    there.redis.close()
    # Chains of other tests are not those that went back.
    for name in [name for name in archive.names("audit/") if "-lost-after-" in name]:
        blobs._client().delete_object(Bucket=archive._bucket(), Key=name)


@pytest.fixture
def backups(transactional_db, tmp_path):
    """Where they go. pg_dump asks for the tests' own database."""
    assert connection.settings_dict["NAME"].startswith("test_")
    return Path(tmp_path) / "backups"
