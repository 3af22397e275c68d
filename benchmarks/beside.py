"""A process beside this one that does what it is told: a line of JSON goes in, and one comes out.

What is timed of it is timed from here, with a tenth of a millisecond for the two lines.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import IO, Any, cast

import orjson
from django.conf import settings

from benchmarks.processes import NotRunning, keep_to, stores

_END_SECONDS = 15.0
_MOST_SAID = 2000
_ENDED = "it has ended"


class Beside:
    """One such process. `do` has it do one of its acts, and waits until that is done."""

    def __init__(self, pid: int, orders: IO[bytes], answers: IO[bytes], said: Callable[[], str]) -> None:
        self.pid = pid
        self._orders, self._answers = orders, answers
        self._said = said

    def do(self, act: str, **given: Any) -> Any:
        """What comes of it. Raises NotRunning when it fails there."""
        try:
            self._orders.write(orjson.dumps({"act": act, "given": given}) + b"\n")
            self._orders.flush()
            line = self._answers.readline()
        except BrokenPipeError:
            line = b""
        answer: dict[str, Any] = orjson.loads(line) if line else {"failed": _ENDED}
        if failed := answer.get("failed"):
            raise NotRunning(f"`{act}` fails in a process beside: {failed}. It said: {self._said()}")
        return answer.get("done")


@contextmanager
def beside(arguments: Sequence[str], *, core: int | None = None, python: str = sys.executable) -> Iterator[Beside]:
    """A Python process with these arguments until the block ends, on one core alone if one is named."""
    with tempfile.TemporaryFile() as output:

        def said() -> str:
            output.seek(0)
            return output.read()[-_MOST_SAID:].decode(errors="replace")

        process = subprocess.Popen(
            [python, *arguments],
            cwd=settings.BASE_DIR,
            env={**os.environ, **stores()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
        )
        orders, answers = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
        try:
            keep_to(process.pid, core)
            yield Beside(process.pid, orders, answers, said)
        finally:
            # It ends when nothing more is to be done.
            with suppress(BrokenPipeError):
                orders.close()
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            answers.close()


def serve(acts: Mapping[str, Callable[..., Any]]) -> None:
    """Be such a process: do acts by their names until nothing more comes."""
    # What anybody prints or logs, whichever stream they have kept, is none of the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin.buffer:
        told = orjson.loads(line)
        try:
            answer = {"done": acts[told["act"]](**told["given"])}
        except Exception as error:
            # Whoever told it wants to know, whatever it is.
            answer = {"failed": f"{type(error).__name__}: {error}"}
        answers.write(orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n")
        answers.flush()
