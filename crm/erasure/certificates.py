"""Certificates of erasures: what was erased, when, how much of it in which store, and nothing of whom.

A certificate is JSON in one fixed form, keys in order and no spaces, signed by Ed25519 over that form without its
`signature`. The key that signs lies in the archive beside the keyring; the one to verify with stands in every
certificate, and is told by `public_key`. Who holds a certificate needs nothing of ours to verify it.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings

from crm.models import ErasureRequest, StoreRow
from metrics import archive

SIGNING_KEY = "keyring/signing"
LARGEST_BYTES = 2**20
_NAME = "certificates/{tenant_id}/{request_id}"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Verified:
    """Whether a certificate holds, and what that means in a sentence; `certificate` is what it says when it is one."""

    holds: bool
    message: str
    certificate: dict[str, Any] | None = None


def public_key() -> str:
    """What this installation's certificates are verified with: 32 bytes in base64.

    Raises RetryableMetricsError while the archive is away.
    """
    return _as_text(_signing_key().public_key().public_bytes_raw())


def fingerprint_of(public_key: str) -> str:
    """The SHA-256 of a public key in base64, by which people compare it."""
    return hashlib.sha256(base64.b64decode(public_key)).hexdigest()


def issue(
    request: ErasureRequest,
    rows: Sequence[StoreRow],
    *,
    people: int,
    calls: int,
    ledger_entry: bytes,
    completed_at: datetime,
) -> dict[str, Any]:
    """Sign what was done and put it into the archive; the one that is there already stays. What the archive has.

    `people` is by how many digests the ledger knows the person, `calls` how many calls' ids are not taken in again.
    Raises RetryableMetricsError.
    """
    key = _signing_key()
    said: dict[str, Any] = {
        "version": _VERSION,
        "product": "Earshot",
        "product_version": settings.SPECTACULAR_SETTINGS["VERSION"],
        "request_id": str(request.pk),
        "tenant_id": request.tenant_id,
        "kind": request.kind,
        "is_replay": request.is_replay,
        "requested_at": _moment(request.requested_at),
        "started_at": _moment(request.started_at),
        "completed_at": _moment(completed_at),
        "stores": [dict(row) for row in rows],
        "people": people,
        "calls": calls,
        "ledger_entry_sha256": hashlib.sha256(ledger_entry).hexdigest(),
        "public_key": _as_text(key.public_key().public_bytes_raw()),
    }
    signed = {**said, "signature": _as_text(key.sign(canonical(said)))}
    name = name_of(request)
    held: dict[str, Any] = orjson.loads(archive.write_first({name: canonical(signed)})[name])
    return held


def certificate_of(request: ErasureRequest) -> dict[str, Any] | None:
    """The certificate as the archive has it, or None while there is none. Raises RetryableMetricsError."""
    content = archive.read(name_of(request))
    return None if content is None else orjson.loads(content)


def verify(document: bytes, *, key: str | None = None) -> Verified:
    """Whether the document is a certificate that nobody has changed since the owner of a public key signed it.

    `key` is that public key, this installation's when it is not given: what a document says of its own key proves
    nothing. Raises RetryableMetricsError when the installation's key is wanted and the archive is away.
    """
    said = _read(document)
    if said is None:
        return Verified(holds=False, message="This is no certificate of an erasure.")
    expected = public_key() if key is None else key.strip()
    if said["public_key"] != expected:
        whose = "this installation's" if key is None else "the one that was given"
        return Verified(holds=False, message=f"The certificate was signed by another key than {whose}.")
    unsigned = {name: value for name, value in said.items() if name != "signature"}
    try:
        Ed25519PublicKey.from_public_bytes(_as_bytes(expected)).verify(
            _as_bytes(said["signature"]), canonical(unsigned)
        )
    except (InvalidSignature, ValueError):
        return Verified(holds=False, message="The certificate does not agree with its signature: it was changed.")
    return Verified(
        holds=True,
        message=f"The certificate holds: erasure {said['request_id']} was complete at {said['completed_at']}.",
        certificate=said,
    )


def canonical(said: dict[str, Any]) -> bytes:
    """The form that is signed: UTF-8, keys in order, no spaces."""
    return orjson.dumps(said, option=orjson.OPT_SORT_KEYS)


def name_of(request: ErasureRequest) -> str:
    """Where in the archive it lies."""
    return _NAME.format(tenant_id=request.tenant_id, request_id=request.pk)


def create() -> None:
    """Make the key that signs; again is the same as once."""
    _signing_key()


def _signing_key() -> Ed25519PrivateKey:
    kept = archive.read(SIGNING_KEY)
    if kept is None:
        kept = archive.write_first({SIGNING_KEY: Ed25519PrivateKey.generate().private_bytes_raw()})[SIGNING_KEY]
    return Ed25519PrivateKey.from_private_bytes(kept)


def _read(document: bytes) -> dict[str, Any] | None:
    """What it says, when it has all that a certificate of ours is verified by."""
    if len(document) > LARGEST_BYTES:
        return None
    try:
        said = orjson.loads(document)
    except orjson.JSONDecodeError:
        return None
    needed = ("public_key", "signature", "request_id", "completed_at")
    if not isinstance(said, dict) or not all(isinstance(said.get(name), str) for name in needed):
        return None
    return said


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None


def _as_text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _as_bytes(text: str) -> bytes:
    """Raises ValueError for what is no base64."""
    return base64.b64decode(text, validate=True)
