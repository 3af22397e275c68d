"""Pseudonyms, and the keys that make them, which lie in the archive and so in no dump of a database.

Each person of a tenant has a random key of 256 bits under `keyring/people/`, made on first use; a root secret, at
`keyring/root`, makes the names of those objects and the digests of the forgotten, so that neither tells a person. A
pseudonym is HMAC-SHA-256 under the person's key, of which 128 bits are kept: 32 hexadecimal digits.

To destroy a key is to put a tombstone in its place. From then on nobody can link the person's old pseudonyms, to the
person or to each other; other processes may know the key for CACHE_SECONDS more. A destroyed key is never made again:
a later pseudonym of that person is a random one, other each time, so that whoever seals or archives something that
names them can go on. Who may have to say the same thing twice keeps the pseudonym that it got.
"""

import hmac
import os
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import structlog

from metrics import archive, person_keys
from metrics.errors import BadPersonKey, KeyringLost
from metrics.models import RootFingerprint

log = structlog.get_logger("earshot.keyring")

ROOT = "keyring/root"
KEY_NAME = "keyring/people/{digest}"
KEY_BYTES = 32
TOMBSTONE = b"destroyed"
PSEUDONYM_DIGITS = 32
LONGEST_TEXT = 512
# How long another process may go on using a key after it was destroyed.
CACHE_SECONDS = 60.0
# Some 300 bytes each.
MOST_CACHED = 10_000


class Named(NamedTuple):
    """A person, or with `text` a thing named under the person's key, such as `session:…` or `call:…`."""

    tenant_id: int | None
    person_key: str
    text: str | None = None


def create() -> None:
    """Make the root secret; again is the same as once."""
    _root()


def pseudonym(tenant_id: int | None, person_key: str, text: str | None = None) -> str:
    """The person's pseudonym, or that of a thing named under their key; 32 hexadecimal digits.

    The same for the same arguments until the key is destroyed, and from then on a random one each time. `tenant_id`
    is None for the site's superusers. Raises BadPersonKey, or RetryableMetricsError while the archive is away.
    """
    return pseudonyms([Named(tenant_id, person_key, text)])[0]


