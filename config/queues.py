"""The queues that workers take tasks from, and how much waits there."""

from typing import Any

from django.conf import settings

from config.celery import app


def names() -> set[str]:
    """Every queue that a task of ours is sent to."""
    app.loader.import_default_modules()
    ours = [task for name, task in app.tasks.items() if not name.startswith("celery.")]
    return {getattr(task, "queue", None) or settings.CELERY_TASK_DEFAULT_QUEUE for task in ours}


def depths() -> dict[str, int]:
    """Queue → how many tasks wait in it for a worker. Raises what the broker's driver raises when it is away."""
    with app.connection_for_read() as broker:
        # Asked passively, a driver that puts a prefix before its keys finds none of its queues.
        channel = broker.default_channel
        return {queue: int(channel.queue_declare(queue=queue).message_count) for queue in sorted(names())}


def unacknowledged() -> int | None:
    """How many tasks workers hold; None for a broker that does not tell. Raises as `depths`."""
    with app.connection_for_read() as broker:
        channel: Any = broker.default_channel
        # Redis alone keeps them where they can be counted.
        key = getattr(channel, "unacked_key", None)
        return int(channel.client.hlen(key)) if key else None
