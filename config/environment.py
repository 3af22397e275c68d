"""Reads Earshot's settings from environment variables, each with its type.

A stack started by `make run` leaves its addresses in `$EARSHOT_DATA/run/env`; what a process has in its own
environment wins over that file, so that a command in another terminal finds the running stack by itself.

What is secret may lie in a file of its own, as Docker and systemd hand it out: `EARSHOT_SECRET_KEY_FILE` names the
file that holds what `EARSHOT_SECRET_KEY` would.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

# What holds a secret, in whole or as the password of an address.
SECRET = frozenset(
    {
        "EARSHOT_SECRET_KEY",
        "EARSHOT_DATABASE_URL",
        "EARSHOT_MONGODB_URL",
        "EARSHOT_REDIS_URL",
        "EARSHOT_CACHE_URL",
        "EARSHOT_S3_ACCESS_KEY",
        "EARSHOT_S3_SECRET_KEY",
        "EARSHOT_ARCHIVE_ACCESS_KEY",
        "EARSHOT_ARCHIVE_SECRET_KEY",
        "EARSHOT_TRANSCRIBER_KEY",
        "EARSHOT_METRICS_TOKEN",
        "EARSHOT_EMAIL_URL",
        "EARSHOT_SENTRY_DSN",
    }
)
# Longer than any secret there is: whoever names another file by mistake is told so.
_LONGEST_SECRET = 16 * 1024


class SettingError(Exception):
    """A variable is missing or does not say what its type needs; the message names it."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """`security`: "tls" from the first byte, "starttls" before anything is said, or ""."""

    host: str = ""
    port: int = 25
    user: str = ""
    password: str = ""
    security: str = ""


# By the scheme of a mail server's URL: how it is secured, and the port where none is named.
_MAIL_SCHEMES = {"smtp": ("", 25), "smtp+starttls": ("starttls", 587), "smtps": ("tls", 465)}


class Environment:
    """Variables by name. Every reader fails with the variable's name and what it should look like."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._asked: set[str] = set()

    @classmethod
    def of_process(cls, process: Mapping[str, str], *, default_data: Path) -> "Environment":
        """The process's own variables over those that a running stack left behind."""
        data = Path(process.get("EARSHOT_DATA") or default_data).resolve()
        return cls({**left_by_stack(data / "run" / "env"), **with_secrets(process), "EARSHOT_DATA": str(data)})

    def text(self, name: str, default: str | None = None) -> str:
        value = self._given(name) or default
        if value is None:
            raise SettingError(
                f"{name} is not set. `make run` sets it for everything it starts and for commands beside it; "
                "without that stack, set it yourself (docs/settings.md)."
            )
        return value

    def path(self, name: str, default: Path | None = None) -> Path:
        return Path(self.text(name, str(default) if default else None))

    def integer(self, name: str, default: int, *, least: int | None = None) -> int:
        """A whole number; with `least`, none below it, for which other settings may make the default too small."""
        value = self._given(name)
        try:
            number = int(value) if value else default
        except ValueError:
            raise SettingError(f"{name} must be a whole number, not {value!r}.") from None
        if least is not None and number < least:
            raise SettingError(f"{name} must be at least {least}, not {number}.")
        return number

    def choice(self, name: str, choices: Sequence[str]) -> str:
        """One of the words; the first when nothing is set."""
        value = self._given(name).strip() or choices[0]
        if value not in choices:
            raise SettingError(f"{name} must be one of {', '.join(choices)}, not {value!r}.")
        return value

    def boolean(self, name: str) -> bool:
        value = self._given(name).strip().lower()
        if not value:
            return False
        if value in {"1", "true", "yes", "on"}:
            return True
        if value in {"0", "false", "no", "off"}:
            return False
        raise SettingError(f"{name} must be 1 or 0, not {value!r}.")

    def database(self, name: str, default: str) -> dict[str, Any]:
        """Django's form of a PostgreSQL URL."""
        try:
            parts = conninfo_to_dict(self.text(name, default))
        except ProgrammingError:
            raise SettingError(f"{name} must look like postgresql://user:password@host:5432/name.") from None
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": parts.get("dbname"),
            "USER": parts.get("user"),
            "PASSWORD": parts.get("password"),
            "HOST": parts.get("host"),
            "PORT": parts.get("port"),
        }

    def mail_server(self, name: str) -> MailServer:
        """What a URL says; one without a host when nothing is set."""
        value = self._given(name).strip()
        if not value:
            return MailServer()
        try:
            parts = urlsplit(value)
            security, port = _MAIL_SCHEMES[parts.scheme]
            if not parts.hostname or parts.path.strip("/"):
                raise ValueError(value)
            user, password = unquote(parts.username or ""), unquote(parts.password or "")
            return MailServer(parts.hostname, parts.port or port, user, password, security)
        except (KeyError, ValueError):
            # Without what it is, which may hold a password.
            said = "smtps://user:password@host:465, smtp+starttls://… or smtp://…"
            raise SettingError(f"{name} must look like {said}") from None

    def words(self, name: str, default: list[str]) -> list[str]:
        """Comma-separated words."""
        value = self._given(name)
        return [word.strip() for word in value.split(",") if word.strip()] if value else default

    def given(self) -> frozenset[str]:
        """Which of Earshot's variables are set to something."""
        return frozenset(name for name, value in self._values.items() if value and name.startswith("EARSHOT_"))

    def misspelt(self) -> list[str]:
        """Those that nobody has asked for, once all settings have been read; those of the tests are not meant."""
        return sorted(name for name in self.given() - self._asked if not name.startswith("EARSHOT_TEST_"))

    def _given(self, name: str) -> str:
        self._asked.add(name)
        return self._values.get(name, "")


def with_secrets(process: Mapping[str, str]) -> dict[str, str]:
    """The variables with each `EARSHOT_X_FILE` replaced by an `EARSHOT_X` that holds what is in the file.

    Raises SettingError, which names the variable and never quotes a file, when a file cannot be read or is empty, or
    when both are set.
    """
    read = dict(process)
    for name in sorted(SECRET):
        file = read.pop(f"{name}_FILE", "")
        if not file:
            continue
        if read.get(name):
            raise SettingError(f"{name} and {name}_FILE are both set. Unset one of them.")
        read[name] = _secret_in(Path(file), f"{name}_FILE")
    return read


def _secret_in(file: Path, name: str) -> str:
    """The one line of the file, without the line break that an editor or `echo` puts at its end."""
    try:
        with file.open(encoding="utf-8") as opened:
            text = opened.read(_LONGEST_SECRET + 1)
    except OSError as refused:
        raise SettingError(f"{name} names {file}, which cannot be read: {refused.strerror}.") from None
    except UnicodeDecodeError:
        raise SettingError(f"{name} names {file}, which holds no text.") from None
    secret = text.strip()
    if not secret:
        raise SettingError(f"{name} names {file}, which is empty.")
    if len(text) > _LONGEST_SECRET or len(secret.splitlines()) > 1:
        raise SettingError(f"{name} names {file}, which holds more than one line.")
    return secret


def left_by_stack(file: Path) -> dict[str, str]:
    """The lines `NAME=value` of a running stack's file; nothing when there is none or it is not ours to read."""
    try:
        lines = file.read_text().splitlines()
    except (FileNotFoundError, PermissionError, NotADirectoryError):
        return {}
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return dict(pairs)
