"""Who Earshot is to its databases in production, made on the tests' servers as deploy/ makes it there."""

import json
import os
import re
import subprocess
import uuid
from pathlib import Path
from urllib.parse import parse_qs, urlsplit, urlunsplit

import psycopg
from psycopg import sql
from pymongo import MongoClient

from config.stack import postgresql
from config.stack.binaries import in_package
from tests.running import ROOT

FOUND_SET = (ROOT / "deploy" / "mongodb" / "found-set.js").read_text()


def at(address, **changes):
    return urlunsplit(urlsplit(address)._replace(**changes))


def of_user(address, name, password, path):
    place = urlsplit(address).netloc.rpartition("@")[2]
    return at(address, netloc=f"{name}:{password}@{place}", path=path)


class Accounts:
    """A role of PostgreSQL and a user of MongoDB, each with a database of its own, and the addresses of both."""

    def __init__(self, directory):
        self.directory, self.name, self.password = directory, f"owner_{uuid.uuid4().hex}", uuid.uuid4().hex

    def __enter__(self):
        self._make_role()
        self._make_user()
        return self

    def __exit__(self, *failed):
        with psycopg.connect(os.environ["EARSHOT_DATABASE_URL"], autocommit=True) as server:
            name = sql.Identifier(self.name)
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
            server.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(name))
        with MongoClient(os.environ["EARSHOT_MONGODB_URL"]) as server:
            server.drop_database(self.name)
            server[self._users()].command("dropUser", self.name)

    def _make_role(self):
        server = urlsplit(os.environ["EARSHOT_DATABASE_URL"])
        secret = self.directory / "postgres-password"
        secret.write_text(self.password)
        programs = [Path(program).parent for program in in_package(postgresql.KIND)]
        variables = {
            "PATH": ":".join([os.environ["PATH"], *map(str, programs)]),
            "PGHOST": server.hostname,
            "PGPORT": str(server.port),
            "PGPASSWORD": server.password,
            "POSTGRES_USER": server.username,
            "OWNER": self.name,
            "PASSWORD_FILE": str(secret),
        }
        script = str(ROOT / "deploy" / "postgres" / "owner.sh")
        subprocess.run(["sh", script], env=variables, check=True, capture_output=True, timeout=60)
        self.postgresql = of_user(os.environ["EARSHOT_DATABASE_URL"], self.name, self.password, f"/{self.name}")

    def _make_user(self):
        (rights,) = re.findall(r"^const RIGHTS = (.+);$", FOUND_SET, re.MULTILINE)
        roles = [{**one, "db": {"earshot": self.name}[one["db"]]} for one in json.loads(rights)]
        with MongoClient(os.environ["EARSHOT_MONGODB_URL"]) as server:
            server[self._users()].command("createUser", self.name, pwd=self.password, roles=roles)
        self.mongodb = of_user(os.environ["EARSHOT_MONGODB_URL"], self.name, self.password, f"/{self.name}")

    @staticmethod
    def _users():
        """The database in which the tests' address looks for its users."""
        return parse_qs(urlsplit(os.environ["EARSHOT_MONGODB_URL"]).query)["authSource"][0]
