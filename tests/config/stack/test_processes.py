"""How one process is started."""

import asyncio
import os
import sys
from pathlib import Path

from config.stack.processes import Child, Program

AUTOGROUP = Path("/proc/self/autogroup")
TELL = f"""
import os, pathlib
group = pathlib.Path({str(AUTOGROUP)!r})
print(os.nice(0), group.exists() and group.read_text())
"""


def told(tmp_path: Path, *, niceness: int) -> tuple[int, str]:
    """How nice a program is that was started so, and how nice its session, where the kernel has such a thing."""

    async def run() -> None:
        program = Program("it", (sys.executable, "-c", TELL), os.environ, log=tmp_path / "log", niceness=niceness)
        child = await Child.start(program)
        assert await child.wait() == 0

    asyncio.run(run())
    nice, _, session = (tmp_path / "log").read_text().strip().partition(" ")
    return int(nice), session


def test_a_program_that_stands_back_does_so_with_its_whole_session(tmp_path: Path) -> None:
    nice, session = told(tmp_path, niceness=7)
    assert nice == os.nice(0) + 7
    assert session.endswith(" nice 7") is AUTOGROUP.exists()


def test_a_program_that_does_not_is_as_nice_as_we_are(tmp_path: Path) -> None:
    assert told(tmp_path, niceness=0)[0] == os.nice(0)
