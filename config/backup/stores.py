"""What there is to back up: the stores by name, in the order in which a backup takes them, and what stays apart."""

import hmac
from typing import Final

from django.conf import settings

from audio import blobs, live_state
from calls import queue
from metrics import archive
from metrics.buckets import Bucket
from metrics.recent import layout

REDIS: Final = "redis"
POSTGRESQL: Final = "postgresql"
MONGODB: Final = "mongodb"
RECORDINGS: Final = "recordings"
ARCHIVE: Final = "archive"

# Conversations wait in Redis and become calls in MongoDB; what rows of PostgreSQL tell of becomes words there; rows
# name objects, which are there before their row is. So whatever moves on while a backup is made is met again.
ORDER: Final = (REDIS, POSTGRESQL, MONGODB, RECORDINGS, ARCHIVE)
BUCKETS: Final = (RECORDINGS, ARCHIVE)

# Keys that must agree with one another. Segments are taken when MongoDB has been: Redis keeps what it has filled into
# hours there for a day, and knows which fillings it has seen; a Redis that knew of fewer than MongoDB would have some
# segments counted twice.
WAITING: Final = queue.KEYS
SEGMENTS: Final = f"{layout.PREFIX}*"
# What nobody needs back.
OF_THE_MOMENT: Final = live_state.KEYS_OF_THE_MOMENT

# Of the archive. Who was erased, and the keys that were destroyed, must not come back: neither is in any backup, and
# both lie where backups do not reach.
APART: Final = ("ledger/", "keyring/", "certificates/")

DUMP: Final = "postgresql.dump"
KEYS: Final = "redis.gz"
SEGMENTS_KEYS: Final = "redis.segments.gz"
COLLECTIONS: Final = "mongodb.json"
LEDGER: Final = "ledger.names.gz"


def documents(collection: str) -> str:
    """The file of a collection's documents."""
    return f"mongodb.{collection}.bson.gz"


def listing(bucket: str) -> str:
    """The file that says which objects a bucket has."""
    return f"{bucket}.sqlite"


def bucket(name: str) -> Bucket:
    return blobs.bucket() if name == RECORDINGS else archive.bucket()


def apart(name: str) -> tuple[str, ...]:
    """What a bucket keeps to itself."""
    return APART if name == ARCHIVE else ()


def fingerprint_of_secret_key() -> str:
    """Tells the site's key from another one, and nothing of it."""
    return hmac.digest(settings.SECRET_KEY.encode(), b"earshot backup", "sha256").hex()
