"""The door for tasks: `celery -A config worker -Q analysis`, `celery -A config beat`."""

import logging
import os
import signal
import time
import warnings
from typing import Any

import structlog
from celery import Celery, signals, states
from celery.utils.log import get_multiprocessing_logger

from config import heartbeat, loading, sign_of_life, watching
from config.stack.processes import end_with_parent
from metrics import timings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# Before anything loads numpy: the matrices that hearing is made of are small, and threads of their own cost it several
# times the processor's time.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# What Celery warns root of is what a message could make a worker do. Ours are JSON with an id in it, and a task is
# found by its name; whoever runs everything as root, as in a container, has chosen to.
warnings.filterwarnings("ignore", message="You're running the worker with superuser privileges")
logging.captureWarnings(capture=True)

log = structlog.get_logger("earshot.workers")
app = Celery("earshot")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# Task → when it began; of what a worker is killed over, nobody hears again.
_began: dict[str, float] = {}


@signals.setup_logging.connect
def leave_logging_to_django(**_: Any) -> None:
    """With a receiver here Celery sets up nothing of its own; what its pool tells of the killed is let through."""
    get_multiprocessing_logger().propagate = True


@signals.celeryd_init.connect
def watch_errors_of_tasks(**_: Any) -> None:
    # Before the worker forks: its children have built what runs their tasks by the time that they can say anything.
    watching.watch_errors("worker")


@signals.celeryd_init.connect
@signals.beat_init.connect
def refuse_half_restored(**_: Any) -> None:
    """A worker or a beat that would work on what is half put back ends here, saying why."""
    # Knows models, which are not to be had before the settings that this module names.
    from config.backup import restoring  # noqa: PLC0415

    if reason := restoring.refused():
        raise SystemExit(reason)


@signals.worker_before_create_process.connect
def leave_alone_what_is_loaded(**_: Any) -> None:
    # Celery has looked at all of it by now, views with it, and is about to fork; once, since from then on there is
    # something to collect in it.
    signals.worker_before_create_process.disconnect(leave_alone_what_is_loaded)
    loading.end()


@signals.celeryd_init.connect
def refuse_what_cannot_hear(options: dict[str, Any], **_: Any) -> None:
    """A worker that would take transcription and could do none ends here, saying why. Loads no model."""
    if "transcription" not in (options.get("queues") or ["transcription"]):
        return
    # Loads numpy and more, for which the web server, in whose process this module is too, has no use.
    from audio.analysis import engines  # noqa: PLC0415
    from audio.errors import EngineUnavailable  # noqa: PLC0415

    try:
        engines.check()
    except EngineUnavailable as unavailable:
        # Celery logs and forgets what its receivers raise, other than this.
        raise SystemExit(unavailable.message) from unavailable
    if reason := engines.passed_over():
        log.warning("whisper_passed_over", reason=reason)


# A worker's own loop sends it every two seconds, as long as it has a broker; a task that takes long does not keep it
# from that, since it runs in another process.
signals.heartbeat_sent.connect(sign_of_life.give, weak=False)


@signals.worker_process_init.connect
def tie_to_worker(**_: Any) -> None:
    # A pool process whose worker was killed would sit there for ever, holding its memory and its task.
    end_with_parent(signal.SIGKILL)
    watching.watch_traces("worker")


@signals.beat_init.connect
def note_the_beat(**_: Any) -> None:
    watching.start("beat")
    signals.after_task_publish.connect(heartbeat.note, weak=False)


@signals.task_prerun.connect
def time_the_task(task_id: str, **_: Any) -> None:
    _began[task_id] = time.perf_counter()


@signals.task_postrun.connect
def count_the_task(task_id: str, task: Any, state: str | None = None, **_: Any) -> None:
    began = _began.pop(task_id, None)
    if began is not None:
        timings.record(f"task.{task.name}", time.perf_counter() - began, failed=state == states.FAILURE)


@signals.worker_process_shutdown.connect
def tell_the_last_figures(**_: Any) -> None:
    # Knows models, which are not to be had before the settings that this module names.
    from metrics import telling  # noqa: PLC0415

    # A process of the pool ends without what others do at their end.
    timings.flush()
    telling.end()


@signals.task_prerun.connect
def name_task_in_logs(task_id: str, task: Any, **_: Any) -> None:
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(task_id=task_id, task=task.name)
