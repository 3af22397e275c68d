"""Computes the audit log's chains again, and holds them against their anchors in the archive."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import Final

from django.db.models import Count, Min

from crm.audit import resuming
from crm.audit.chain import GENESIS, block_hash
from crm.audit.sealing import (
    ANCHORS_AT_ONCE,
    anchor_of,
    as_sealed,
    chain_of,
    late_blocks,
    late_entries,
)
from crm.models import AuditBlock, AuditEntry
from crm.models.audit import AuditBlockQuerySet, AuditEntryQuerySet
from crm.models.privacy import SHORTEST_LOGS_DAYS
from metrics import archive

_SHORTEST: Final = timedelta(days=SHORTEST_LOGS_DAYS)


@dataclass(frozen=True, slots=True)
class Finding:
    """What does not agree, or was not sealed in time. `chain` is a tenant's id or `site`; the message is for people."""

    chain: str
    message: str


@dataclass(slots=True)
class Report:
    """How much was looked at, and what was found; `unsealed` entries have no hash yet and prove nothing.

    Of `emptied` blocks retention has removed the entries: that the chain goes on through them is all that they prove.
    `lost` tells of blocks that went when a backup was restored, of which the archive was told then.
    """

    chains: int = 0
    blocks: int = 0
    entries: int = 0
    unsealed: int = 0
    emptied: int = 0
    findings: list[Finding] = field(default_factory=list)
    lost: list[Finding] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Place:
    """How far along a chain somebody has come: behind block `number`, whose hash is `previous`."""

    number: int = 0
    previous: str = GENESIS
    # Whether there was no block yet that has its entries; retention begins with the oldest.
    only_emptied: bool = True


Progress = Callable[[str, int], None]


def verify(*, progress: Progress = lambda chain, number: None) -> Report:
    """Look at every chain from its first block to its last; `progress(chain, number)` is told each block.

    Raises RetryableMetricsError while the archive is away.
    """
    report = Report(unsealed=AuditEntry.objects.unsealed().count())
    anchors = resuming.highest_anchors()
    tenants = {
        chain_of(tenant_id): tenant_id
        for tenant_id in AuditBlock.objects.order_by().values_list("tenant_id", flat=True).distinct()
    }
    for chain in sorted(tenants.keys() | anchors.keys()):
        report.chains += 1
        place = Place()
        if chain in tenants:
            place, _ = _walk(chain, tenants[chain], report, place, progress=progress)
        report.findings.extend(_cut_off(chain, anchors.get(chain, 0), place, report))
    report.findings.extend(_late(late_entries(), late_blocks()))
    return report


def verify_company(tenant_id: int, report: Report, place: Place, *, seconds: float | None = None) -> Place | None:
    """Look at one company's chain alone, for at most about so long; what is found is added to the report.

    Returns where to go on, or None at the end. Raises RetryableMetricsError while the archive is away.
    """
    chain = chain_of(tenant_id)
    until = None if seconds is None else time.monotonic() + seconds
    place, is_done = _walk(chain, tenant_id, report, place, until=until)
    if not is_done:
        return place
    report.chains = 1
    report.unsealed = AuditEntry.objects.unsealed().of_chain(tenant_id).count()
    highest = resuming.highest_anchors(chain).get(chain, 0)
    report.findings.extend(_cut_off(chain, highest, place, report))
    report.findings.extend(_late(late_entries().of_chain(tenant_id), late_blocks().of_chain(tenant_id)))
    return None


def _cut_off(chain: str, highest_anchor: int, end: Place, report: Report) -> Iterator[Finding]:
    if highest_anchor > end.number and not _went_with_a_backup(chain, end, highest_anchor, report):
        message = (
            f"The archive knows blocks up to {highest_anchor}, the database ends with {end.number}: blocks were "
            "removed, or the database was restored from an older backup."
        )
        yield Finding(chain, message)


def _late(entries: AuditEntryQuerySet, blocks: AuditBlockQuerySet) -> Iterator[Finding]:
    of_chains = entries.order_by("tenant").values_list("tenant").annotate(Count("pk"), Min("at"))
    for tenant_id, count, since in of_chains:
        message = f"{count} entries have not been sealed since {since:%Y-%m-%d %H:%M} UTC, so nothing guards them yet."
        yield Finding(chain_of(tenant_id), message)
    of_chains = blocks.order_by("tenant").values_list("tenant").annotate(Count("pk"), Min("sealed_at"))
    for tenant_id, count, since in of_chains:
        message = f"{count} blocks have had no anchor in the archive since {since:%Y-%m-%d %H:%M} UTC."
        yield Finding(chain_of(tenant_id), message)


