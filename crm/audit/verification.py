"""Computes the audit log's chains again, and holds them against their anchors in the archive."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from django.db.models import Count, Min

from crm.audit.chain import GENESIS, block_hash
from crm.audit.sealing import (
    ANCHOR,
    ANCHORS_AT_ONCE,
    anchor_of,
    as_sealed,
    chain_of,
    late_blocks,
    late_entries,
)
from crm.models import AuditBlock, AuditEntry
from metrics import archive

_ANCHORED = re.compile(r"audit/(?P<chain>site|[0-9]{1,19})/(?P<number>[0-9]{9,12})")
# The folder that ANCHOR begins with.
_FOLDER = ANCHOR.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Finding:
    """What does not agree, or was not sealed in time. `chain` is a tenant's id or `site`; the message is for people."""

    chain: str
    message: str


@dataclass(slots=True)
class Report:
    """How much was looked at, and what was found; `unsealed` entries have no hash yet and prove nothing."""

    chains: int = 0
    blocks: int = 0
    entries: int = 0
    unsealed: int = 0
    findings: list[Finding] = field(default_factory=list)


def verify(*, progress: Callable[[str, int], None] = lambda chain, number: None) -> Report:
    """Look at every chain from its first block to its last; `progress(chain, number)` is told each block.

    Raises RetryableMetricsError while the archive is away.
    """
    report = Report(unsealed=AuditEntry.objects.unsealed().count())
    anchors = _highest_anchors()
    tenants = {
        chain_of(tenant_id): tenant_id
        for tenant_id in AuditBlock.objects.order_by().values_list("tenant_id", flat=True).distinct()
    }
    for chain in sorted(tenants.keys() | anchors.keys()):
        report.chains += 1
        last = 0
        if chain in tenants:
            last = _verify_chain(chain, tenants[chain], report, progress)
        if anchors.get(chain, 0) > last:
            message = (
                f"The archive knows blocks up to {anchors[chain]}, the database ends with {last}: blocks were removed, "
                "or the database was restored from an older backup."
            )
            report.findings.append(Finding(chain, message))
    report.findings.extend(_late())
    return report


def _late() -> Iterator[Finding]:
    entries = late_entries().order_by("tenant").values_list("tenant").annotate(Count("pk"), Min("at"))
    for tenant_id, count, since in entries:
        message = f"{count} entries have not been sealed since {since:%Y-%m-%d %H:%M} UTC, so nothing guards them yet."
        yield Finding(chain_of(tenant_id), message)
    blocks = late_blocks().order_by("tenant").values_list("tenant").annotate(Count("pk"), Min("sealed_at"))
    for tenant_id, count, since in blocks:
        message = f"{count} blocks have had no anchor in the archive since {since:%Y-%m-%d %H:%M} UTC."
        yield Finding(chain_of(tenant_id), message)


def _verify_chain(chain: str, tenant_id: int | None, report: Report, progress: Callable[[str, int], None]) -> int:
    """The number of the chain's last block."""
    expected, previous = 1, GENESIS
    for block, kept in _blocks_with_anchors(tenant_id):
        progress(chain, block.number)
        report.blocks += 1
        if block.number != expected:
            report.findings.append(Finding(chain, f"Block {expected} is missing."))
        elif block.previous_hash != previous:
            report.findings.append(Finding(chain, f"Block {block.number} does not follow block {block.number - 1}."))
        report.findings.extend(Finding(chain, message) for message in _faults_of(chain, block, kept, report))
        expected, previous = block.number + 1, block.hash
    return expected - 1


def _blocks_with_anchors(tenant_id: int | None) -> Iterator[tuple[AuditBlock, bytes | None]]:
    """The chain's blocks in order, each with what the archive keeps under its anchor's name."""
    blocks = AuditBlock.objects.of_chain(tenant_id).order_by("number").iterator(chunk_size=ANCHORS_AT_ONCE)
    while some := list(islice(blocks, ANCHORS_AT_ONCE)):
        names = [anchor_of(block)[0] for block in some]
        kept = archive.read_all(names)
        yield from zip(some, map(kept.get, names), strict=True)


def _faults_of(chain: str, block: AuditBlock, kept: bytes | None, report: Report) -> Iterator[str]:
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
    if kept is None and block.anchored_at is not None:
        yield f"Block {block.number} has lost its anchor in the archive."
    elif kept is not None and kept != anchor_of(block)[1]:
        yield (
            f"Block {block.number} is not the one that the archive knows: the chain or its anchor was made anew, or it "
            "goes on from an older backup."
        )


def _highest_anchors() -> dict[str, int]:
    """Chain → the number of the last block that the archive knows."""
    highest: dict[str, int] = {}
    for name in archive.names(f"{_FOLDER}/"):
        if match := _ANCHORED.fullmatch(name):
            highest[match["chain"]] = max(highest.get(match["chain"], 0), int(match["number"]))
    return highest
