"""Numbers that prove themselves: payment cards, IBANs. Pure."""

from collections.abc import Mapping, Sequence
from itertools import accumulate

# First digits → how many digits a card has, after ISO/IEC 7812 and what the schemes publish: Visa, Mastercard,
# Mir, American Express, Diners Club, JCB, Discover, UnionPay, Maestro, RuPay, UATP, Troy.
_ISSUERS: Sequence[tuple[str, str, range | tuple[int, ...]]] = (
    ("4", "4", (13, 16, 19)),
    ("2221", "2720", (16,)),
    ("51", "55", (16,)),
    ("2200", "2204", range(16, 20)),
    ("34", "34", (15,)),
    ("37", "37", (15,)),
    ("300", "305", range(14, 20)),
    ("3095", "3095", range(14, 20)),
    ("36", "36", range(14, 20)),
    ("38", "39", range(14, 20)),
    ("3528", "3589", range(16, 20)),
    ("6011", "6011", range(16, 20)),
    ("644", "649", range(16, 20)),
    ("65", "65", range(16, 20)),
    ("62", "62", range(16, 20)),
    ("60", "60", (16,)),
    ("508", "508", (16,)),
    ("81", "82", (16,)),
    ("50", "50", range(13, 20)),
    ("56", "58", range(13, 20)),
    ("61", "69", range(13, 20)),
    ("1", "1", (15,)),
    ("979200", "979289", (16,)),
)
_LONGEST_PREFIX = 6
CARD_LENGTHS = range(13, 20)

# Country → characters of its IBANs, after the registry of ISO 13616 (SWIFT, release 99).
IBAN_LENGTHS: Mapping[str, int] = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29,
    "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29,
    "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28,
    "HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20,
    "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19,
    "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29,
    "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24,
    "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
    "YE": 30,
}  # fmt: skip
LONGEST_IBAN = max(IBAN_LENGTHS.values())


def is_card(digits: str) -> bool:
    """Whether digits 0-9 are a payment card's number: an issuer's, of a length of that issuer's, and by Luhn's sum."""
    return len(digits) in CARD_LENGTHS and has_issuer(digits, len(digits)) and Luhn(digits).holds(0, len(digits))


def has_issuer(digits: str, length: int, *, start: int = 0) -> bool:
    """Whether some scheme issues cards of so many digits that begin as `digits` do from `start` on."""
    prefix = digits[start : start + _LONGEST_PREFIX]
    return any(length in lengths and first <= prefix[: len(first)] <= last for first, last, lengths in _ISSUERS)


class Luhn:
    """Luhn's sum over any stretch of digits, each told in constant time."""

    def __init__(self, digits: str) -> None:
        plain = [int(digit) for digit in digits]
        doubled = [2 * digit - 9 * (digit > 4) for digit in plain]
        # Sums up to each place, of the digits at even and at odd places doubled.
        self._even = [0, *accumulate(doubled[at] if at % 2 == 0 else plain[at] for at in range(len(plain)))]
        self._odd = [0, *accumulate(doubled[at] if at % 2 else plain[at] for at in range(len(plain)))]

    def holds(self, start: int, end: int) -> bool:
        """Every second digit from the one before the last on is doubled."""
        sums = self._odd if end % 2 else self._even
        return (sums[end] - sums[start]) % 10 == 0


def is_iban(characters: str) -> bool:
    """Whether ASCII letters and digits are an IBAN: of its country's length, and 1 modulo 97."""
    written = characters.upper()
    if IBAN_LENGTHS.get(written[:2]) != len(written) or not written[2:4].isdecimal():
        return False
    return int("".join(str(int(one, 36)) for one in written[4:] + written[:4])) % 97 == 1
