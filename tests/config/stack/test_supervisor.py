"""What is kept of processes while they run."""

import asyncio
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

from config.stack.processes import Program
from config.stack.screen import Screen
from config.stack.supervisor import Supervisor

MOST_BYTES = 10_000
# Counts for ever, a line of ten characters at a time.
COUNT = "import itertools\nfor number in itertools.count(): print(f'{number:09}', flush=True)"


def test_a_log_is_rotated_before_it_is_too_long_and_its_program_goes_on(tmp_path: Path) -> None:
    log, aside = tmp_path / "it.log", tmp_path / "it.log.1"

    async def watched() -> None:
        keep = Supervisor(Screen({}, io.StringIO()), most_log_bytes=MOST_BYTES, logs_seconds=0.01)
        await keep.start(Program("it", (sys.executable, "-c", COUNT), os.environ, log=log))
        await until(lambda: aside.exists() and numbers_in(log)[:1] > numbers_in(aside)[-1:])
        await keep.stop()

    asyncio.run(watched())
    assert aside.stat().st_mode & 0o077 == 0, "nobody else reads it"
    assert aside.stat().st_size < 2 * MOST_BYTES, "its newest part, and what came meanwhile"
    said = numbers_in(log)
    assert said == list(range(said[0], said[-1] + 1)), "nothing but what was said since"


def numbers_in(log: Path) -> list[int]:
    """Those that are whole; the first line may have been cut, and the last may not have ended."""
    return [int(line) for line in log.read_text().splitlines() if len(line) == 9]


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not is_so():
            await asyncio.sleep(0.001)
