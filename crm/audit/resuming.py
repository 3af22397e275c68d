"""A database that went back to a backup: its chains go on behind what the archive knows, and the archive is told why.

Without that the blocks of a restored database would have numbers under which the archive keeps others' hashes, and
nothing could be told from tampering. What is told lies beside the anchors, which no database's administrator can write.
"""

import re
from typing import Final

import orjson
import structlog

from crm.audit import acts, sealing
from crm.audit.chain import GENESIS
from crm.audit.sealing import ANCHOR
from crm.models import AuditBlock, Tenant
from metrics import archive

log = structlog.get_logger("earshot.audit")

_ANCHORED: Final = re.compile(r"audit/(?P<chain>site|[0-9]{1,19})/(?P<number>[0-9]{9,12})")
# The folder that ANCHOR begins with.
_FOLDER: Final = ANCHOR.partition("{")[0]
_LOST: Final = "audit/{chain}/{through:09}-lost-after-{after:09}"


def resume() -> int:
    """Of every chain whose later blocks the archive alone has: tell it that they are lost, and go on behind them.

    How many chains there were; again is the same as once. Raises RetryableMetricsError while the archive is away.
    """
    resumed = 0
    for chain, through in sorted(highest_anchors().items()):
        tenant_id = None if chain == "site" else int(chain)
        last = AuditBlock.objects.of_chain(tenant_id).order_by("-number").first()
        after, previous = (last.number, last.hash) if last else (0, GENESIS)
        if through <= after:
            continue
        archive.write_new(_LOST.format(chain=chain, through=through, after=after), _told(previous))
        log.warning("audit_resumed", tenant_id=tenant_id, after=after, through=through)
        resumed += 1
        # A company that the backup does not know has no chain that could go on.
        if tenant_id is None or Tenant.objects.filter(pk=tenant_id).exists():
            acts.write("backup.restored", actor=None, via="command", tenant_id=tenant_id)
            sealing.seal_after(tenant_id, through)
    return resumed


def is_told(chain: str, *, after: int, previous: str, through: int) -> bool:
    """Whether the archive knows that the blocks behind `after`, whose hash is `previous`, are lost up to `through`."""
    return archive.read(_LOST.format(chain=chain, through=through, after=after)) == _told(previous)


def highest_anchors(chain: str = "") -> dict[str, int]:
    """Chain → the number of the last block that the archive knows; of one chain alone where it is named."""
    highest: dict[str, int] = {}
    for name in archive.names(f"{_FOLDER}{chain}/" if chain else _FOLDER):
        if match := _ANCHORED.fullmatch(name):
            highest[match["chain"]] = max(highest.get(match["chain"], 0), int(match["number"]))
    return highest


def _told(previous: str) -> bytes:
    return orjson.dumps({"previous": previous})
