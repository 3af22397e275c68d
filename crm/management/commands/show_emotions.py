from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from calls import conversations
from calls.documents import Call
from crm.audit import acts


class Command(BaseCommand):
    help = (
        "Prints how things were said in a call, segment by segment and on the whole. All of it is an estimate from "
        "words and voice; nobody measured what anybody felt. Example: manage.py show_emotions 0b8f7f0e-… --tenant-id 1"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("call_id", help="the call's id")
        parser.add_argument("--tenant-id", type=int, help="whose call, when several companies have one of this id")

    def handle(self, *args: Any, **options: Any) -> None:
        found = conversations.find_everywhere(options["call_id"], tenant_id=options["tenant_id"])
        if not found:
            raise CommandError(f"There is no call {options['call_id']}.")
        if len(found) > 1:
            companies = ", ".join(str(call["tenant_id"]) for call in found)
            raise CommandError(f"Several companies have a call of this id. Say whose by --tenant-id: {companies}.")
        call = found[0]
        acts.write(
            "call.read", actor=None, subject=f"call:{call['call_id']}", via="command", tenant_id=call["tenant_id"]
        )
        _show(call, Console(highlight=False))


def _show(call: Call, console: Console) -> None:
    emotions = call.get("emotions", [])
    if not emotions:
        console.print(
            "No emotion was estimated in this call: it is off in the company's settings, or the recording has one "
            "channel, which does not tell who speaks."
        )
        return
    said = {segment["segment_id"]: segment for segment in call["conversation"]}
    table = Table("From", "To", "Who", "Emotion", "Score", "By", "Text", box=None, pad_edge=False)
    for one in emotions:
        segment = said.get(one["segment_id"])
        table.add_row(
            f"{one['start_time']:.1f} s",
            f"{one['end_time']:.1f} s",
            segment["speaker"] if segment else "",
            one["emotion"],
            f"{one['score']:.2f}",
            one["method"],
            escape(segment["text"]) if segment else "",
        )
    console.print(table)
    shares = ", ".join(f"{emotion} {share:.0%}" for emotion, share in call.get("final_emotions", {}).items())
    console.print(f"On the whole: {shares or 'unknown'}. Of the time whose emotion could be estimated.")
    engines = sorted({f"{one['engine']} {one['version']}, {one['model']}" for one in emotions})
    console.print(f"Estimated by {'; '.join(engines)}.", soft_wrap=True)
