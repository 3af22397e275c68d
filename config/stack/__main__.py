"""The launcher's command line."""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

from config.environment import SettingError, with_secrets
from config.stack import launch
from config.stack.processes import end_with_parent
from config.stack.screen import Failure, Screen

_RUN_EXAMPLE = """\
example:
  EARSHOT_DEMO=1 EARSHOT_PORT=8001 python -m config.stack run

variables: EARSHOT_DATA (./var), EARSHOT_PORT (8000), EARSHOT_HOST (127.0.0.1), EARSHOT_DEMO (1 makes a demo);
EARSHOT_DATABASE_URL, EARSHOT_MONGODB_URL, EARSHOT_REDIS_URL, EARSHOT_CACHE_URL, EARSHOT_S3_ENDPOINT with
EARSHOT_S3_ACCESS_KEY and EARSHOT_S3_SECRET_KEY for servers of your own, which are then not started here."""
_SERVERS_EXAMPLE = """\
example:
  python -m config.stack servers --temporary -- python -m pytest tests/calls

The command finds the addresses in the variables EARSHOT_DATABASE_URL, EARSHOT_MONGODB_URL, EARSHOT_REDIS_URL,
EARSHOT_CACHE_URL, EARSHOT_S3_ENDPOINT, EARSHOT_S3_ACCESS_KEY, EARSHOT_S3_SECRET_KEY."""


def main() -> int:
    arguments = _parser().parse_args()
    try:
        environment = with_secrets(os.environ)
        if arguments.action == "run":
            if arguments.end_with_parent:
                end_with_parent(signal.SIGTERM)
            return asyncio.run(launch.run(environment, Screen(environment)))
        # The command's own output is what counts on standard output.
        screen = Screen(environment, sys.stderr)
        command = [word for word in arguments.command[:1] if word != "--"] + arguments.command[1:]
        if not command:
            raise Failure("No command is given; say which after `--`, as in `servers --temporary -- make check`.")
        return asyncio.run(
            launch.servers(
                environment,
                screen,
                command,
                data=arguments.data,
                temporary=arguments.temporary or arguments.for_tests,
                for_tests=arguments.for_tests,
            )
        )
    except (Failure, SettingError) as failure:
        print(failure, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        # Before the launcher listens for signals; nothing has been started yet.
        return 128 + signal.SIGINT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m config.stack", description="Earshot's servers on this machine.")
    actions = parser.add_subparsers(dest="action", required=True)
    as_written = argparse.RawDescriptionHelpFormatter
    run = actions.add_parser(
        "run",
        help="run everything in the foreground",
        description="Run everything in the foreground: servers, web, workers, beat. Ctrl-C stops it.",
        epilog=_RUN_EXAMPLE,
        formatter_class=as_written,
    )
    run.add_argument("--end-with-parent", action="store_true", help="stop when the process that started this ends")
    servers = actions.add_parser(
        "servers",
        help="run a command with only the servers around it",
        description="Start the servers, run a command that finds them in its environment, stop them.",
        epilog=_SERVERS_EXAMPLE,
        formatter_class=as_written,
    )
    where = servers.add_mutually_exclusive_group()
    where.add_argument("--data", type=lambda text: Path(text).resolve(), help="data directory (default EARSHOT_DATA)")
    where.add_argument("--temporary", action="store_true", help="a new data directory, removed at the end")
    where.add_argument(
        "--for-tests", action="store_true", help="the same, without waiting for a disk to have what was written"
    )
    servers.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND …")
    return parser


if __name__ == "__main__":
    sys.exit(main())
