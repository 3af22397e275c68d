"""What the stores need and migrations do not make: made, and looked for."""

from collections.abc import Callable

from audio import blobs
from calls import queue, store, vector_indexes
from config import schedule
from crm.erasure import certificates
from metrics import archive, dubbing, hours, keyring

# What a person reads → the verb of the door that makes it. Each may be called again at any time.
STORES: dict[str, Callable[[], None]] = {
    "MongoDB collection of calls, its validator and indexes": store.create,
    "MongoDB collection of live-dubbing sessions": dubbing.create,
    "Index of vectors, for search": vector_indexes.create,
    "Queue of conversations": queue.create,
    "MongoDB collections of hours and days, their validators and indexes": hours.create,
    "Bucket for recordings": blobs.create,
    "Bucket for the archive": archive.create,
    "Root secret of the keyring": keyring.create,
    "Key that signs certificates of erasures": certificates.create,
    "Default schedules": schedule.make,
}

# The same for `manage.py doctor`: what a person reads → the verb that says what is missing.
CHECKS: dict[str, Callable[[], list[str]]] = {
    "Calls": store.check,
    "Live-dubbing sessions": dubbing.check,
    "Search": vector_indexes.check,
    "Queue of conversations": queue.check,
    "Hours of figures": hours.check,
    "Bucket": blobs.check,
    "Archive": archive.check,
    "Schedules": schedule.check,
}
