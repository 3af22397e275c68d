"""What was done, told by whoever did it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils import timezone

from crm.audit import sealing
from crm.models import AuditEntry, User
from metrics import person_keys
from metrics.errors import RetryableMetricsError

LONGEST_SUBJECT = 400
# Where the id of an act's subject stands in the address, by the kind of thing.
_IN_ADDRESS: Mapping[str, str] = {
    "recording": "session_id",
    "dubbing_session": "session_id",
    "call": "call_id",
    "conversation": "conversation_id",
    "person": "person_id",
    "contact": "contact_id",
    "token": "token_id",
    "status": "status_id",
    "alert": "alert_id",
    "alert_rule": "kind",
    "destination": "destination_id",
    "delivery": "delivery_id",
    "erasure": "erasure_id",
    "hold": "hold_id",
    "person_export": "export_id",
}


def of_view(view: Any, method: str) -> str | None:
    """The act that a view, a page or a consumer declares for an HTTP method, of several the usual; None for none."""
    return next(iter(all_of_view(view, method)), None)


def all_of_view(view: Any, method: str) -> tuple[str, ...]:
    """The acts that may be done there by an HTTP method, the usual one first.

    A text is the act of looking at it, a mapping tells one for each method, or several.
    """
    declared = getattr(view, "audits", None)
    by_method = declared if isinstance(declared, Mapping) else {"GET": declared}
    told = by_method.get("GET" if method == "HEAD" else method)
    if told is None:
        return ()
    return (told,) if isinstance(told, str) else tuple(told)


def subject_of(act: str, address: Mapping[str, Any], answer: Any = None) -> str:
    """What the act is about, `{kind}:{id}`: by the address, or by the `id` in the answer when it has been made.

    The kind is the act's first word. Empty when the act is about nothing in particular, as a list is.
    """
    kind = act.partition(".")[0]
    thing = address.get(_IN_ADDRESS.get(kind, ""))
    if thing is None and isinstance(answer, Mapping):
        thing = answer.get("id")
    return f"{kind}:{thing}"[:LONGEST_SUBJECT] if thing is not None else ""


def is_still(act: str, *, actor: User, subject: str, within: timedelta) -> bool:
    """Whether the log has an entry of this act, by this person and about this thing, that is no older than `within`.

    Once it is sealed it names both by pseudonyms; while those cannot be made, the answer is no.
    """
    recent = AuditEntry.objects.of_chain(actor.tenant_id).filter(act=act, at__gt=timezone.now() - within)
    entry = AuditEntry(tenant_id=actor.tenant_id, act=act, actor=person_keys.of_user(actor.pk), subject=subject)
    if recent.filter(actor=entry.actor, subject=subject).exists():
        return True
    try:
        sealing.name_by_pseudonym(actor.tenant_id, [entry])
    except RetryableMetricsError:
        return False
    return recent.filter(actor=entry.actor, subject=entry.subject).exists()


def write(act: str, *, actor: User | None, subject: str = "", via: str, tenant_id: int | None = None) -> None:
    """Write down that `actor` did this; `tenant_id` is theirs when it is not given. Without an actor, a command did.

    Raises Django's OperationalError when the database cannot take it.
    """
    AuditEntry.objects.create(
        tenant_id=actor.tenant_id if actor and tenant_id is None else tenant_id,
        at=timezone.now(),
        act=act,
        via=via,
        actor=person_keys.of_user(actor.pk) if actor else "",
        subject=subject,
    )
