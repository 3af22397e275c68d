"""How a block's hash is made. Pure, so that anybody can do it again from an export of the log."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import orjson

# What the first block of a chain follows.
GENESIS: Final = "0" * 64


@dataclass(frozen=True, slots=True)
class SealedEntry:
    """An entry as it is sealed: names and things by pseudonym or empty, `at` in UTC."""

    at: datetime
    act: str
    via: str
    actor: str
    subject: str


def block_hash(*, chain: str, number: int, sealed_at: datetime, previous: str, entries: Sequence[SealedEntry]) -> str:
    """The SHA-256, in hexadecimal, of a JSON array in UTF-8 without spaces.

    `[chain, number, sealed_at, previous, [[at, act, via, actor, subject], …]]`, times in ISO 8601 in UTC with
    microseconds and a `Z`; `chain` is the tenant's id, or `site`.
    """
    told = [
        chain,
        number,
        told_time(sealed_at),
        previous,
        [[told_time(entry.at), entry.act, entry.via, entry.actor, entry.subject] for entry in entries],
    ]
    return hashlib.sha256(orjson.dumps(told)).hexdigest()


def told_time(at: datetime) -> str:
    """In UTC with microseconds and a `Z`, as the hash has it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
