"""Every store of a running stack as raw bytes, by the servers' drivers and files, and none of the code under test."""

import io
import zipfile
from collections import Counter

import bson
import psycopg
import redis
from psycopg import sql
from pyarrow import parquet
from pymongo import MongoClient


class Stores:
    """What a stack keeps; `texts` reads all of it anew."""

    def __init__(self, stack):
        self.data = stack.data
        lines = (stack.data / "run" / "env").read_text().splitlines()
        self.environment = dict(line.split("=", 1) for line in lines if "=" in line)

    def texts(self):
        """(where, bytes) of every row, document, key, object and log line file that there is."""
        yield from self.postgresql()
        yield from self.mongodb()
        yield from self.redis()
        yield from self.files()

    def found(self, needles):
        """Needle → where it is, of those that are anywhere."""
        wanted = {needle: needle.encode() for needle in needles}
        places = {}
        for where, text in self.texts():
            for needle, raw in wanted.items():
                if raw in text:
                    places.setdefault(needle, Counter())[where] += 1
        return {needle: dict(found) for needle, found in places.items()}

    def postgresql(self):
        """Rows as COPY writes them, the way a dump has them."""
        with psycopg.connect(self.environment["EARSHOT_DATABASE_URL"]) as connection:
            tables = connection.execute(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1"
            ).fetchall()
            for (table,) in tables:
                for row in rows_of(connection, table):
                    yield f"postgresql {table}", row

    def mongodb(self):
        """Documents as they lie there, those of time series in their buckets too."""
        with MongoClient(self.environment["EARSHOT_MONGODB_URL"]) as client:
            database = client.get_default_database()
            for one in database.list_collections(filter={"name": {"$ne": "system.views"}}):
                for document in database[one["name"]].find():
                    yield f"mongodb {one['name']}", bson.encode(document)

    def redis(self):
        """Keys with all that is under them, of the Redis that keeps and of the one that forgets."""
        for variable in ("EARSHOT_REDIS_URL", "EARSHOT_CACHE_URL"):
            client = redis.Redis.from_url(self.environment[variable])
            for key in client.scan_iter(count=1000):
                yield f"{variable} {key.decode(errors='replace')}", key + b" " + _value_of(client, key)

    def files(self):
        """Objects, Redis' own files, and logs; what is packed is unpacked."""
        for part in ("objects", "redis", "cache", "logs"):
            for path in sorted((self.data / part).rglob("*")):
                if not path.is_file():
                    continue
                where = str(path.relative_to(self.data))
                content = path.read_bytes()
                yield where, where.encode() + b"\n" + content
                if path.suffix == ".parquet":
                    yield f"{where} (unpacked)", str(parquet.read_table(io.BytesIO(content)).to_pylist()).encode()
                if path.suffix == ".zip":
                    with zipfile.ZipFile(io.BytesIO(content)) as archive:
                        for name in archive.namelist():
                            yield f"{where} {name}", archive.read(name)


def rows_of(connection, table, condition=None, values=()):
    """A table's rows, each as the line that COPY writes."""
    query = sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))
    if condition is not None:
        query = sql.SQL("{} WHERE {}").format(query, sql.SQL(condition))
    with connection.cursor() as cursor, cursor.copy(sql.SQL("COPY ({}) TO STDOUT").format(query), values) as copy:
        written = b"".join(copy)
    yield from written.splitlines()


def _value_of(client, key):
    kind = client.type(key)
    if kind == b"string":
        return client.get(key) or b""
    if kind == b"hash":
        return b" ".join(part for pair in client.hgetall(key).items() for part in pair)
    if kind == b"list":
        return b" ".join(client.lrange(key, 0, -1))
    if kind == b"set":
        return b" ".join(client.smembers(key))
    if kind == b"zset":
        return b" ".join(member for member in client.zrange(key, 0, -1))
    if kind == b"stream":
        return b" ".join(part for _, fields in client.xrange(key) for pair in fields.items() for part in pair)
    return b""
