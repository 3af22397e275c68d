"""One process: started the same way every time, in a group of its own, ended with its parent."""

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from signal import Signals

from config.stack.screen import Failure

# linux/prctl.h
_PR_SET_PDEATHSIG = 1
_PR_GET_SECUREBITS = 27
_PR_SET_SECUREBITS = 28
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
# linux/securebits.h: a change of user leaves capabilities alone, and access(2), with which PostgreSQL looks at its
# own files, counts them; that this is forbidden for good; that no process may hand capabilities on.
_NO_SETUID_FIXUP = 1 << 2
_NO_SETUID_FIXUP_LOCKED = 1 << 3
_NO_CAP_AMBIENT_RAISE = 1 << 6
# linux/capability.h: passing any directory and reading any file; and writing them too, which containers often
# have without the first.
_CAP_DAC_READ_SEARCH = 2
_CAP_DAC_OVERRIDE = 1
_CAP_SETPCAP = 8
_CAPABILITY_VERSION_3 = 0x20080522
_MOST_TRIES, _TRY_AGAIN_SECONDS = 10, 0.05
# Loaded here, because between fork and exec nothing may be imported or looked up.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def end_with_parent(number: Signals, *, parent: int | None = None) -> None:
    """Have the kernel send this process `number` when the thread that started it ends, however that happens.

    Give `parent` where it is known: one that died before this call then counts as well. Does nothing where
    the kernel offers nothing of the kind (anything but Linux).
    """
    if _libc is None:
        return
    before = os.getppid() if parent is None else parent
    _libc.prctl(_PR_SET_PDEATHSIG, int(number))
    if os.getppid() != before:
        os.kill(os.getpid(), number)


@dataclass(frozen=True, slots=True)
class Account:
    """A user to run as, and the one capability (its number in Linux) that is kept of root's."""

    user: int
    group: int
    capability: int | None = None

    def become(self) -> None:
        """Be this user from here on, for a process about to execute a program. Raises OSError when that is refused."""
        if _libc is None or self.capability is None:
            raise OSError("no capability to keep")
        bit = 1 << self.capability
        secure = _libc.prctl(_PR_GET_SECUREBITS, 0, 0, 0, 0)
        _checked(_libc.prctl(_PR_SET_SECUREBITS, secure | _NO_SETUID_FIXUP, 0, 0, 0))
        os.setgroups([])
        os.setgid(self.group)
        os.setuid(self.user)
        # Version and process; then effective, permitted and inheritable, for the lower and the upper 32.
        header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
        sets = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
        _checked(_libc.capset(header, sets))
        _checked(_libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, self.capability, 0, 0))


def capability_to_pass() -> int | None:
    """The smallest right of ours that lets another user pass closed directories; None where it cannot be given."""
    if _libc is None:
        return None
    secure = _libc.prctl(_PR_GET_SECUREBITS, 0, 0, 0, 0)
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    ours = int(status["CapPrm"], 16) & int(status["CapBnd"], 16)
    if secure & (_NO_SETUID_FIXUP_LOCKED | _NO_CAP_AMBIENT_RAISE) or not ours & 1 << _CAP_SETPCAP:
        return None
    return next((number for number in (_CAP_DAC_READ_SEARCH, _CAP_DAC_OVERRIDE) if ours & 1 << number), None)


def stand_back(niceness: int) -> None:
    """Let others have the processor first, for a process about to execute a program that begins a session.

    Linux divides it among sessions before it looks at their processes (sched(7), autogroup), where it does not do so
    among control groups. With 0 nothing is changed.
    """
    if not niceness:
        return
    os.nice(niceness)
    with suppress(OSError):
        group = os.open("/proc/self/autogroup", os.O_WRONLY)
        try:
            for _ in range(_MOST_TRIES):
                with suppress(BlockingIOError):
                    os.write(group, b"%d" % niceness)
                    return
                # The kernel takes ten a second of all but root.
                time.sleep(_TRY_AGAIN_SECONDS)
        finally:
            os.close(group)


