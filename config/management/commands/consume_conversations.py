import os
import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from calls.consuming import Consumer
from config import sign_of_life, watching
from config.backup import restoring


class Command(BaseCommand):
    help = (
        "Stores the conversations that wait in the queue, until it is asked to end by SIGTERM or Ctrl-C; it then "
        "stores what still waits, and what it does not get done stays in the queue. `make run` runs one; more may run "
        "beside it, on any machine. Example: EARSHOT_INTAKE_PROFILE=throughput manage.py consume_conversations"
    )
    # It is to start, and to wait, also while the servers are away.
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        if reason := restoring.refused():
            raise CommandError(reason)
        watching.start("intake")
        consumer = Consumer(each_round=sign_of_life.give)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: consumer.end())
        consumer.run()
        if consumer.is_busy:
            # A thread that waits for a server would hold the process up; what it holds is in the queue.
            os._exit(0)
