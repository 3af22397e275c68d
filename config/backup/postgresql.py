"""PostgreSQL: one transaction's view of all of it, by its own pg_dump, in the custom form; back by pg_restore."""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import psycopg
from django.db import connection
from psycopg import sql
from psycopg.conninfo import make_conninfo

from config.backup.errors import AnotherRuns, BackupError
from config.stack import postgresql as stacks
from config.stack.binaries import Binary, examine, in_package, on_path

_PIECE_BYTES: Final = 256 * 1024
_CONNECT_SECONDS: Final = 5
# Any number that nothing else in the database locks by, and whose connection it is that does.
_RESTORES: Final = 0x5265_7374
_HOLDER: Final = "earshot-restore"
# Whose objects they are, and who may, is the new server's own affair; comments are on extensions, which need not be
# ours.
_WITHOUT: Final = ("--no-owner", "--no-privileges", "--no-comments")
_LEFT: Final = """
    SELECT c.relkind::text, n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
      AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                      AND d.deptype = 'e')
    ORDER BY array_position(ARRAY['v', 'm', 'r', 'p', 'S'], c.relkind::text)
"""
_KINDS: Final = {"r": "TABLE", "p": "TABLE", "v": "VIEW", "m": "MATERIALIZED VIEW", "S": "SEQUENCE"}


@dataclass(frozen=True, slots=True)
class Database:
    """Where it is, and as whom."""

    host: str
    port: str
    name: str
    user: str
    password: str = field(repr=False)
    application: str = "earshot-backup"

    @classmethod
    def of_settings(cls) -> "Database":
        said = connection.settings_dict
        return cls(*(str(said.get(name) or "") for name in ("HOST", "PORT", "NAME", "USER", "PASSWORD")))

    def variables(self) -> dict[str, str]:
        """As libpq reads them: a command line can be read by everybody on the machine."""
        told = {
            "PGHOST": self.host,
            "PGPORT": self.port,
            "PGDATABASE": self.name,
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
            "PGAPPNAME": self.application,
            "PGCONNECT_TIMEOUT": str(_CONNECT_SECONDS),
        }
        return {name: value for name, value in told.items() if value}


def version(database: Database) -> str:
    """Raises BackupError when it does not answer, as all of these do."""
    with _connected(database) as there:
        found: str = _one(there, "SHOW server_version")
    return found.split(maxsplit=1)[0]


def dumped(database: Database) -> Iterator[bytes]:
    """The dump as it is made. Raises BackupError when pg_dump fails, at the end if need be."""
    program = _program("pg_dump", int(version(database).split(".")[0]))
    command = [str(program), "--format=custom", "--compress=1", "--schema=public", *_WITHOUT]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, env=_environment(database))
        try:
            assert process.stdout is not None  # noqa: S101 - it was asked for
            while piece := process.stdout.read(_PIECE_BYTES):
                yield piece
            if process.wait():
                said.seek(0)
                raise _failed("pg_dump", said.read())
        finally:
            process.kill()
            process.wait()


def put_back(database: Database, dump: Path) -> None:
    """All of it in one transaction, or nothing."""
    program = _program("pg_restore", int(version(database).split(".")[0]))
    with _connected(database) as there:
        # A dump of one schema does not have the extensions that it needs.
        there.execute("CREATE EXTENSION IF NOT EXISTS vector")
    listed = _run([str(program), "--list", str(dump)], {**os.environ})
    # The schema is there.
    wanted = "\n".join(line for line in listed.splitlines() if " SCHEMA - public " not in line)
    with tempfile.NamedTemporaryFile("w", suffix=".list") as contents:
        contents.write(wanted)
        contents.flush()
        command = [
            *(str(program), "--single-transaction", "--exit-on-error", f"--use-list={contents.name}"),
            *(*_WITHOUT, f"--dbname={database.name}", str(dump)),
        ]
        _run(command, _environment(database))


def check(dump: Path) -> int:
    """How many things a dump says that it has. Raises BackupError for what is none."""
    programs = _programs("pg_restore")
    if not programs:
        raise BackupError("No pg_restore was found: put PostgreSQL's programs on the PATH.")
    newest = max(programs, key=lambda one: one.major)
    listed = _run([str(newest.path), "--list", str(dump)], {**os.environ})
    return sum(not line.startswith(";") for line in listed.splitlines())


