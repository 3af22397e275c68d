"""The ledger of erasures: in the archive, and so in no dump; what is written there stays.

An entry, `ledger/{company}/{request}`, says by digests under the archive's root secret who was erased and what was
theirs, and never by a name or an id. Whoever reads a restored store knows by it whom to forget again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import orjson

from calls import forgotten as calls_forgotten
from crm.models import ErasureRequest
from metrics import archive, keyring
from metrics.erasing import Share, Subject
from metrics.registers import Entry as Forgotten

_FOLDER = "ledger/"
_NAME = "ledger/{tenant_id}/{request_id}"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """What the ledger says of an erasure. People by `keyring.digest`, all else by `keyring.thing_digest`.

    Of a recording and of a call it says what of it was theirs.
    """

    name: str
    tenant_id: int
    request_id: str
    kind: str
    at: datetime
    people: frozenset[str]
    phones: frozenset[str]
    sessions: Mapping[str, Share]
    calls: Mapping[str, Share]

    @property
    def forgotten(self) -> list[Forgotten]:
        """As the registers of the forgotten take it."""
        return [Forgotten(self.tenant_id, digest, self.at) for digest in sorted(self.people)]

    @property
    def forgotten_calls(self) -> list[Forgotten]:
        """As the register of erased calls takes it."""
        return [Forgotten(self.tenant_id, digest, self.at) for digest in sorted(self.calls)]


def name_of(request: ErasureRequest) -> str:
    """Under which name the ledger has it."""
    return _NAME.format(tenant_id=request.tenant_id, request_id=request.pk)


def write(request: ErasureRequest, subject: Subject, *, at: datetime) -> bytes:
    """Enter who is erased; what the ledger says now. An entry that is there already stays as it is.

    Raises RetryableMetricsError while the archive is away.
    """
    tenant_id, name = request.tenant_id, name_of(request)
    content = {
        "version": _VERSION,
        "tenant_id": tenant_id,
        "request_id": str(request.pk),
        "kind": request.kind,
        "at": at.isoformat(),
        "people": sorted(keyring.digest(tenant_id, key) for key in subject.person_keys),
        "phones": sorted(digest_of_phone(tenant_id, key) for key in subject.phone_keys),
        "sessions": {digest_of_session(tenant_id, one): share for one, share in subject.sessions.items()},
        "calls": {digest_of_call(tenant_id, one): share for one, share in subject.calls.items()},
    }
    return archive.write_first({name: orjson.dumps(content, option=orjson.OPT_SORT_KEYS)})[name]


def read(names: Iterable[str]) -> list[Entry]:
    """The entries of these names, in the order in which they were written. Raises RetryableMetricsError."""
    entries = [_entry(name, content) for name, content in archive.read_all(names).items()]
    return sorted(entries, key=lambda entry: (entry.at, entry.name))


def names() -> set[str]:
    """What all entries are called; one listing. Raises RetryableMetricsError."""
    return set(archive.names(_FOLDER))


def digest_of_phone(tenant_id: int, phone_key: str) -> str:
    return keyring.thing_digest(tenant_id, "phone", phone_key)


def digest_of_session(tenant_id: int, session_id: str) -> str:
    return keyring.thing_digest(tenant_id, "session", session_id)


def digest_of_call(tenant_id: int, call_id: str) -> str:
    return calls_forgotten.digest_of_call(tenant_id, call_id)


def _entry(name: str, content: bytes) -> Entry:
    said = orjson.loads(content)
    return Entry(
        name=name,
        tenant_id=said["tenant_id"],
        request_id=said["request_id"],
        kind=said["kind"],
        at=datetime.fromisoformat(said["at"]),
        people=frozenset(said["people"]),
        phones=frozenset(said["phones"]),
        sessions={digest: Share(share) for digest, share in said["sessions"].items()},
        calls={digest: Share(share) for digest, share in said["calls"].items()},
    )
