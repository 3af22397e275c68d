"""Where the archives lie in the object store, and that nothing else does there."""

import re
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Final

import structlog

from audio import blobs
from audio.blobs import Listed
from crm.models import PersonExport
from crm.models.privacy import ExportState

log = structlog.get_logger("earshot.person_exports")

ROOT: Final = "exports/"
CONTENT_TYPE: Final = "application/zip"
_KEY: Final = re.compile(r"exports/([0-9a-f-]{36})/\d+\.zip\Z")


def key_of(export: PersonExport) -> str:
    """Each attempt has a key of its own, so that two workers never write one object."""
    return f"{folder_of(export.pk)}{export.attempts}.zip"


def pieces_of(export: PersonExport, wanted: range) -> Iterator[bytes] | None:
    """Those bytes of the archive, at least one; None when it is not there. Raises StoreUnavailable."""
    return blobs.pieces_of(key_of(export), wanted)


def remove(export: PersonExport) -> None:
    """Remove whatever there is of the export, of every attempt; again is the same as once. Raises StoreUnavailable.

    Whoever is sending one at this moment finds that the store does not know of it any more.
    """
    blobs.give_up_all(folder_of(export.pk))
    for page in blobs.listed(folder_of(export.pk)):
        for one in page:
            blobs.erase(one.key)


def strays() -> Iterator[Listed]:
    """Objects that are no archive which can be fetched, or is about to be. Raises StoreUnavailable."""
    for page in blobs.listed(ROOT):
        ids = {export_id for one in page if (export_id := _id_of(one.key)) is not None}
        standing = PersonExport.objects.filter(pk__in=ids, state__in=[ExportState.READY, ExportState.RUNNING])
        keys = {key_of(export) for export in standing}
        yield from (one for one in page if one.key not in keys)


def remove_strays(*, begun_before: datetime) -> int:
    """Remove those, and what was begun before then and never came to an end. How many. Raises StoreUnavailable."""
    removed = 0
    # Listed to the end first: what is removed in between would make the store's own place in the list unsure.
    for one in list(strays()):
        blobs.erase(one.key)
        removed += 1
    removed += blobs.give_up_all(ROOT, begun_before=begun_before)
    if removed:
        log.info("person_export_strays_removed", count=removed)
    return removed


def folder_of(export_id: uuid.UUID) -> str:
    return f"{ROOT}{export_id}/"


def _id_of(key: str) -> uuid.UUID | None:
    found = _KEY.match(key)
    try:
        return uuid.UUID(found.group(1)) if found else None
    except ValueError:
        return None
