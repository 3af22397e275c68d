"""Who is to be erased, exported or kept: named in one of three ways, and what of every store is theirs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from audio import erasing as audio_erasing
from audio.speakers import SIDES
from calls import erasing as calls_erasing
from calls.erasing import waiting
from crm.contacts import email_key, resolve
from crm.errors import UnknownSubject
from crm.models import Contact, ContactKey, ErasureRequest, KeyKind, SubjectKind, User
from crm.people import HIGHEST_ID
from metrics import person_keys
from metrics.erasing import Identity, Share, Subject

LONGEST_NAME = 400


@dataclass(frozen=True, slots=True)
class Asked:
    """How somebody is named. Of a contact found by what a platform calls them, that stands here too."""

    kind: SubjectKind
    user_id: int | None = None
    contact_id: int | None = None
    platform: str = ""
    external_user_id: str = ""

    @property
    def named(self) -> dict[str, Any]:
        """As `ErasureRequest.subject` keeps it: the same for the same person, however a contact was found."""
        if self.kind == SubjectKind.USER:
            return {"user_id": self.user_id}
        if self.kind == SubjectKind.CONTACT:
            return {"contact_id": self.contact_id}
        return {"platform": self.platform, "external_user_id": self.external_user_id}


def asked_of(
    tenant_id: int,
    *,
    user_id: int | None = None,
    contact_id: int | None = None,
    platform: str | None = None,
    external_user_id: str | None = None,
) -> Asked:
    """Whom exactly one of the three ways names: `user_id`, `contact_id`, or `platform` and `external_user_id`.

    An id that a contact goes by is that contact. Somebody whose account or contact was removed is still there while
    calls name them. Raises UnknownSubject, and BadPersonKey for an id that nobody can have.
    """
    ways = [user_id is not None, contact_id is not None, bool(platform or external_user_id)]
    if sum(ways) != 1:
        raise UnknownSubject("Name somebody by a user's id, a contact's id, or a platform and the id there.")
    if user_id is not None:
        return _user(tenant_id, user_id)
    if contact_id is not None:
        return _contact(tenant_id, contact_id)
    platform, external_user_id = platform or "", external_user_id or ""
    person_keys.of_external(platform, external_user_id)
    contact = resolve(tenant_id, platform, external_user_id)
    if contact is not None:
        return Asked(SubjectKind.CONTACT, None, contact.pk, platform, external_user_id)
    return Asked(SubjectKind.EXTERNAL, None, None, platform, external_user_id)


def asked_by(request: ErasureRequest) -> Asked:
    """Whom a request that has not ended is about, as of now: an id may have become a contact's since.

    Not so for a replay: a backup may have the id with a contact who is somebody else.
    """
    asked = Asked(kind=SubjectKind(request.kind), **request.subject)
    if asked.kind == SubjectKind.EXTERNAL and not request.is_replay:
        return asked_of(request.tenant_id, platform=asked.platform, external_user_id=asked.external_user_id)
    return asked


def is_named_by(subject: Subject, named: Mapping[str, Any]) -> bool:
    """Whether that is whom `ErasureRequest.subject` names."""
    if named.get("user_id") is not None:
        return bool(named["user_id"] == subject.user_id)
    if named.get("contact_id") is not None:
        return bool(named["contact_id"] == subject.contact_id)
    return bool(named) and Identity(named["platform"], named["external_user_id"]) in subject.identities


def name_of(tenant_id: int, asked: Asked) -> str:
    """What people read; of a contact found by an id, with that id."""
    if asked.kind == SubjectKind.USER:
        user = User.objects.of(tenant_id).filter(pk=asked.user_id or 0).first()
        return (str(user) if user else f"Colleague {asked.user_id}")[:LONGEST_NAME]
    by_id = f"{asked.external_user_id} on {asked.platform}" if asked.external_user_id else ""
    if asked.kind == SubjectKind.EXTERNAL:
        return by_id[:LONGEST_NAME]
    contact = Contact.objects.of(tenant_id).filter(pk=asked.contact_id or 0).first()
    name = str(contact) if contact else f"Contact {asked.contact_id}"
    return (f"{name} ({by_id})" if by_id else name)[:LONGEST_NAME]


def who(tenant_id: int, asked: Asked) -> Subject:
    """Everything they go by, without what is theirs; of somebody who is gone, what they were asked for by."""
    if asked.kind == SubjectKind.USER:
        user = User.objects.of(tenant_id).filter(pk=asked.user_id or 0).first()
        emails = {email_key(user.email)} - {""} if user else set()
        return Subject(tenant_id, user_id=asked.user_id, emails=_own_emails(tenant_id, emails, user_id=asked.user_id))
    if asked.kind == SubjectKind.EXTERNAL:
        return Subject(tenant_id, identities=(Identity(asked.platform, asked.external_user_id),))
    named = [Identity(asked.platform, asked.external_user_id)] if asked.external_user_id else []
    contact = Contact.objects.of(tenant_id).filter(pk=asked.contact_id or 0).first()
    if contact is None:
        return Subject(tenant_id, contact_id=asked.contact_id, identities=tuple(named))
    pairs = contact.identities.values_list("platform", "external_user_id").order_by("platform", "external_user_id")
    keys = {kind: set(contact.keys.filter(kind=kind).values_list("value", flat=True)) for kind in KeyKind}
    return Subject(
        tenant_id,
        contact_id=contact.pk,
        identities=tuple(dict.fromkeys([*(Identity(*pair) for pair in pairs), *named])),
        phone_keys=tuple(sorted(keys[KeyKind.PHONE] - _of_others(tenant_id, KeyKind.PHONE, keys, contact.pk) - {""})),
        emails=_own_emails(tenant_id, keys[KeyKind.EMAIL], contact_id=contact.pk),
    )


def of_request(request: ErasureRequest) -> Subject:
    """Everything that whom a request is about goes by, without what is theirs.

    Of a contact that was removed since they were asked for, what it went by then (`remembered`).
    """
    tenant_id = request.tenant_id
    subject = who(tenant_id, asked_by(request))
    if "asked" in request.plan and not Contact.objects.of(tenant_id).filter(pk=subject.contact_id or 0).exists():
        then = from_json(tenant_id, request.plan["asked"])
        others = [one for one in then.identities if resolve(tenant_id, *one)]
        identities = tuple(one for one in then.identities if one not in others)
        subject = merged(subject, replace(then, identities=identities))
    return without_what_others_have(subject)


def remembered(tenant_id: int, asked: Asked) -> dict[str, Any]:
    """What `ErasureRequest.plan` keeps from the beginning, of a contact: that may be removed before its turn comes."""
    if asked.kind != SubjectKind.CONTACT:
        return {}
    return {"asked": as_json(who(tenant_id, asked))}


def without_what_others_have(subject: Subject) -> Subject:
    """The same person without the phones and addresses that somebody else in the company has got meanwhile."""
    taken = ContactKey.objects.filter(tenant_id=subject.tenant_id, kind=KeyKind.PHONE, value__in=subject.phone_keys)
    phones = set(taken.exclude(contact=subject.contact_id or 0).values_list("value", flat=True))
    own = _own_emails(subject.tenant_id, subject.emails, user_id=subject.user_id, contact_id=subject.contact_id)
    return replace(
        subject,
        phone_keys=tuple(one for one in subject.phone_keys if one not in phones),
        emails=tuple(one for one in subject.emails if one in own),
    )


def look(tenant_id: int, asked: Asked) -> Subject:
    """Everything they go by, and what is theirs now. Changes nothing.

    Raises RetryableCallError, RetryableAudioError while it cannot be told.
    """
    return with_what_is_theirs(who(tenant_id, asked))


def with_what_is_theirs(subject: Subject) -> Subject:
    """The same person with the calls and recordings that are theirs now. Raises as `look`.

    A call goes by sides when all who speak in it are agent or client and each of its recordings has a channel for
    either; otherwise whole, and its recordings with it.
    """
    calls = {
        call.call_id: call.side if call.sides_known and not call.other_side_is_gone else Share.WHOLE
        for call in calls_erasing.find(
            subject.tenant_id,
            user_id=subject.user_id,
            contact_id=subject.contact_id,
            identities=subject.identities,
            phone_keys=subject.phone_keys,
        )
    }
    # What is about to become a call; by its id it is kept from it. Sent again, it may be one already.
    for conversation_id in waiting.of_client(subject):
        calls.setdefault(conversation_id, subject.calls.get(conversation_id, Share.WHOLE))
    known = {**subject.calls, **calls}
    recorded = audio_erasing.find(subject.tenant_id, user_id=subject.user_id, call_ids=list(known))
    for one in recorded:
        if one.channels != len(SIDES):
            calls[one.call_id] = Share.WHOLE
        elif one.call_id not in known:
            # They recorded it, and the call says nothing of them.
            calls.setdefault(one.call_id, Share.AGENT)
    known |= calls
    return replace(subject, calls=calls, sessions={one.session_id: known[one.call_id] for one in recorded})


def merged(known: Subject, found: Subject) -> Subject:
    """Both together, of one person: what was known before something of it was erased, and what is found since.

    A call that is whole theirs in one of them is so altogether.
    """
    return replace(
        known,
        user_id=found.user_id if known.user_id is None else known.user_id,
        contact_id=found.contact_id if known.contact_id is None else known.contact_id,
        identities=_either(known.identities, found.identities),
        phone_keys=_either(known.phone_keys, found.phone_keys),
        emails=_either(known.emails, found.emails),
        calls=_larger(known.calls, found.calls),
        sessions=_larger(known.sessions, found.sessions),
    )


def as_json(subject: Subject) -> dict[str, Any]:
    """As `ErasureRequest.plan` keeps it."""
    return {
        "user_id": subject.user_id,
        "contact_id": subject.contact_id,
        "identities": [list(identity) for identity in subject.identities],
        "phone_keys": list(subject.phone_keys),
        "emails": list(subject.emails),
        "calls": dict(subject.calls),
        "sessions": dict(subject.sessions),
    }


def from_json(tenant_id: int, kept: Mapping[str, Any]) -> Subject:
    return Subject(
        tenant_id,
        user_id=kept["user_id"],
        contact_id=kept["contact_id"],
        identities=tuple(Identity(*pair) for pair in kept["identities"]),
        phone_keys=tuple(kept["phone_keys"]),
        emails=tuple(kept["emails"]),
        calls={call_id: Share(share) for call_id, share in kept["calls"].items()},
        sessions={session_id: Share(share) for session_id, share in kept["sessions"].items()},
    )


def _user(tenant_id: int, user_id: int) -> Asked:
    asked = Asked(SubjectKind.USER, user_id=user_id)
    known = 0 < user_id <= HIGHEST_ID
    if known and User.objects.of(tenant_id).filter(pk=user_id).exists():
        return asked
    # Another company's, and who runs the site, is nobody here.
    if known and not User.objects.filter(pk=user_id).exists() and _is_named(tenant_id, asked):
        return asked
    raise UnknownSubject("There is nobody with this id in your company.")


def _contact(tenant_id: int, contact_id: int) -> Asked:
    asked = Asked(SubjectKind.CONTACT, contact_id=contact_id)
    known = 0 < contact_id <= HIGHEST_ID
    if known and Contact.objects.of(tenant_id).filter(pk=contact_id).exists():
        return asked
    if known and not Contact.objects.filter(pk=contact_id).exists() and _is_named(tenant_id, asked):
        return asked
    raise UnknownSubject(f"There is no contact {contact_id}.")


def _is_named(tenant_id: int, asked: Asked) -> bool:
    """Whether a call or a recording is theirs, though their own row is gone."""
    subject = look(tenant_id, asked)
    return bool(subject.calls or subject.sessions)


def _of_others(tenant_id: int, kind: KeyKind, keys: Mapping[KeyKind, set[str]], contact_id: int) -> set[str]:
    """Those that another contact of the company has too: a family may share a phone."""
    shared = ContactKey.objects.filter(tenant_id=tenant_id, kind=kind, value__in=keys[kind])
    return set(shared.exclude(contact=contact_id).values_list("value", flat=True))


def _own_emails(
    tenant_id: int, emails: Iterable[str], *, user_id: int | None = None, contact_id: int | None = None
) -> tuple[str, ...]:
    """Those that nobody else in the company has, neither a colleague nor a contact."""
    wanted = set(emails)
    if not wanted:
        return ()
    shared = ContactKey.objects.filter(tenant_id=tenant_id, kind=KeyKind.EMAIL, value__in=wanted)
    taken = set(shared.exclude(contact=contact_id or 0).values_list("value", flat=True))
    colleagues = User.objects.of(tenant_id).exclude(pk=user_id or 0).values_list("email", "username")
    # Some sign in by an address.
    taken |= {email_key(name) for names in colleagues for name in names} & wanted
    return tuple(sorted(wanted - taken))


def _either(ours: Iterable[Any], theirs: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys([*ours, *theirs]))


def _larger(ours: Mapping[str, Share], theirs: Mapping[str, Share]) -> dict[str, Share]:
    both = dict(ours)
    for thing, share in theirs.items():
        both[thing] = share if both.get(thing, share) == share else Share.WHOLE
    return both
