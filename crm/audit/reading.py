"""Reads a company's audit log: what was done, by whom, about what, through which door, when; the newest first."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from crm.audit import naming, words
from crm.audit.chain import told_time
from crm.models import AuditEntry
from crm.models.audit import AuditEntryQuerySet
from metrics import person_keys

LONGEST_ABOUT: Final = 400
_USER = re.compile(r"user:[0-9]{1,18}")
# Somebody who is no user: a command, or the machine.
COMMAND: Final = "command"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked for; of several all have to be true, and what is empty may be anything.

    `act` is an act or a kind of acts, its first word. `who` is `user:{id}`, `command`, or a pseudonym. `about` is
    `{kind}:{id}`, or with a pseudonym in the place of the id. `until` is not among those found.
    """

    act: str = ""
    who: str = ""
    about: str = ""
    via: str = ""
    since: datetime | None = None
    until: datetime | None = None


def is_actor(who: str) -> bool:
    """Whether `Asked.who` may be so."""
    return who == COMMAND or _USER.fullmatch(who) is not None or naming.is_pseudonym(who)


def is_subject(about: str) -> bool:
    """Whether `Asked.about` may be so."""
    kind, _, thing = about.partition(":")
    fits = bool(kind.isidentifier() and thing) and len(about) <= LONGEST_ABOUT
    return fits and "\0" not in about and person_keys.is_encodable(about)


def find(tenant_id: int, asked: Asked) -> AuditEntryQuerySet:
    """The entries with their blocks, in no order.

    Raises RetryableMetricsError when somebody or something is asked for while the archive is away.
    """
    found = AuditEntry.objects.of_chain(tenant_id).select_related("block").filter(**_plain(asked))
    if asked.act:
        found = found.filter(act=asked.act) if "." in asked.act else found.filter(act__startswith=f"{asked.act}.")
    if asked.who == COMMAND:
        found = found.filter(actor="")
    elif asked.who:
        found = found.filter(
            actor__in=naming.forms_of_person(tenant_id, asked.who) if ":" in asked.who else [asked.who]
        )
    if asked.about:
        found = found.filter(subject__in=naming.forms_of_subject(tenant_id, asked.about))
    return found


def _plain(asked: Asked) -> dict[str, Any]:
    plain = {"via": asked.via, "at__gte": asked.since, "at__lt": asked.until}
    return {name: value for name, value in plain.items() if value}


def told(entries: Sequence[AuditEntry], names: naming.Names) -> list[dict[str, Any]]:
    """The entries for people and programs: each with its act in words, and whom and what it names."""
    return [
        {
            "at": entry.at,
            "act": entry.act,
            "words": words.of_act(entry.act),
            "via": entry.via,
            "actor": names.actor_of(entry),
            "subject": names.subject_of(entry),
            "block": entry.block.number if entry.block else None,
            "position": entry.position,
        }
        for entry in entries
    ]


def exact(entry: AuditEntry) -> dict[str, str]:
    """What of an entry goes into its block's hash, letter by letter."""
    return {
        "at": told_time(entry.at),
        "act": entry.act,
        "via": entry.via,
        "actor": entry.actor,
        "subject": entry.subject,
    }