def pseudonyms(wanted: Sequence[Named]) -> list[str]:
    """One pseudonym for each, in order. Keys not known yet are read, or made, side by side."""
    names = _key_names(wanted)
    asked_at = time.monotonic()
    keys = _read_keys(names.values())
    if missing := [name for name in names.values() if name not in keys]:
        made = archive.write_first({name: secrets.token_bytes(KEY_BYTES) for name in missing})
        keys |= _keep(made, asked_at)
    return [_named_under(keys[names[one[:2]]], one.text) or secrets.token_hex(PSEUDONYM_DIGITS // 2) for one in wanted]


def known_pseudonym(tenant_id: int | None, person_key: str, text: str | None = None) -> str | None:
    """As `pseudonym`, but no key is made: None when there is none, because it was destroyed or never used."""
    return known_pseudonyms([Named(tenant_id, person_key, text)])[0]


def known_pseudonyms(wanted: Sequence[Named]) -> list[str | None]:
    names = _key_names(wanted)
    keys = _read_keys(names.values())
    return [_named_under(keys.get(names[one[:2]], TOMBSTONE), one.text) for one in wanted]


def destroy(tenant_id: int | None, person_key: str) -> bool:
    """Destroy the person's key for good. Whether there was one; again is the same as once."""
    name = _key_names([Named(tenant_id, person_key)])[tenant_id, person_key]
    before = archive.replace(name, TOMBSTONE)
    _keep({name: TOMBSTONE}, time.monotonic())
    return before not in (None, TOMBSTONE)


def remains_of(tenant_id: int | None, person_key: str) -> int:
    """How much the archive itself has of the person's key, whatever this process remembers: 0 once it is destroyed.

    Older versions count too, in a bucket that keeps some.
    """
    name = _key_names([Named(tenant_id, person_key)])[tenant_id, person_key]
    return int(archive.read(name) not in (None, TOMBSTONE)) + archive.count_older(name)


def digest(tenant_id: int | None, person_key: str) -> str:
    """What the registers of the forgotten know the person by: 64 hexadecimal digits under the root secret."""
    return _digest("forgotten", tenant_id, person_key)


def thing_digest(tenant_id: int | None, kind: str, text: str) -> str:
    """What the ledger of erasures and the register of erased calls know a phone, a recording, a call by; 64 digits."""
    return hmac.digest(_root(), f"{kind}\0{tenant_id}\0{text}".encode(), "sha256").hex()


def fingerprint_in_archive() -> str | None:
    """What tells the archive's root secret from another, without telling it; None when the archive has none.

    Needs no database. Raises RetryableMetricsError while the archive is away.
    """
    root = archive.read(ROOT)
    return None if root is None else _fingerprint_of(root)


def is_open() -> bool:
    """Whether this process knows the root secret, so that it can make digests without the archive."""
    return _cache.root is not None


def _digest(purpose: str, tenant_id: int | None, person_key: str) -> str:
    """No digest for one purpose tells anything about that for another."""
    tenant = "" if tenant_id is None else str(tenant_id)
    message = f"{purpose}\0{tenant}\0{person_keys.checked(person_key)}".encode()
    return hmac.digest(_root(), message, "sha256").hex()


def _key_names(wanted: Sequence[Named]) -> dict[tuple[int | None, str], str]:
    """(tenant, person) → the name of the object that holds their key. Raises BadPersonKey for what cannot be named."""
    for one in wanted:
        _check_text(one.text)
    people = dict.fromkeys(one[:2] for one in wanted)
    return {person: KEY_NAME.format(digest=_digest("key", *person)) for person in people}


def _read_keys(names: Iterable[str]) -> dict[str, bytes]:
    """Name → key or tombstone; what is not there is left out."""
    wanted = set(names)
    keys = _cache.found(wanted)
    asked_at = time.monotonic()
    return keys | _keep(archive.read_all(wanted - keys.keys()), asked_at)


def _keep(keys: dict[str, bytes], asked_at: float) -> dict[str, bytes]:
    _cache.add(keys, until=asked_at + CACHE_SECONDS)
    return keys


def _named_under(key: bytes, text: str | None) -> str | None:
    """None under a tombstone."""
    if key == TOMBSTONE:
        return None
    message = b"person" if text is None else b"thing\0" + text.encode()
    return hmac.digest(key, message, "sha256").hex()[:PSEUDONYM_DIGITS]


def _check_text(text: str | None) -> None:
    if text is not None and not (0 < len(text) <= LONGEST_TEXT and person_keys.is_encodable(text)):
        raise BadPersonKey(f"What is named under a person's key has 1 to {LONGEST_TEXT} characters.")


def _root() -> bytes:
    if _cache.root is None:
        _cache.root = _find_root()
    return _cache.root


def _find_root() -> bytes:
    """The archive's root secret, once it is certain that this database belongs to it; a new one for a new database."""
    known = RootFingerprint.objects.values_list("fingerprint", flat=True).first()
    root = archive.read(ROOT)
    if root is None and known is None:
        root = archive.write_first({ROOT: secrets.token_bytes(KEY_BYTES)})[ROOT]
    if root is None:
        log.error("keyring_root_missing")
        raise KeyringLost("The archive has lost its root secret, or is not the one that this database belongs to.")
    fingerprint = _fingerprint_of(root)
    if known is None:
        RootFingerprint.objects.get_or_create(pk=1, defaults={"fingerprint": fingerprint})
        known = RootFingerprint.objects.values_list("fingerprint", flat=True).get()
    if known != fingerprint:
        log.error("keyring_root_is_another")
        raise KeyringLost("The archive's root secret is not the one that this database belongs to.")
    return root


def _fingerprint_of(root: bytes) -> str:
    return hmac.digest(root, b"fingerprint", "sha256").hex()


class _Cache:
    """What this process has read of the keyring: the root for good, keys for CACHE_SECONDS."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Also for a forked process, in which another thread may have held the lock."""
        self._lock = threading.Lock()
        self._keys: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self.root: bytes | None = None

    def found(self, names: Iterable[str]) -> dict[str, bytes]:
        now = time.monotonic()
        with self._lock:
            held = {name: self._keys[name] for name in names if name in self._keys}
        return {name: key for name, (key, until) in held.items() if now < until}

    def add(self, keys: dict[str, bytes], *, until: float) -> None:
        with self._lock:
            for name, key in keys.items():
                if self._keys.get(name, (b"", 0.0))[0] == TOMBSTONE and key != TOMBSTONE:
                    # It was read before the key was destroyed.
                    continue
                self._keys[name] = (key, until)
                self._keys.move_to_end(name)
            while len(self._keys) > MOST_CACHED:
                self._keys.popitem(last=False)


_cache = _Cache()
os.register_at_fork(after_in_child=_cache.forget)
