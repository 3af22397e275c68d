"""What the stores beside PostgreSQL need, made and looked for; migrations make the rest."""

from collections.abc import Callable

from audio import blobs
from calls import store

# What a person reads → the verb of the door that makes it. Each may be called again at any time.
STORES: dict[str, Callable[[], None]] = {
    "MongoDB collection of calls, its validator and indexes": store.create,
    "Bucket for recordings": blobs.create,
}

# The same for `manage.py doctor`: what a person reads → the verb that says what is missing.
CHECKS: dict[str, Callable[[], list[str]]] = {
    "Calls": store.check,
    "Bucket": blobs.check,
}
