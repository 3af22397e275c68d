"""Seals what has come into the audit log: ids become pseudonyms, entries become blocks, blocks get their anchors."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

import orjson
import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from audio.models import AudioSession
from crm.audit.chain import GENESIS, SealedEntry, block_hash
from crm.models import AuditBlock, AuditEntry, Token
from crm.models.audit import AuditBlockQuerySet, AuditEntryQuerySet
from metrics import archive, keyring, person_keys
from metrics.keyring import Named

log = structlog.get_logger("earshot.audit")

# What one transaction seals; beat comes again, and takes the rest at once.
MOST_ENTRIES: Final = 1000
MOST_ANCHORS: Final = 1000
ANCHORS_AT_ONCE: Final = 200
ANCHOR: Final = "audit/{chain}/{number:09}"
# How much later than planned something may be sealed or anchored: an archive that is away for a moment is no fault.
PATIENCE: Final = timedelta(minutes=15)
# Whose key names what belongs to nobody that we know; no user of ours has this id.
NOBODY: Final = 0


def seal() -> int:
    """Seal everything that is there, a block for each company and thousand entries. Returns how many entries.

    Two sealers at once are as one: the second to number a block gives up its own. Raises RetryableMetricsError while
    the archive is away; what is not sealed yet stays and is sealed later.
    """
    sealed = 0
    chains = AuditEntry.objects.unsealed().order_by().values_list("tenant_id", flat=True).distinct()
    for tenant_id in list(chains):
        while count := _seal_block(tenant_id):
            sealed += count
            if count < MOST_ENTRIES:
                break
    _anchor()
    return sealed


def late_entries() -> AuditEntryQuerySet:
    """Those that should have been sealed by now. Until they are, nothing tells whether they were changed."""
    return AuditEntry.objects.unsealed().filter(at__lt=_latest())


def late_blocks() -> AuditBlockQuerySet:
    """Those that should have an anchor by now. Until they have, nothing tells whether the chain was made anew there."""
    return AuditBlock.objects.unanchored().filter(sealed_at__lt=_latest())


def _latest() -> datetime:
    return timezone.now() - timedelta(seconds=settings.EARSHOT_SEAL_SECONDS) - PATIENCE


def chain_of(tenant_id: int | None) -> str:
    return "site" if tenant_id is None else str(tenant_id)


def anchor_of(block: AuditBlock) -> tuple[str, bytes]:
    """Under which name the archive keeps the block's hash, and what it keeps."""
    name = ANCHOR.format(chain=chain_of(block.tenant_id), number=block.number)
    return name, orjson.dumps({"number": block.number, "entries": block.entry_count, "hash": block.hash})


def name_by_pseudonym(tenant_id: int | None, entries: Sequence[AuditEntry]) -> None:
    """Put pseudonyms in the place of ids; a subject's keeps the word for its kind in front."""
    owners = _owners(tenant_id, (entry.subject for entry in entries))
    wanted: dict[tuple[int, str], Named] = {}
    for position, entry in enumerate(entries):
        if entry.actor:
            wanted[position, "actor"] = Named(tenant_id, entry.actor)
        if entry.subject:
            wanted[position, "subject"] = _named(tenant_id, entry, owners)
    for (position, field), pseudonym in zip(wanted, keyring.pseudonyms(list(wanted.values())), strict=True):
        entry = entries[position]
        kind = f"{entry.subject.partition(':')[0]}:" if field == "subject" else ""
        setattr(entry, field, f"{kind}{pseudonym}")


def seal_after(tenant_id: int | None, number: int) -> None:
    """Seal what is there of one chain in a block whose number is above that one: the archive knows those up to it."""
    while _seal_block(tenant_id, after=number) == MOST_ENTRIES:
        pass


def _seal_block(tenant_id: int | None, *, after: int = 0) -> int:
    entries = list(AuditEntry.objects.unsealed().of_chain(tenant_id).order_by("pk")[:MOST_ENTRIES])
    if not entries:
        return 0
    # Before the transaction: the archive may take its time.
    name_by_pseudonym(tenant_id, entries)
    try:
        with transaction.atomic():
            if not _are_still_unsealed(entries):
                return 0
            block = _following_block(tenant_id, entries, after=after)
            for position, entry in enumerate(entries):
                entry.block, entry.position = block, position
            AuditEntry.objects.bulk_update(entries, ["actor", "subject", "block", "position"])
    except IntegrityError:
        # Somebody else has sealed these under this number.
        return 0
    log.info("audit_sealed", tenant_id=tenant_id, number=block.number, entries=len(entries))
    return len(entries)


