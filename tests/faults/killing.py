"""Processes of a stack: killed as by `kill -9`, or held still in the midst of what they do."""

import os
import signal
import threading
import time
from pathlib import Path

from tests.running import children_of
from tests.waiting import wait_until

# Who can be killed → words of its command line.
VICTIMS = {
    "web server": ("uvicorn",),
    "analysis worker": ("celery", "analysis@"),
    "transcription worker": ("celery", "transcription@"),
    "general worker": ("celery", "general@"),
    "intake": ("consume_conversations",),
    "beat": ("celery", " beat "),
    "Redis": ("redis-server", "/redis/redis.conf"),
    "Redis cache": ("redis-server", "/cache/redis.conf"),
    "MongoDB": ("mongod",),
    "PostgreSQL": ("postgres", "-D"),
    "object store": ("rclone",),
}
# Between two looks at what a process is doing it gets so long to do it.
_SLICE_SECONDS = 0.003


def kill(stack, victim):
    """SIGKILL, for it and whatever it has started."""
    words = VICTIMS[victim]
    for process in wait_until(lambda: stack.processes(*words), what=f"the {victim} to run"):
        for one in (process, *children_of(process)):
            _send(one, signal.SIGKILL)


def held_in_the_midst(stack, whose, is_in_midst, *, deep=0, push=lambda: None, patience=300):
    """Stop all processes of a victim's name at a moment at which `is_in_midst()`; their ids, for `let_go`.

    Whoever is not in its midst goes on for a moment and is looked at again; before that, `push` may give it something
    to do. Whoever is in it goes on for `deep` moments more, and half as many the next time if it is over by then.
    """
    between = threading.Event()
    ends = time.monotonic() + patience
    processes, seen = [], 0
    while time.monotonic() < ends:
        push()
        processes = [one for one in processes if _runs(one)] or stack.processes(*VICTIMS[whose])
        for process in processes:
            _send(process, signal.SIGSTOP)
        if processes and all(_has_stopped(process) for process in processes) and is_in_midst():
            seen += 1
            if seen > deep:
                if set(stack.processes(*VICTIMS[whose])) == set(processes):
                    return processes
                # One that began after the first look is not held.
                let_go(processes)
                processes = []
        elif seen:
            deep, seen = deep // 2, 0
        let_go(processes)
        between.wait(_SLICE_SECONDS)
    raise AssertionError(f"Waited {patience} s for the {whose} to be in the midst of it.")


def let_go(processes):
    """Also those that have been killed meanwhile."""
    for process in processes:
        _send(process, signal.SIGCONT)


def is_stopped(process):
    """Whether it stands still."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    # The name before it, in parentheses, may hold anything.
    return stat.rpartition(")")[2].split()[0] == "T"


def _has_stopped(process):
    """A moment later, for a signal that was sent is not yet one that has arrived."""
    return any(is_stopped(process) for _ in range(200) if _runs(process))


def _runs(process):
    return Path(f"/proc/{process}").exists()


def _send(process, number):
    try:
        os.kill(process, number)
    except ProcessLookupError:
        return