def _checked(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@dataclass(frozen=True, slots=True)
class Program:
    """How to start and to end one process.

    `stop` asks it to end in order and `patience` is how many seconds it gets for that; those with the lowest
    `stop_order` are asked first. `orphaned` is what the kernel sends when the launcher dies. `log` of None
    leaves it our own standard streams. `keeps` are descriptors it inherits. `niceness`, up to 19, is how far it
    stands back for those that want the processor at the same time.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path | None
    directory: Path | None = None
    stop: Signals = signal.SIGTERM
    stop_order: int = 0
    patience: float = 5.0
    niceness: int = 0
    orphaned: Signals = signal.SIGKILL
    account: Account | None = None
    keeps: tuple[int, ...] = ()


class Child:
    """A running Program. Start it from the main thread: it ends when the thread that started it ends."""

    def __init__(self, program: Program, process: asyncio.subprocess.Process, log_begins: int) -> None:
        self.program = program
        self.process = process
        self.born = time.monotonic()
        self._log_begins = log_begins

    @classmethod
    async def start(cls, program: Program, *, output: int | None = None) -> "Child":
        """`output` replaces the log for standard output (asyncio.subprocess.PIPE, for one)."""
        launcher = os.getpid()
        account = program.account
        # Dropping to a user the usual way leaves no capability; and what is asked of the kernel before is forgotten.
        keeps_one = account is not None and account.capability is not None

        def before_exec() -> None:
            if account and keeps_one:
                account.become()
            stand_back(program.niceness)
            end_with_parent(program.orphaned, parent=launcher)

        log = os.open(program.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600) if program.log else None
        dropped = None if keeps_one else account
        try:
            log_begins = os.fstat(log).st_size if log is not None else 0
            process = await asyncio.create_subprocess_exec(
                *program.command,
                stdin=None if log is None else asyncio.subprocess.DEVNULL,
                stdout=log if output is None else output,
                stderr=log,
                env=dict(program.environment),
                cwd=program.directory,
                start_new_session=True,
                preexec_fn=before_exec,
                pass_fds=program.keeps,
                user=dropped.user if dropped else None,
                group=dropped.group if dropped else None,
                extra_groups=[] if dropped else None,
                umask=-1 if log is None else 0o077,
            )
            return cls(program, process, log_begins)
        except (OSError, subprocess.SubprocessError) as refused:
            raise Failure(f"{program.name} does not start: {refused}.") from refused
        finally:
            if log is not None:
                os.close(log)

    @property
    def ended(self) -> bool:
        return self.process.returncode is not None

    async def wait(self) -> int:
        """Its exit status; the negative number of the signal that ended it."""
        return await self.process.wait()

    async def lines(self) -> AsyncIterator[str]:
        """What it prints, if it was started with a pipe for that."""
        while self.process.stdout and (line := await self.process.stdout.readline()):
            yield line.decode(errors="replace").rstrip("\n")

    async def end(self) -> None:
        """Ask it to stop; kill its whole group when its patience is over, or whatever it left behind."""
        if not self.ended:
            self._signal(os.kill, self.program.stop)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.wait(), self.program.patience)
        self.kill()
        await self.wait()

    def kill(self) -> None:
        self.signal_group(signal.SIGKILL)

    def signal_group(self, number: Signals) -> None:
        self._signal(os.killpg, number)

    def _signal(self, send: Callable[[int, int], None], number: Signals) -> None:
        # macOS says PermissionError for a group of which only zombies are left.
        with suppress(ProcessLookupError, PermissionError):
            # Not Popen's own method: it polls first and would take the exit status from asyncio's watcher.
            send(self.process.pid, number)

    def last_lines(self, count: int = 20) -> str:
        """The end of what it has logged since this start, indented for the screen."""
        if self.program.log is None:
            return ""
        with self.program.log.open(errors="replace") as log:
            # Where it is shorter than it was, it was rotated since.
            has_more = os.fstat(log.fileno()).st_size >= self._log_begins
            log.seek(self._log_begins if has_more else 0)
            lines = log.read().splitlines()[-count:]
        return "\n".join(f"    {line[:400]}" for line in lines)


def told(status: int) -> str:
    """An exit status in words."""
    return f"signal {Signals(-status).name}" if status < 0 else f"exit status {status}"


async def run_to_end(program: Program) -> None:
    """Run a program that does one thing. Raises Failure with the end of its log when it fails."""
    child = await Child.start(program)
    try:
        if status := await child.wait():
            raise Failure(f"{program.name} failed ({told(status)}):\n{child.last_lines()}")
    finally:
        child.kill()
