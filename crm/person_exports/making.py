"""Makes an archive: claimed with a lease, written to a file without a name, sent, and ready once it is visible.

Whoever makes one looks at its row again and again. Once that is in other hands, or has been removed because its person
was erased, the work ends quietly and leaves nothing.
"""

import hashlib
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO, Final, cast

import structlog
from django.db import OperationalError, transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils import timezone

from audio import blobs, copies
from audio.errors import NothingRecorded, RetryableAudioError
from audio.models import AudioSession, RecordingConsent
from calls import export as call_files
from calls import store
from calls.documents import people_by_side
from calls.errors import RetryableCallError, UnknownCall
from crm import forgotten
from crm.erasure import subjects
from crm.errors import UnknownSubject
from crm.models import AuditEntry, Contact, PersonExport, PrivacyPolicy, User
from crm.models.privacy import ExportState
from crm.person_exports import contents, files, requests
from crm.person_exports.contents import InArchive
from crm.person_exports.packing import Package, pieces_of
from metrics import dubbing, hours, keyring, locks, person_keys, recent
from metrics.erasing import Share, Subject
from metrics.errors import RetryableMetricsError

log = structlog.get_logger("earshot.person_exports")

# How often the row is told that its worker lives, and looked at.
_TOLD_EVERY_SECONDS: Final = 2.0
# A worker for the whole installation makes one at a time: decoding keeps a core busy, and others have work to do.
_LOCK: Final = "person_exports"
_AT_ONCE: Final = 500
_DAYS_OF_DETAIL: Final = timedelta(days=9)
UNEXPECTED: Final = "Something went wrong that should not have. The log of the workers has more."


class _Lost(Exception):
    """The row is in other hands, or its export has been removed."""


class _Forgotten(Exception):
    """Somebody whose words are in the archive has been forgotten since they were read."""


@dataclass(slots=True)
class _Work:
    """An export in our hands. `told` is to be called again and again, and raises _Lost once it is ours no more."""

    export: PersonExport
    subject: Subject = field(default_factory=lambda: Subject(0))
    calls: list[InArchive] = field(default_factory=list)
    others: int = 0
    # Whose words are in it beside the person's own, as the registers of the forgotten call them.
    people: set[str] = field(default_factory=set)
    _next: float = 0.0

    def told(self) -> None:
        if time.monotonic() >= self._next:
            self.tell()

    def tell(self, **values: Any) -> None:
        mine = PersonExport.objects.filter(pk=self.export.pk, state=ExportState.RUNNING, attempts=self.export.attempts)
        told = {"claimed_at": timezone.now(), "calls_done": len(self.calls), **values}
        if not mine.update(**told):
            raise _Lost
        self._next = time.monotonic() + _TOLD_EVERY_SECONDS


def make(export_id: uuid.UUID, *, progress: Callable[[int, int], None] = lambda _done, _total: None) -> bool:
    """Make the archive, if nobody else does and no other is being made. Whether there was anything for us to do.

    `progress` is told how many calls are in it, and of how many.
    """
    with locks.held_alone(_LOCK) as is_ours:
        export = _claim(export_id) if is_ours else None
        if export is None:
            log.info("person_export_not_for_us", export_id=str(export_id))
            return False
        _make(export, progress)
    requests.send_next()
    return True


def _claim(export_id: uuid.UUID) -> PersonExport | None:
    now = timezone.now()
    taken = PersonExport.objects.filter(requests.claimable(), pk=export_id, attempts__lt=requests.MOST_ATTEMPTS)
    if not taken.update(
        state=ExportState.RUNNING,
        claimed_at=now,
        started_at=Coalesce("started_at", now),
        attempts=F("attempts") + 1,
        calls_done=0,
    ):
        return None
    return PersonExport.objects.filter(pk=export_id).first()


