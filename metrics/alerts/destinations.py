"""Where a company is told: made, changed, taken away."""

import base64
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from metrics import addresses
from metrics.errors import BadDestination, DestinationTaken, UnknownDestination
from metrics.models import Destination, DestinationKind
from metrics.models.deliveries import LONGEST_ADDRESS, make_salt

MOST = 20
_LARGEST_ID = 2**63 - 1


def of(tenant_id: int) -> list[Destination]:
    """A company's, in the order in which they were made."""
    return list(Destination.objects.filter(tenant=tenant_id))


def find(tenant_id: int, destination_id: int) -> Destination:
    """Raises UnknownDestination."""
    theirs = Destination.objects.filter(tenant=tenant_id)
    found = theirs.filter(pk=destination_id).first() if 0 < destination_id <= _LARGEST_ID else None
    if found is None:
        raise UnknownDestination(f"There is no destination {destination_id}.")
    return found


def create(tenant_id: int, *, kind: str, address: str) -> Destination:
    """A new one, told from now on. Raises BadDestination, DestinationTaken."""
    address = checked(kind, address)
    if Destination.objects.filter(tenant=tenant_id).count() >= MOST:
        raise DestinationTaken(f"A company has {MOST} destinations at most. Remove one that nobody reads.")
    try:
        with transaction.atomic():
            return Destination.objects.create(tenant_id=tenant_id, kind=kind, address=address)
    except IntegrityError as taken:
        said = "Alerts go there already."
        raise DestinationTaken(said, fields={"address": [said]}) from taken


def change(tenant_id: int, destination_id: int, values: Mapping[str, Any]) -> Destination:
    """Switch it on or off; what waits for one that is off is sent all the same. Raises UnknownDestination."""
    destination = find(tenant_id, destination_id)
    if "is_on" in values:
        destination.is_on = values["is_on"]
        destination.save(update_fields=["is_on"])
    return destination


def remove(tenant_id: int, destination_id: int) -> None:
    """Take it away, with the log of what was sent there. Raises UnknownDestination."""
    find(tenant_id, destination_id).delete()


def make_secret(tenant_id: int, destination_id: int) -> str:
    """A new secret for a webhook, whose former one is used no more. Raises UnknownDestination, BadDestination."""
    destination = find(tenant_id, destination_id)
    if destination.kind != DestinationKind.WEBHOOK:
        raise BadDestination("Only webhooks are signed, and have a secret.")
    destination.salt = make_salt()
    destination.save(update_fields=["salt"])
    return secret_of(destination)


def secret_of(destination: Destination) -> str:
    """What a webhook's messages are signed with, as the Standard Webhooks write it: `whsec_` and base64."""
    message = f"webhook\0{destination.pk}\0{destination.salt}".encode()
    return f"whsec_{base64.b64encode(hmac.digest(settings.SECRET_KEY.encode(), message, 'sha256')).decode()}"


def checked(kind: str, address: str) -> str:
    """The address as it is kept. Raises BadDestination for one that cannot be right."""
    address = address.strip()
    wrong = _wrong_with_url(address) if kind == DestinationKind.WEBHOOK else _wrong_with_email(address)
    if len(address) > LONGEST_ADDRESS:
        wrong = f"At most {LONGEST_ADDRESS} characters."
    if wrong:
        raise BadDestination(wrong, fields={"address": [wrong]})
    return address


def _wrong_with_email(address: str) -> str:
    try:
        validate_email(address)
    except ValidationError:
        return "This is no e-mail address."
    return ""


def _wrong_with_url(url: str) -> str:
    """What is wrong with it, as far as can be told without asking anybody for the name's addresses."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "This is no URL."
    wrong = ""
    if parts.scheme not in {"http", "https"} or not host:
        wrong = "A URL begins with https:// or http:// and names a host."
    elif not url.isascii() or not url.isprintable() or " " in url:
        wrong = "A URL has no spaces and no letters but English ones; write others in their encoded form."
    elif parts.username or parts.password:
        wrong = "A URL with a password in it would be shown to whoever sees this page. Leave it out."
    elif parts.fragment:
        wrong = "Leave out what follows the #: it is never sent."
    elif addresses.is_private_by_name(host) and not settings.EARSHOT_WEBHOOKS_TO_PRIVATE:
        wrong = (
            "This leads into a private network, which is not allowed on this server. Whoever runs it allows it by "
            "EARSHOT_WEBHOOKS_TO_PRIVATE=1."
        )
    return wrong
