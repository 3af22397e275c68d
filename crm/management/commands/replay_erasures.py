from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audio.errors import RetryableAudioError
from calls.errors import RetryableCallError
from crm.erasure import replaying
from crm.models import ErasureState
from metrics.errors import RetryableMetricsError


class Command(BaseCommand):
    help = (
        "Obeys again what the ledger of erasures has and a store that came back from a backup has not: whoever was "
        "erased since is forgotten and erased once more, here and now. Costs next to nothing when there is nothing to "
        "do; a start does it by itself before anybody is served. Example: manage.py replay_erasures"
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = replaying.replay_now()
        except (RetryableMetricsError, RetryableCallError, RetryableAudioError) as away:
            raise CommandError(f"{away.message} `manage.py doctor` tells what is away.") from away
        failed = [request for request in found.requests if request.state != ErasureState.COMPLETED]
        self.stdout.write(
            f"{found.entries} entries of the ledger were obeyed again; {len(found.requests)} found somebody to erase."
        )
        if failed:
            raise CommandError(
                f"{len(failed)} could not be erased again, the first because of this: {failed[0].error} "
                "Mend that, and run it once more."
            )