def _make(export: PersonExport, progress: Callable[[int, int], None]) -> None:
    facts = {"tenant_id": export.tenant_id, "export_id": str(export.pk)}
    try:
        # Without a name: whatever kills this process, nothing of it stays on the disk.
        with tempfile.TemporaryFile(prefix="export-") as file:
            work = _Work(export)
            _collect(work)
            _write(work, cast("BinaryIO", file), progress)
            _publish(work, cast("BinaryIO", file))
    except _Lost:
        log.info("person_export_gone", **facts)
    except UnknownSubject:
        requests.expire(export)
        log.info("person_export_of_nobody", **facts)
    except (_Forgotten, RetryableAudioError, RetryableCallError, RetryableMetricsError, OperationalError) as error:
        log.warning("person_export_put_off", error=type(error).__name__, **facts)
        _put_off(export)
    except Exception:
        requests.fail(export, UNEXPECTED)
        raise
    else:
        log.info("person_export_ready", calls=len(work.calls), **facts)


def _put_off(export: PersonExport) -> None:
    if export.attempts >= requests.MOST_ATTEMPTS:
        requests.fail(export, requests.GAVE_UP)
    mine = PersonExport.objects.filter(pk=export.pk, state=ExportState.RUNNING, attempts=export.attempts)
    mine.update(state=ExportState.WAITING, claimed_at=None)


def _collect(work: _Work) -> None:
    export = work.export
    work.subject = subjects.look(export.tenant_id, requests.asked_of(export))
    if forgotten.among(export.tenant_id, work.subject.person_keys):
        raise UnknownSubject("There is nobody of that name here.")
    shared = sorted(call_id for call_id, share in work.subject.calls.items() if _part(export, share) is Share.WHOLE)
    # So that an erasure of whoever else is in these calls finds this archive, too.
    work.tell(calls_total=len(work.subject.calls), subject={**export.subject, "others_in": shared})


def _write(work: _Work, target: BinaryIO, progress: Callable[[int, int], None]) -> None:
    made_at, subject, export = datetime.now(UTC), work.subject, work.export
    with Package(target, made_at=made_at) as package:

        def add(name: str, pieces: Iterable[bytes], about: str) -> None:
            package.add(name, _watched(work, pieces), about=about)

        total = len(subject.calls)
        add("README.txt", [contents.readme(made_at=made_at, calls=total)], "What is in this archive, in plain words")
        add("person.json", [contents.document(_person(subject))], "Who this is: names, addresses, ids")
        sessions = _sessions_of(subject)
        for number, call_id in enumerate(sorted(subject.calls), start=1):
            work.calls.append(_add_call(work, package, number, call_id, sessions.pop(call_id, None)))
            work.told()
            progress(number, total)
        add("consents.json", contents.array(_consents(subject)), "What was agreed to before recording")
        add("audit.json", contents.array(_acts(subject)), "What they did here themselves")
        add("metrics/segments.json", contents.array(_segments(subject)), "What was measured in the last day, in full")
        add("metrics/hours.json", contents.array(_hours(subject)), "What was measured, by the hour")
        add("metrics/dubbing_sessions.json", contents.array(_dubbed(subject)), "Live-dubbing sessions")
        manifest = contents.manifest(
            export_id=str(export.pk),
            requested_at=export.requested_at,
            made_at=made_at,
            includes_others=export.includes_others,
            files=list(package.packed),
            calls=work.calls,
            left_out=contents.left_out(others=work.others, calls=work.calls, is_colleague=subject.user_id is not None),
        )
        package.add("manifest.json", [manifest], about="")


def _publish(work: _Work, file: BinaryIO) -> None:
    """Send the archive, and let it be seen in the moment in which its row says that it is ready."""
    export = work.export
    digest = _digest_of(work, file)
    size = file.seek(0, 2)
    file.seek(0)
    sent = blobs.send(files.key_of(export), file, content_type=files.CONTENT_TYPE, told=work.told)
    try:
        with transaction.atomic():
            # First, because whoever forgets somebody waits for this transaction and then finds what it has made.
            if forgotten.among(export.tenant_id, {*work.people, *work.subject.person_keys}):
                raise _Forgotten
            mine = PersonExport.objects.select_for_update().filter(
                pk=export.pk, state=ExportState.RUNNING, attempts=export.attempts
            )
            if not mine.exists():
                raise _Lost
            blobs.finish(sent)
            now = timezone.now()
            mine.update(
                state=ExportState.READY,
                ready_at=now,
                expires_at=now + timedelta(days=PrivacyPolicy.of(export.tenant_id).export_days),
                claimed_at=None,
                calls_done=len(work.calls),
                size_bytes=size,
                sha256=digest,
            )
    except BaseException:
        # What became visible and is not the row's, because the database went away just then, is removed by the sweep.
        blobs.give_up(sent)
        raise