def is_empty(database: Database) -> bool:
    with _connected(database) as there:
        return there.execute(_LEFT).fetchone() is None


@contextmanager
def held_alone(database: Database) -> Iterator[None]:
    """Let nobody else restore into it meanwhile. Raises AnotherRuns when somebody does."""
    with _connected(replace(database, application=_HOLDER)) as there:
        if not _one(there, f"SELECT pg_try_advisory_lock({_RESTORES})"):
            raise AnotherRuns("Another restore into this PostgreSQL goes on. Nothing was done.")
        yield


def others(database: Database) -> int:
    """How many connections there are to it beside that of `held_alone`; none of ours is open between two questions."""
    with _connected(database) as there:
        counted = """
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
              AND application_name <> 'earshot-restore'
        """
        return int(_one(there, counted))


def empty(database: Database) -> None:
    """Drop every table, with all that hangs on it."""
    with _connected(database) as there, there.transaction():
        for kind, schema, name in there.execute(_LEFT).fetchall():
            what = sql.SQL(_KINDS[kind]), sql.Identifier(schema, name)
            there.execute(sql.SQL("DROP {} IF EXISTS {} CASCADE").format(*what))


def rows(database: Database) -> dict[str, int]:
    """Table → about how many rows it has, as the server's own statistics say."""
    with _connected(database) as there:
        return dict(there.execute("SELECT relname, n_live_tup FROM pg_stat_user_tables").fetchall())


def migrations(database: Database) -> dict[str, str]:
    """App → its last migration that was applied."""
    with _connected(database) as there:
        found = there.execute("SELECT app, max(name) FROM django_migrations GROUP BY app").fetchall()
    return dict(found)


def _connected(database: Database) -> psycopg.Connection[Any]:
    address = make_conninfo(
        host=database.host or None,
        port=database.port or None,
        dbname=database.name or None,
        user=database.user or None,
        password=database.password or None,
        connect_timeout=_CONNECT_SECONDS,
        application_name=database.application,
    )
    try:
        return psycopg.connect(address, autocommit=True)
    except psycopg.OperationalError as error:
        raise BackupError("PostgreSQL does not answer. `manage.py doctor` tells why.") from error


def _one(there: psycopg.Connection[Any], query: str) -> Any:
    (found,) = there.execute(query.encode()).fetchone() or (None,)
    return found


def _program(name: str, major: int) -> Path:
    """The one of the server's own version, or else the next newer one."""
    fit = sorted((one for one in _programs(name) if one.major >= major), key=lambda one: one.major)
    # A dump says what only the version that made it and newer ones understand, so that pg_restore must not be newer
    # than the server; pg_dump may be.
    if not fit or (name == "pg_restore" and fit[0].major != major):
        raise BackupError(
            f"No {name} of PostgreSQL {major} was found. Put it on the PATH; on Debian and Ubuntu: "
            f"apt-get install postgresql-client-{major}."
        )
    return fit[0].path


def _programs(name: str) -> Sequence[Binary]:
    packaged = tuple(path.replace("/postgres", f"/{name}") for path in stacks.KIND.packaged)
    kind = replace(stacks.KIND, name=name, program=name, packaged=packaged, lacks=lambda binary: None)
    found = (examine(kind, path) for path in [*on_path(name, os.environ.get("PATH", "")), *in_package(kind)])
    return [one for one in found if isinstance(one, Binary)]


def _environment(database: Database) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, **database.variables(), "PGOPTIONS": "-c statement_timeout=0 -c lock_timeout=60000"}


def _run(command: Sequence[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    if done.returncode:
        raise _failed(Path(command[0]).name, done.stderr)
    return done.stdout.decode(errors="replace")


def _failed(program: str, said: bytes) -> BackupError:
    """Without what follows `DETAIL` or `CONTEXT`, which quotes rows."""
    lines = [line for line in said.decode(errors="replace").splitlines() if line.startswith(f"{program}: error:")]
    return BackupError(f"{program} failed. {lines[0].removeprefix(f'{program}: ')[:300] if lines else ''}".strip())
