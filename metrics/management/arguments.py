"""What several commands are given, and take alike."""

from argparse import ArgumentTypeError
from datetime import date

from django.apps import apps
from django.core.management.base import CommandError

_MOST_NAMED = 20


def day(text: str) -> date:
    """A day of UTC. Raises ArgumentTypeError."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is no day; write it as 2026-03-01.") from error


def company(text: str | int) -> int:
    """The number of the company that has this number, or else this name. Raises CommandError."""
    text = str(text)
    companies = apps.get_model("crm", "Tenant")._default_manager.order_by("pk")
    if text.isdecimal() and len(text) < 19 and companies.filter(pk=int(text)).exists():
        return int(text)
    named: int | None = companies.filter(name=text).values_list("pk", flat=True).first()
    if named is None:
        known = ", ".join(f"{one.pk} {one.name}" for one in companies[:_MOST_NAMED])
        raise CommandError(f"There is no company {text}. There are: {known or 'none'}.")
    return named
