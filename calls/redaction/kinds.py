"""The kinds of personal data that are masked, and what is put in their place; those that say more come first."""

from collections.abc import Mapping

CARD, ACCOUNT, EMAIL, PHONE, SPOKEN_DIGITS = "card", "account", "email", "phone", "spoken_digits"

MASKS: Mapping[str, str] = {
    CARD: "[card number]",
    ACCOUNT: "[account number]",
    EMAIL: "[e-mail]",
    PHONE: "[phone number]",
    SPOKEN_DIGITS: "[number]",
}
KINDS = frozenset(MASKS)
RANKS: Mapping[str, int] = {kind: rank for rank, kind in enumerate(MASKS)}
MASKS_OF_DIGITS = frozenset(MASKS[kind] for kind in KINDS - {EMAIL})
