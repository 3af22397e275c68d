#!/usr/bin/env python
"""Django's command line for Earshot: `./manage.py help` lists the commands."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        from django.core.management import execute_from_command_line  # noqa: PLC0415
    except ImportError as missing:
        raise SystemExit(
            "Django is not installed for this Python. `make install` makes the environment; "
            "then run .venv/bin/python manage.py …"
        ) from missing
    from django.db import OperationalError  # noqa: PLC0415

    from config.environment import SettingError  # noqa: PLC0415

    try:
        execute_from_command_line(sys.argv)
    except SettingError as error:
        raise SystemExit(str(error)) from error
    except OperationalError as error:
        raise SystemExit(
            f"PostgreSQL does not answer ({str(error).splitlines()[0]}). Start everything with `make run`, "
            "or name a server of your own in EARSHOT_DATABASE_URL (docs/settings.md)."
        ) from error


if __name__ == "__main__":
    main()
