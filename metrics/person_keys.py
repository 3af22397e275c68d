"""How a person is named to the keyring and the registers of the forgotten, in one place.

`user:{id}`, `contact:{id}`, `external:{platform}:{external_user_id}`; an id that a caller sent is the caller's own
string. A person key is personal data: it is hashed under a secret before it is kept, and it is in no log.
"""

import re

from metrics.errors import BadPersonKey

# 64 characters of platform, each perhaps escaped, and 255 of the caller's id, with room.
LONGEST = 512
_FORM = re.compile(r"user:[0-9]{1,19}|contact:[0-9]{1,19}|external:[^:]+:.+", re.DOTALL)


def of_user(user_id: int) -> str:
    return checked(f"user:{user_id}")


def of_contact(contact_id: int) -> str:
    return checked(f"contact:{contact_id}")


def of_external(platform: str, external_user_id: str) -> str:
    """A colon in the platform's name is escaped, so that no two pairs share a key."""
    return checked(f"external:{platform.replace('%', '%25').replace(':', '%3A')}:{external_user_id}")


def external_of(person_key: str) -> tuple[str, str]:
    """The platform and the id there that such a key was made of."""
    _, platform, external_user_id = person_key.split(":", 2)
    return platform.replace("%3A", ":").replace("%25", "%"), external_user_id


def checked(person_key: str) -> str:
    """The key itself; raises BadPersonKey for what is none."""
    if len(person_key) > LONGEST or not _FORM.fullmatch(person_key) or not is_encodable(person_key):
        raise BadPersonKey(f"A person is user:…, contact:… or external:platform:…, of at most {LONGEST} characters.")
    return person_key


def is_encodable(text: str) -> bool:
    """Whether UTF-8 has bytes for it: half a surrogate pair has none."""
    return not any("\ud800" <= character <= "\udfff" for character in text)
