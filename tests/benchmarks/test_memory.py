import os
import subprocess
import sys

from benchmarks import memory
from tests.waiting import wait_until

# Holds a hundred megabytes, has a child, and says so; ends when its input does.
HOLDING = """
import subprocess, sys
held = bytearray(b"x") * 100_000_000
child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"])
print(child.pid, flush=True)
sys.stdin.read()
"""


def holding(**environment):
    return subprocess.Popen(
        [sys.executable, "-c", HOLDING],
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_what_a_process_holds_is_told():
    with holding() as process:
        process.stdout.readline()

        assert 100e6 < memory.of(process.pid) < 200e6
        process.stdin.close()

    # Nobody has its number yet: it has been waited for just now.
    assert memory.of(process.pid) == 0


def test_a_process_is_told_of_with_those_that_it_started():
    with holding() as process:
        child = int(process.stdout.readline())

        assert memory.family(process.pid) == [process.pid, child]
        assert process.pid in memory.family(os.getpid())
        process.stdin.close()


def test_processes_are_found_by_what_they_were_started_with():
    with holding(EARSHOT_DATA="/nowhere/a") as process:
        child = int(process.stdout.readline())

        assert sorted(memory.with_variable("EARSHOT_DATA", "/nowhere/a")) == sorted([process.pid, child])
        assert memory.with_variable("EARSHOT_DATA", "/nowhere") == []
        process.stdin.close()

    wait_until(lambda: memory.with_variable("EARSHOT_DATA", "/nowhere/a") == [], what="the child to end, too")
