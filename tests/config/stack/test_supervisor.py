"""What is kept of processes while they run."""

import asyncio
import io
import os
import sys
from pathlib import Path

from config.stack.processes import Program
from config.stack.screen import Screen
from config.stack.supervisor import Supervisor

# Counts for ever, a line of ten characters at a time.
COUNT = "import itertools\nfor number in itertools.count(): print(f'{number:09}', flush=True)"


def test_what_a_program_says_is_set_aside_before_it_is_too_much_and_the_program_goes_on(tmp_path: Path) -> None:
    log, aside = tmp_path / "it.log", tmp_path / "it.log.1"

    async def watched() -> None:
        keep = Supervisor(Screen({}, io.StringIO()), most_log_bytes=10_000, logs_seconds=0.01)
        await keep.start(Program("it", (sys.executable, "-c", COUNT), os.environ, log=log))
        async with asyncio.timeout(30):
            while not aside.exists():
                await asyncio.sleep(0.01)
            before = last_number(aside)
            while last_number(log) <= before:
                await asyncio.sleep(0.01)
        await keep.stop()

    asyncio.run(watched())
    assert aside.stat().st_mode & 0o077 == 0, "nobody else reads it"
    assert aside.stat().st_size > 10_000


def last_number(log: Path) -> int:
    whole = [line for line in log.read_text().splitlines() if line.isdigit() and len(line) == 9]
    return int(whole[-1]) if whole else -1