def _walk(
    chain: str,
    tenant_id: int | None,
    report: Report,
    place: Place,
    *,
    progress: Progress = lambda chain, number: None,
    until: float | None = None,
) -> tuple[Place, bool]:
    """Where it ended, and whether that is the end of the chain."""
    for block, kept in _blocks_with_anchors(tenant_id, after=place.number):
        progress(chain, block.number)
        report.blocks += 1
        follows = block.number == place.number + 1
        if not follows and not _went_with_a_backup(chain, place, block.number - 1, report):
            report.findings.append(Finding(chain, f"Block {place.number + 1} is missing."))
        elif block.previous_hash != place.previous:
            report.findings.append(Finding(chain, f"Block {block.number} does not follow block {block.number - 1}."))
        faults = _faults_of(chain, block, report) if block.emptied_at is None else _faults_of_emptied(block, place)
        report.emptied += block.emptied_at is not None
        report.findings.extend(Finding(chain, message) for message in (*faults, *_faults_of_anchor(block, kept)))
        place = Place(block.number, block.hash, place.only_emptied and block.emptied_at is not None)
        if until is not None and time.monotonic() > until:
            return place, False
    return place, True


def _blocks_with_anchors(tenant_id: int | None, *, after: int) -> Iterator[tuple[AuditBlock, bytes | None]]:
    """The chain's blocks in order, each with what the archive keeps under its anchor's name."""
    following = AuditBlock.objects.of_chain(tenant_id).filter(number__gt=after)
    blocks = following.order_by("number").iterator(chunk_size=ANCHORS_AT_ONCE)
    while some := list(islice(blocks, ANCHORS_AT_ONCE)):
        names = [anchor_of(block)[0] for block in some]
        kept = archive.read_all(names)
        yield from zip(some, map(kept.get, names), strict=True)


def _went_with_a_backup(chain: str, place: Place, through: int, report: Report) -> bool:
    """Whether the archive was told that the blocks behind the place, up to that one, are those that a restore lost."""
    if not resuming.is_told(chain, after=place.number, previous=place.previous, through=through):
        return False
    message = f"Blocks {place.number + 1} to {through} went when a backup was restored that did not have them yet."
    report.lost.append(Finding(chain, message))
    return True


def _faults_of(chain: str, block: AuditBlock, report: Report) -> Iterator[str]:
    entries = list(block.entries.order_by("position"))
    report.entries += len(entries)
    computed = block_hash(
        chain=chain,
        number=block.number,
        sealed_at=block.sealed_at,
        previous=block.previous_hash,
        entries=[as_sealed(entry) for entry in entries],
    )
    if computed != block.hash or len(entries) != block.entry_count:
        yield f"Block {block.number} does not agree with its hash: an entry was changed, added or removed."
    # The hash tells only once whose chain it is; each entry is found by a company of its own.
    if any(entry.tenant_id != block.tenant_id for entry in entries):
        yield f"Block {block.number} has an entry that was moved out of its company."


def _faults_of_emptied(block: AuditBlock, place: Place) -> Iterator[str]:
    """What may not be, of a block whose entries are said to have gone because they were older than is kept."""
    if block.entries.exists():
        yield f"Block {block.number} was emptied, and has entries again."
    if not place.only_emptied:
        yield f"Block {block.number} was emptied before older ones: entries were removed otherwise than by retention."
    if block.emptied_at is not None and block.emptied_at - block.sealed_at < _SHORTEST:
        yield f"Block {block.number} was emptied before it was {SHORTEST_LOGS_DAYS} days old, as retention never does."


def _faults_of_anchor(block: AuditBlock, kept: bytes | None) -> Iterator[str]:
    if kept is None and block.emptied_at is not None:
        yield f"Block {block.number} was emptied, and the archive does not know it: nothing proves what it was."
    elif kept is None and block.anchored_at is not None:
        yield f"Block {block.number} has lost its anchor in the archive."
    elif kept is not None and kept != anchor_of(block)[1]:
        yield (
            f"Block {block.number} is not the one that the archive knows: the chain or its anchor was made anew, or it "
            "goes on from an older backup."
        )