def _digest_of(work: _Work, file: BinaryIO) -> str:
    digest = hashlib.sha256()
    file.seek(0)
    for piece in _watched(work, pieces_of(file)):
        digest.update(piece)
    return digest.hexdigest()


def _watched(work: _Work, pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        work.told()
        yield piece


def _part(export: PersonExport, share: Share) -> Share:
    return Share.WHOLE if export.includes_others else share


def _add_call(work: _Work, package: Package, number: int, call_id: str, recorded: AudioSession | None) -> InArchive:
    """One call's folder: its words and its sound."""
    export, subject = work.export, work.subject
    share = _part(export, subject.calls[call_id])
    entry = InArchive(number, call_id, contents.part_in_words(share))
    folder = f"calls/{number:04d}"
    kept = store.find_kept(export.tenant_id, call_id)
    if kept is None:
        entry.without.append("The call itself: it is no more.")
    else:
        part = contents.part_of_call(kept, share, user_id=subject.user_id)
        work.others += part.others
        if share is Share.WHOLE:
            work.people |= set().union(*people_by_side(kept).values())
        text = call_files.as_text(part.call).encode("utf-8", errors="replace")
        package.add(f"{folder}/transcript.txt", [text], about="What was said")
        package.add(f"{folder}/call.json", [contents.call_json(part, share)], about="The call, for programs")
    if recorded is None:
        entry.without.append("Sound: none was recorded.")
    elif recorded.chunks.unfinished().exists():
        entry.without.append("Sound: it is still being transcribed, so nobody knows yet what of it is to be masked.")
    else:
        _add_sound(work, package, folder, recorded, entry)
    return entry


def _add_sound(work: _Work, package: Package, folder: str, recorded: AudioSession, entry: InArchive) -> None:
    share = _part(work.export, work.subject.sessions.get(str(recorded.pk), work.subject.calls[entry.call_id]))
    with tempfile.TemporaryFile(prefix="export-sound-") as file:
        sound = cast("BinaryIO", file)
        try:
            copies.write(recorded, sound, share=share, told=work.told)
        except NothingRecorded:
            is_over_age = recorded.sound_removed_at is not None
            entry.without.append(
                "Sound: it was removed after the time for which it is kept."
                if is_over_age
                else "Sound: none is stored."
            )
            return
        except UnknownCall:
            entry.without.append("Sound: its call is no more, by which one knew what of it is to be masked.")
            return
        sound.seek(0)
        name = f"{folder}/audio.{copies.EXTENSION}"
        package.add(name, _watched(work, pieces_of(sound)), about="The sound", is_compressed=True)


def _sessions_of(subject: Subject) -> dict[str, AudioSession]:
    """Call → its recording, of the calls that are theirs."""
    found: dict[str, AudioSession] = {}
    for some in _some_of(subject.calls):
        rows = AudioSession.objects.filter(tenant_id=subject.tenant_id, call_id__in=some)
        found |= {one.call_id: one for one in rows}
    return found


def _some_of(ids: Iterable[str]) -> Iterator[list[str]]:
    """All of them in order, so many at a time as a query may name."""
    ordered = sorted(ids)
    for start in range(0, len(ordered), _AT_ONCE):
        yield ordered[start : start + _AT_ONCE]


def _person(subject: Subject) -> dict[str, Any]:
    person = User.objects.of(subject.tenant_id).filter(pk=subject.user_id or 0).first()
    contact = Contact.objects.of(subject.tenant_id).filter(pk=subject.contact_id or 0).first()
    return {
        "colleague": person and _colleague(person),
        "customer": contact
        and {
            "id": contact.pk,
            "names": contact.names,
            "phones": contact.phones,
            "emails": contact.emails,
            "created_at": contact.created_at,
            "updated_at": contact.updated_at,
        },
        "identities": [identity._asdict() for identity in subject.identities],
    }


def _colleague(person: User) -> dict[str, Any]:
    return {
        "id": person.pk,
        "username": person.username,
        "name": person.name,
        "email": person.email,
        "role": person.role,
        "is_active": person.is_active,
        "joined_at": person.date_joined,
        "last_signed_in_at": person.last_login,
        "tokens": [
            {
                "name": token.name,
                "created_at": token.created_at,
                "expires_at": token.expires_at,
                "last_used_at": token.last_used_at,
                "revoked_at": token.revoked_at,
            }
            for token in person.tokens.all()
        ],
    }


def _consents(subject: Subject) -> Iterator[dict[str, Any]]:
    for some in _some_of(subject.sessions):
        rows = RecordingConsent.objects.filter(
            session__tenant_id=subject.tenant_id, session__in=[uuid.UUID(one) for one in some]
        )
        for row in rows.select_related("session").order_by("session", "at", "pk"):
            # It may be the customer's name.
            by = {} if subject.sessions[str(row.session_id)] is Share.AGENT else {"by": row.by}
            yield {"call_id": row.session.call_id, "at": row.at, "given": row.given, **by, "wording": row.wording}


def _acts(subject: Subject) -> Iterator[dict[str, Any]]:
    """What the audit log has of them, also under their pseudonym; of what it was done to only the kind of thing."""
    for key in subject.person_keys:
        names = {key, keyring.known_pseudonym(subject.tenant_id, key)} - {None}
        rows = AuditEntry.objects.of_chain(subject.tenant_id).filter(actor__in=names).order_by("-at")
        for row in rows.iterator(chunk_size=_AT_ONCE):
            yield {"at": row.at, "act": row.act, "via": row.via, "about": row.subject.partition(":")[0]}


def _measured_as(subject: Subject) -> Iterator[tuple[str, str | None]]:
    """What segments and dubbing sessions call them, and on which platform; None for all."""
    if subject.user_id is not None:
        yield person_keys.of_user(subject.user_id), None
    for identity in subject.identities:
        yield identity.external_user_id, identity.platform


def _segments(subject: Subject) -> Iterator[Mapping[str, Any]]:
    for user_id, platform in _measured_as(subject):
        for segment in recent.segments_of_user(subject.tenant_id, user_id, platform=platform):
            yield contents.measured(segment)


def _hours(subject: Subject) -> Iterator[Mapping[str, Any]]:
    """Those that are filled, and those that wait to be."""
    until = datetime.now(UTC) + timedelta(hours=1)
    for user_id, platform in _measured_as(subject):
        waiting = recent.waiting_of(subject.tenant_id, since=until - _DAYS_OF_DETAIL, until=until)
        for start, group, totals in recent.of_user(subject.tenant_id, user_id, hours=waiting):
            if platform in {None, group.platform}:
                yield contents.hour(start, group, totals)
        for row in hours.of_user(subject.tenant_id, user_id, datetime(1970, 1, 1, tzinfo=UTC), until):
            if row.start not in waiting and platform in {None, row.group.platform}:
                yield contents.hour_of(row)


def _dubbed(subject: Subject) -> Iterator[Mapping[str, Any]]:
    for user_id, platform in _measured_as(subject):
        before: dubbing.Position | None = None
        while True:
            page = dubbing.page_of(subject.tenant_id, user_id=user_id, limit=_AT_ONCE, before=before)
            for session in page.sessions:
                if platform in {None, session["platform"]}:
                    yield {name: value for name, value in session.items() if name != "tenant_id"}
            if not page.has_older or not page.sessions:
                break
            last = page.sessions[-1]
            before = dubbing.Position(last["started_at"], last["session_id"])
