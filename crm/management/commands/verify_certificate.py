from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crm.erasure import certificates
from metrics.errors import RetryableMetricsError


class Command(BaseCommand):
    help = (
        "Says whether a certificate of an erasure is as it was signed, in one sentence; exit status 1 when it is not. "
        "It needs the file and no database. By default it has to be signed by this installation's key, which lies in "
        "the archive; with --key by the one that is named, and then no server is asked. Examples: "
        "manage.py verify_certificate certificate.json; "
        "manage.py verify_certificate certificate.json --key bW9zdCBsaWtlbHkgdGhpcnR5LXR3byBieXRlcyE="
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--key", help="the public key that it has to be signed by, in base64")

    def handle(self, *args: Any, **options: Any) -> None:
        file: Path = options["file"]
        try:
            document = file.read_bytes()
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
        try:
            verified = certificates.verify(document, key=options["key"])
        except RetryableMetricsError as away:
            raise CommandError(
                "This installation's key cannot be read from the archive now. Name the key by --key."
            ) from away
        if not verified.holds:
            raise CommandError(verified.message)
        self.stdout.write(verified.message)
