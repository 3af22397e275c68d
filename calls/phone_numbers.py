"""Phones: how one that was typed is compared with another. Nothing is known here of countries."""

import re
import unicodedata

# E.164 allows fifteen digits; extensions and internal numbers have few.
PHONE_DIGITS = range(3, 21)
LONGEST_PHONE = 64
_LIKE_A_PHONE = re.compile(r"\+?[\s()./-]*\d[\d\s()./-]*")


def phone_key(phone: str) -> str:
    """Its digits, with a leading + if it was typed or 00 stood for it; "" when there are none.

    "040 1234" and "+49 40 1234" are two phones.
    """
    plain = unicodedata.normalize("NFKC", phone).strip()
    digits = "".join(str(unicodedata.decimal(sign)) for sign in plain if sign.isdecimal())
    if plain.startswith("00"):
        return f"+{digits[2:]}"
    return f"+{digits}" if plain.startswith("+") and digits else digits


def is_phone(phone: str) -> bool:
    """Whether it is digits and what people put between them, neither too few nor too many."""
    return (
        len(phone) <= LONGEST_PHONE
        and looks_like_one(unicodedata.normalize("NFKC", phone).strip())
        and len(phone_key(phone).strip("+")) in PHONE_DIGITS
    )


def looks_like_one(text: str) -> bool:
    """Whether it is written as a phone is, of whatever length; perhaps only how one begins."""
    return _LIKE_A_PHONE.fullmatch(text) is not None
