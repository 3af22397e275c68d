"""Makes everything that the stores beside PostgreSQL need; migrations make the rest."""

from collections.abc import Callable

from audio import blobs
from calls import store
from metrics import archive, keyring

# What a person reads → the verb of the door that makes it. Each may be called again at any time.
STORES: dict[str, Callable[[], None]] = {
    "MongoDB collection of calls, its validator and indexes": store.create,
    "Bucket for recordings": blobs.create,
    "Bucket for the archive": archive.create,
    "Root secret of the keyring": keyring.create,
}
