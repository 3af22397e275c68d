"""What `back_up`, `restore` and `verify_backup` have in common: their errors, and how these end."""

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.core.management.base import CommandError
from django.db import OperationalError

from audio.errors import RetryableAudioError
from calls.errors import RetryableCallError
from config.backup import stores
from config.backup.errors import AnotherRuns, BackupError
from config.backup.telling import Told
from metrics.errors import MetricsError

# For whoever runs it by a clock: the one before is not done yet, which is no failure of this one.
ANOTHER_RUNS: Final = 3


@contextmanager
def told() -> Iterator[Told]:
    """How far it is; and every error of ours as one of the command, with its exit status."""
    progress = Told()
    try:
        yield progress
    except AnotherRuns as refused:
        raise CommandError(refused.message, returncode=ANOTHER_RUNS) from refused
    except (BackupError, MetricsError, RetryableAudioError, RetryableCallError) as failed:
        raise CommandError(f"{failed.message} `manage.py doctor` tells how the stores are.") from failed
    except OperationalError as away:
        raise CommandError("PostgreSQL does not answer. `manage.py doctor` tells why.") from away
    except OSError as refused:
        raise CommandError(f"{refused.filename or 'The disk'}: {refused.strerror}.") from refused
    except KeyboardInterrupt:
        raise CommandError("Stopped.", returncode=130) from None
    finally:
        progress.stop()


def add_only(parser: ArgumentParser, what: str) -> None:
    parser.add_argument(
        "--only",
        nargs="+",
        choices=stores.ORDER,
        default=list(stores.ORDER),
        metavar="STORE",
        help=f"{what} these stores alone: {', '.join(stores.ORDER)}",
    )
