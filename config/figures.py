"""How much there is of what belongs to no app alone: tasks in queues, and what the servers hold."""

import shutil

from django.conf import settings
from django.db import connection

from audio import live_state
from config import queues
from metrics import gauges


def tell_queues() -> None:
    """Say how many tasks wait for workers and how many they hold. Raises what the broker's driver raises."""
    for queue, waiting in queues.depths().items():
        gauges.set("workers.waiting", waiting, queue=queue)
    held = queues.unacknowledged()
    if held is not None:
        gauges.set("workers.unacknowledged", held)


def tell_stores() -> None:
    """Say how much PostgreSQL, the Redis that keeps and this machine's disk hold, and how full they are.

    PostgreSQL has no bound of its own.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        gauges.set("store.bytes", cursor.fetchone()[0], store="postgresql")
    memory = live_state.memory()
    gauges.set("store.bytes", memory.used, store="redis")
    gauges.set("store.share", memory.used / memory.most, store="redis")
    disk = shutil.disk_usage(settings.EARSHOT_DATA)
    gauges.set("store.bytes", disk.used, store="disk")
    gauges.set("store.share", 1 - disk.free / disk.total, store="disk")
