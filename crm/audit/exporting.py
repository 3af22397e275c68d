"""The audit log as a file: every entry letter by letter as it was sealed, with its block, and in people's words too.

Rows stand in the order of the chain, so that a stranger can compute each block's hash again as `chain.py` says:
`sha256` of `[chain, block, sealed_at, previous_hash, [[at, act, via, actor, subject], …]]`. A block whose entries
retention has removed is a row without an entry; the next one holds its hash. Last come the entries that have no
block yet. With a filter some of a block are missing, and its hash cannot be computed from them.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

import orjson
from django.db.models import Max, Q

from crm.audit import reading, words
from crm.audit.chain import told_time
from crm.audit.naming import Names
from crm.audit.reading import Asked
from crm.audit.sealing import chain_of
from crm.models import AuditBlock, AuditEntry
from crm.models.audit import AuditEntryQuerySet
from metrics import sheets

COLUMNS: Final = (
    "chain",
    "block",
    "position",
    "at",
    "act",
    "via",
    "actor",
    "subject",
    "words",
    "actor_name",
    "subject_name",
    "sealed_at",
    "previous_hash",
    "hash",
    "entry_count",
    "emptied_at",
)
# What is read at once: blocks that have so many entries together, or one.
MOST_ENTRIES: Final = 2000
MOST_BLOCKS: Final = 500


class Format(StrEnum):
    CSV = "csv"
    NDJSON = "ndjson"


CONTENT_TYPES: Final[Mapping[Format, str]] = {
    Format.CSV: "text/csv; charset=utf-8",
    Format.NDJSON: "application/x-ndjson",
}


def pieces(tenant_id: int, asked: Asked, form: Format) -> Iterator[bytes]:
    """The file, some thousand rows at a time; what comes in meanwhile is not in it.

    Raises RetryableMetricsError while the archive is away.
    """
    if form is Format.CSV:
        yield _as_csv([dict(zip(COLUMNS, COLUMNS, strict=True))])
    for rows in _rows(tenant_id, asked):
        yield _as_csv(rows) if form is Format.CSV else b"".join(orjson.dumps(row) + b"\n" for row in rows)


def _rows(tenant_id: int, asked: Asked) -> Iterator[list[dict[str, Any]]]:
    names = Names(tenant_id)
    found = reading.find(tenant_id, asked)
    newest = AuditEntry.objects.of_chain(tenant_id).aggregate(Max("pk"))["pk__max"] or 0
    last = AuditBlock.objects.of_chain(tenant_id).aggregate(Max("number"))["number__max"] or 0
    for blocks in _blocks(tenant_id, last):
        sealed = found.filter(block__in=blocks).order_by("block__number", "position")
        rows = [_row(tenant_id, entry, entry.block, names) for entry in sealed]
        if asked == Asked():
            rows += [_row_of_emptied(tenant_id, block) for block in blocks if block.emptied_at]
            rows.sort(key=lambda row: (row["block"], row["position"] or 0))
        yield rows
    # One that is sealed while we read belongs to a block of which the rest may have come later: it has none here.
    rest = found.filter(Q(block=None) | Q(block__number__gt=last), pk__lte=newest)
    for entries in _in_pages(rest):
        yield [_row(tenant_id, entry, None, names) for entry in entries]


def _blocks(tenant_id: int, last: int) -> Iterator[list[AuditBlock]]:
    number = 0
    while number < last:
        some: list[AuditBlock] = []
        following = AuditBlock.objects.of_chain(tenant_id).filter(number__gt=number, number__lte=last)
        for block in following.order_by("number")[:MOST_BLOCKS]:
            if some and sum(one.entry_count for one in some) + block.entry_count > MOST_ENTRIES:
                break
            some.append(block)
        if not some:
            return
        number = some[-1].number
        yield some


def _in_pages(entries: AuditEntryQuerySet) -> Iterator[list[AuditEntry]]:
    after = 0
    while page := list(entries.filter(pk__gt=after).order_by("pk")[:MOST_ENTRIES]):
        after = page[-1].pk
        yield page


def _row(tenant_id: int, entry: AuditEntry, block: AuditBlock | None, names: Names) -> dict[str, Any]:
    subject = names.subject_of(entry)
    return {
        "chain": chain_of(tenant_id),
        "position": entry.position if block else None,
        **reading.exact(entry),
        "words": words.of_act(entry.act),
        "actor_name": names.actor_of(entry).name,
        "subject_name": (subject.name or subject.id) if subject else "",
        **_facts_of(block),
    }


def _row_of_emptied(tenant_id: int, block: AuditBlock) -> dict[str, Any]:
    nothing = dict.fromkeys(("at", "act", "via", "actor", "subject", "actor_name", "subject_name"), "")
    gone = "the entries are older than is kept"
    return {"chain": chain_of(tenant_id), "position": None, **nothing, "words": gone, **_facts_of(block)}


def _facts_of(block: AuditBlock | None) -> dict[str, Any]:
    if block is None:
        return dict.fromkeys(("block", "sealed_at", "previous_hash", "hash", "entry_count", "emptied_at"))
    return {
        "block": block.number,
        "sealed_at": told_time(block.sealed_at),
        "previous_hash": block.previous_hash,
        "hash": block.hash,
        "entry_count": block.entry_count,
        "emptied_at": told_time(block.emptied_at) if block.emptied_at else None,
    }


def _as_csv(rows: Iterable[Mapping[str, Any]]) -> bytes:
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\r\n")
    writer.writerows([sheets.cell(row[column]) for column in COLUMNS] for row in rows)
    return sheet.getvalue().encode()
