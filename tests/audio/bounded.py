"""Runs something in a process forked for it and says what it cost: a small file may ask for gigabytes."""

import os
import resource
import signal
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")


def cost_of(act, *, most_cpu_seconds=30):
    """What the act returned, as a text, and by how many MB the process grew for it. Fails when it takes for ever."""
    reading, writing = os.pipe()
    process_id = os.fork()
    if process_id == 0:
        os.close(reading)
        status = 1
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (most_cpu_seconds, most_cpu_seconds + 1))
            before = _resident_megabytes()
            said = act()
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before
            os.write(writing, f"{grown:.1f} {said}".encode()[:4000])
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        answer = pipe.read()
    _, status = os.waitpid(process_id, 0)
    assert not os.WIFSIGNALED(status), f"ended by {signal.Signals(os.WTERMSIG(status)).name}"
    assert os.WEXITSTATUS(status) == 0, "ended by an exception that is no AudioError"
    grown, _, said = answer.partition(" ")
    return said, float(grown)


def _resident_megabytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE / 2**20
