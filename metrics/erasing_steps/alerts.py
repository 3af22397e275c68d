"""Alerts: places to tell that are somebody's e-mail address, what was sent there, and who saw to what.

A webhook whose URL has the address in it goes too. What alerts say is about nobody (`alerts/wording.py`); a delivery
that names an address all the same, as an older program may have left one, is removed.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import unquote

import orjson
from django.db.models import Q, TextField
from django.db.models.functions import Cast

from metrics.erasing import Progress, Subject, untold
from metrics.models import Alert, AlertDelivery, AlertDeliveryQuerySet, AlertQuerySet, Destination

# Before and after an address stands nothing that an address could have there.
_ADDRESS: Final = r"(?<![\w.%+-]){}(?![\w-]|\.\w)"


def count(subject: Subject) -> int:
    return (
        _acknowledged(subject).count()
        + len(_destinations(subject))
        + _deliveries_to(subject).count()
        + len(_deliveries_naming(subject))
    )


def erase(subject: Subject, *, progress: Progress = untold) -> int:
    erased = _acknowledged(subject).update(acknowledged_by=None)
    _, removed = AlertDelivery.objects.of(subject.tenant_id).filter(pk__in=_deliveries_naming(subject)).delete()
    erased += removed.get(AlertDelivery._meta.label, 0)
    # With what was sent there, and their place among those chosen for a rule.
    theirs = Destination.objects.filter(tenant=subject.tenant_id, pk__in=_destinations(subject))
    _, removed = theirs.delete()
    erased += removed.get(Destination._meta.label, 0) + removed.get(AlertDelivery._meta.label, 0)
    progress(erased)
    return erased


def search(subject: Subject) -> int:
    """By the database's own comparison, and of every row by its text."""
    found = 0
    if subject.user_id is not None:
        found += Alert.objects.filter(acknowledged_by=subject.user_id).count()
    names = _names_one_of(subject.emails)
    destinations = Destination.objects.filter(_containing("address", subject)).values_list("address", flat=True)
    found += sum(names(address) for address in destinations)
    payloads = AlertDelivery.objects.of(subject.tenant_id).annotate(text=Cast("payload", TextField()))
    return found + sum(
        names(text) for text in payloads.filter(_containing("text", subject)).values_list("text", flat=True)
    )


def _acknowledged(subject: Subject) -> AlertQuerySet:
    theirs = Alert.objects.of(subject.tenant_id)
    return theirs.none() if subject.user_id is None else theirs.filter(acknowledged_by=subject.user_id)


def _destinations(subject: Subject) -> list[int]:
    """A company has a few."""
    names = _names_one_of(subject.emails)
    of_company = Destination.objects.filter(tenant=subject.tenant_id)
    return [one.pk for one in of_company if names(one.address)]


def _deliveries_to(subject: Subject) -> AlertDeliveryQuerySet:
    return AlertDelivery.objects.of(subject.tenant_id).filter(destination__in=_destinations(subject))


def _deliveries_naming(subject: Subject) -> list[int]:
    """Those to other places."""
    if not subject.emails:
        return []
    names = _names_one_of(subject.emails)
    others = AlertDelivery.objects.of(subject.tenant_id).exclude(destination__in=_destinations(subject))
    return [
        pk for pk, payload in others.values_list("pk", "payload").iterator() if names(orjson.dumps(payload).decode())
    ]


def _names_one_of(emails: Iterable[str]) -> Callable[[str], bool]:
    """Whether a text names one of the addresses, in any case, also as an address in the web writes it."""
    forms = [re.compile(_ADDRESS.format(re.escape(email)), re.IGNORECASE) for email in emails]
    return lambda text: any(form.search(said) for form in forms for said in (text, unquote(text)))


def _containing(field: str, subject: Subject) -> Q:
    """Where at least the part before the @ stands somewhere; nowhere without an address."""
    wanted = Q(pk__in=[])
    for email in subject.emails:
        wanted |= Q(**{f"{field}__icontains": email.partition("@")[0]})
    return wanted & (Q(tenant=subject.tenant_id))
