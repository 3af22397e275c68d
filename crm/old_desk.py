"""What an older installation's users and statuses say, read as ours. Pure.

Programs differed in what they called things; what is not understood is told, and never guessed to mean more rights.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from calls.phone_numbers import is_phone
from crm import contacts
from crm.roles import Role
from metrics import person_keys

# Old numbers were counted up from 1. One that is larger is a mistake, after which our own would go on.
HIGHEST_NUMBER = 10**12
USUAL_COLOR = "#7c8595"

_ROLES: Mapping[str, Role] = {
    **dict.fromkeys(["admin", "administrator", "owner", "superadmin", "superuser"], Role.ADMIN),
    **dict.fromkeys(["supervisor", "manager", "team_lead", "teamlead", "team_leader"], Role.SUPERVISOR),
    **dict.fromkeys(["privacy", "dpo", "data_protection"], Role.PRIVACY),
    **dict.fromkeys(["integration", "api", "bot", "service", "system"], Role.INTEGRATION),
    **dict.fromkeys(["agent", "operator", "employee", "staff", "support", "sales", "user"], Role.AGENT),
}
_CUSTOMERS = frozenset({"customer", "client", "contact", "end_user"})
_NO = frozenset({"", "0", "false", "no", "none", "null"})
_ENDED = frozenset({"inactive", "disabled", "blocked", "deleted", "archived"})
_NOT_IN_USERNAMES = re.compile(r"[^\w.@+-]+")
_COLOR = re.compile(r"#?([0-9a-fA-F]{6}|[0-9a-fA-F]{3})")


@dataclass(frozen=True, slots=True)
class OldPerson:
    """`role` is None for customers, who become contacts. `username` is empty for them."""

    number: int
    name: str
    role: Role | None
    username: str
    emails: list[str]
    phones: list[str]
    is_active: bool


@dataclass(frozen=True, slots=True)
class OldStatus:
    number: int
    name: str
    description: str
    color: str
    position: int
    deleted: bool


class Unreadable(Exception):
    """Why nothing can be made of a document."""


def company_of(document: Mapping[str, Any]) -> int | None:
    """The number of the company that a document names, as the older installation counted; None for none."""
    told = document.get("tenant_id")
    return None if told is None else _number(told) or 0


def person_in(document: Mapping[str, Any]) -> OldPerson:
    """Raises Unreadable."""
    number = _number_of(document)
    emails = [email for email in _texts(document, "email", "emails", longest=254) if _is_email(email)]
    role = _role_of(document)
    username = _text(document, "username", "login", "user_name", longest=150) or (emails[0] if emails else "")
    return OldPerson(
        number=number,
        name=_name_of(document),
        role=role,
        username="" if role is None else _NOT_IN_USERNAMES.sub("-", username)[:150] or f"user-{number}",
        emails=emails[: contacts.MOST_EMAILS],
        phones=[
            phone
            for phone in _texts(document, "phone", "phones", "phone_number", "mobile", longest=40)
            if is_phone(phone)
        ][: contacts.MOST_PHONES],
        is_active=_is_active(document),
    )


def status_in(document: Mapping[str, Any]) -> OldStatus:
    """Raises Unreadable."""
    number = _number_of(document)
    name = _text(document, "name", "title", longest=80)
    if not name:
        raise Unreadable("it has no name")
    color = _COLOR.fullmatch(_text(document, "color", "colour", longest=10))
    digits = color[1].lower() if color else ""
    return OldStatus(
        number=number,
        name=name,
        description=_text(document, "description", longest=400),
        color=f"#{digits if len(digits) == 6 else ''.join(2 * digit for digit in digits)}" if digits else USUAL_COLOR,
        position=min(_number(document.get("position")) or 0, 2**31 - 1),
        deleted=_is(document, "deleted", "is_deleted"),
    )


def _number_of(document: Mapping[str, Any]) -> int:
    number = _number(document["id"] if document.get("id") is not None else document.get("_id"))
    if number is None or not 0 < number <= HIGHEST_NUMBER:
        raise Unreadable("it has no number")
    return number


def _number(value: Any) -> int | None:
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 and not isinstance(value, bool) else None


def _role_of(document: Mapping[str, Any]) -> Role | None:
    """What the document calls them; where it does not, whoever has a way to sign in is an agent."""
    told = [
        _text(document, name, longest=40).casefold().replace(" ", "_").replace("-", "_") for name in ("role", "type")
    ]
    if any(word in _CUSTOMERS for word in told):
        return None
    known = next((_ROLES[word] for word in told if word in _ROLES), None)
    if known is not None:
        return known
    can_sign_in = any(document.get(name) for name in ("username", "login", "user_name", "password", "password_hash"))
    return Role.AGENT if can_sign_in else None


def _name_of(document: Mapping[str, Any]) -> str:
    parts = [_text(document, name, longest=75) for name in ("first_name", "last_name")]
    return _text(document, "name", "full_name", longest=150) or " ".join(part for part in parts if part)


def _is_active(document: Mapping[str, Any]) -> bool:
    if _is(document, "deleted", "is_deleted") or _text(document, "status", longest=40).casefold() in _ENDED:
        return False
    told = [document[name] for name in ("active", "is_active", "enabled") if document.get(name) is not None]
    return all(str(value).strip().casefold() not in _NO for value in told)


def _is(document: Mapping[str, Any], *names: str) -> bool:
    return any(str(document.get(name, "")).strip().casefold() not in _NO for name in names)


def _is_email(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True


def _text(document: Mapping[str, Any], *names: str, longest: int) -> str:
    """The first of the fields that has a text, on one line."""
    return next(iter(_texts(document, *names, longest=longest)), "")


def _texts(document: Mapping[str, Any], *names: str, longest: int) -> list[str]:
    values = [value for name in names for value in _listed(document.get(name))]
    texts = [" ".join(str(value).replace("\0", "").split()) for value in values if isinstance(value, str | int)]
    return list(dict.fromkeys(text[:longest] for text in texts if text and person_keys.is_encodable(text)))


def _listed(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list) else [] if isinstance(value, bool) else [value]
