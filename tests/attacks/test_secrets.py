"""Secrets of a running Earshot: in files of their owner's, and nowhere that others can read."""

import stat
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
import redis
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from config.stack.place import SECRETS, read_pairs

CLOSED = stat.S_IRWXG | stat.S_IRWXO


@pytest.fixture(scope="module")
def secrets(stack):
    found = {name: (stack.data / "secrets" / name).read_text().strip() for name in SECRETS}
    found["demo-password"] = (stack.data / "demo-password").read_text().strip()
    assert all(len(secret) >= 8 for secret in found.values())
    return found


def test_no_command_line_has_a_secret(stack, secrets):
    lines = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(process.read_bytes())
        except OSError:
            # It has ended meanwhile.
            continue
    told = b"\n".join(lines)
    assert str(stack.data).encode() in told, "the stack's processes are among them"
    for name, secret in secrets.items():
        assert secret.encode() not in told, name


def test_what_holds_secrets_is_its_owners_alone(stack):
    files = [*(stack.data / "secrets").iterdir(), stack.data / "run" / "env", stack.data / "demo-password"]
    files += [stack.data / "redis" / "redis.conf", stack.data / "cache" / "redis.conf"]
    for file in files:
        assert not file.stat().st_mode & CLOSED, file
    for name in ("secrets", "run", "logs", "objects", "redis", "mongodb"):
        assert not (stack.data / name).stat().st_mode & CLOSED, name


def test_no_log_and_no_figure_has_a_secret(stack, secrets):
    read = "".join(file.read_text(errors="replace") for file in (stack.data / "logs").iterdir())
    read += httpx.get(f"{stack.url}/metrics").text + httpx.get(f"{stack.url}/readyz").text
    assert "request" in read
    for name, secret in secrets.items():
        assert secret not in read, name


def test_every_server_asks_for_a_password(stack):
    """Whoever has an account on the machine reaches their ports, and gets no further."""
    env = read_pairs(stack.data / "run" / "env")
    assert httpx.get(f"{env['EARSHOT_S3_ENDPOINT']}/earshot-recordings").status_code in {400, 403}
    for variable in ("EARSHOT_REDIS_URL", "EARSHOT_CACHE_URL"):
        with redis.Redis(port=urlsplit(env[variable]).port) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.keys()
    mongodb, postgresql = (urlsplit(env[f"EARSHOT_{name}_URL"]) for name in ("MONGODB", "DATABASE"))
    with MongoClient("127.0.0.1", mongodb.port, directConnection=True) as stranger, pytest.raises(OperationFailure):
        stranger.list_database_names()
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(host="127.0.0.1", port=postgresql.port, user=postgresql.username, dbname="earshot")