def _are_still_unsealed(entries: Sequence[AuditEntry]) -> bool:
    """Holds them until the transaction ends; False when another sealer was quicker."""
    unsealed = AuditEntry.objects.unsealed().filter(pk__in=[entry.pk for entry in entries])
    return len(unsealed.order_by("pk").select_for_update().values_list("pk", flat=True)) == len(entries)


def _following_block(tenant_id: int | None, entries: Sequence[AuditEntry], *, after: int) -> AuditBlock:
    last = AuditBlock.objects.of_chain(tenant_id).order_by("-number").first()
    number = max(last.number if last else 0, after) + 1
    previous = last.hash if last else GENESIS
    now = timezone.now()
    return AuditBlock.objects.create(
        tenant_id=tenant_id,
        number=number,
        entry_count=len(entries),
        sealed_at=now,
        previous_hash=previous,
        hash=block_hash(
            chain=chain_of(tenant_id),
            number=number,
            sealed_at=now,
            previous=previous,
            entries=[as_sealed(entry) for entry in entries],
        ),
    )


def as_sealed(entry: AuditEntry) -> SealedEntry:
    return SealedEntry(at=entry.at, act=entry.act, via=entry.via, actor=entry.actor, subject=entry.subject)


def _anchor() -> None:
    # The newest first: many that the archive will never take must not keep it from those that follow them.
    waiting = list(AuditBlock.objects.unanchored().order_by("-pk")[:MOST_ANCHORS])
    for start in range(0, len(waiting), ANCHORS_AT_ONCE):
        _anchor_blocks(waiting[start : start + ANCHORS_AT_ONCE])


def _anchor_blocks(blocks: Sequence[AuditBlock]) -> None:
    anchors = {block: anchor_of(block) for block in blocks}
    held = archive.write_first(dict(anchors.values()))
    anchored = {block for block, (name, content) in anchors.items() if held[name] == content}
    for block in anchors.keys() - anchored:
        # The database was restored from a backup, or somebody has made this block anew; verify_audit tells.
        log.error("audit_anchor_differs", tenant_id=block.tenant_id, number=block.number)
    AuditBlock.objects.filter(pk__in=[block.pk for block in anchored]).update(anchored_at=timezone.now())


def _named(tenant_id: int | None, entry: AuditEntry, owners: dict[str, int]) -> Named:
    """A person has the pseudonym that they act under; a thing one under the key of whom it belongs to.

    What belongs to nobody any more is named under the key of who did it.
    """
    kind, _, thing = entry.subject.partition(":")
    if kind == "person" and is_number(thing):
        return Named(tenant_id, person_keys.of_user(int(thing)))
    if kind == "contact" and is_number(thing):
        return Named(tenant_id, person_keys.of_contact(int(thing)))
    owner = owners.get(entry.subject)
    by_owner = person_keys.of_user(owner) if owner is not None else ""
    return Named(tenant_id, by_owner or entry.actor or person_keys.of_user(NOBODY), entry.subject)


def _owners(tenant_id: int | None, subjects: Iterable[str]) -> dict[str, int]:
    """Subject → the id of the user it belongs to, where there is one."""
    things: dict[str, set[str]] = {"recording": set(), "call": set(), "token": set()}
    for subject in subjects:
        kind, _, thing = subject.partition(":")
        if kind in things:
            things[kind].add(thing)
    # Who runs the site may have acted on what is any company's.
    whose = {} if tenant_id is None else {"tenant_id": tenant_id}
    sessions = AudioSession.objects.filter(**whose)
    recordings = sessions.filter(pk__in=filter(_is_uuid, things["recording"])).values_list("pk", "user_id")
    calls = sessions.filter(call_id__in=things["call"]).values_list("call_id", "user_id")
    owned = {f"user__{name}": value for name, value in whose.items()}
    mine = Token.objects.filter(**owned, pk__in=filter(is_number, things["token"]))
    return {
        **{f"recording:{thing}": owner for thing, owner in recordings},
        **{f"call:{thing}": owner for thing, owner in calls},
        **{f"token:{thing}": owner for thing, owner in mine.values_list("pk", "user_id")},
    }


def is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
