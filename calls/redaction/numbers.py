"""Numbers as they are said: words of several languages → digits. Pure.

Each language says 0 to 99; what people say of larger numbers is no card and no telephone. Words are compared without
case and accents. A language that there is no table for is looked at by all of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from calls.redaction.tokens import Sort, Token, are_joined, key_of
from calls.redaction.vocabulary import HESITATIONS


class Said(NamedTuple):
    """`tokens` words that say `digits`."""

    tokens: int
    digits: str


# Words for a single digit, by digit; further forms behind a bar.
_UNITS: Mapping[str, Sequence[str]] = {
    "en": ("zero|oh|o|nought|naught|nil", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine|niner"),
    "de": ("null", "eins|ein|eine", "zwei|zwo", "drei", "vier", "fünf|fuenf", "sechs", "sieben", "acht", "neun"),
    "fr": ("zéro", "un|une", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf"),
    "es": ("cero", "uno|un|una", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve"),
    "he": (
        "אפס",
        "אחת|אחד",
        "שתיים|שניים|שתים|שנים|שתי|שני",
        "שלוש|שלושה",
        "ארבע|ארבעה",
        "חמש|חמישה",
        "שש|שישה|ששה",
        "שבע|שבעה",
        "שמונה",
        "תשע|תשעה",
    ),
    "it": ("zero", "uno|un|una", "due", "tre", "quattro", "cinque", "sei", "sette", "otto", "nove"),
    "pt": ("zero", "um|uma", "dois|duas", "três", "quatro", "cinco", "seis|meia", "sete", "oito", "nove"),
    "nl": ("nul", "een|één", "twee", "drie", "vier", "vijf", "zes", "zeven", "acht", "negen"),
}

# Words for 10 to 19.
_TEENS: Mapping[str, Sequence[str]] = {
    "en": (
        "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
    ),
    "de": (
        "zehn", "elf", "zwölf|zwoelf", "dreizehn", "vierzehn", "fünfzehn|fuenfzehn", "sechzehn", "siebzehn",
        "achtzehn", "neunzehn",
    ),
    "fr": (
        "dix", "onze", "douze", "treize", "quatorze", "quinze", "seize", "dix sept", "dix huit", "dix neuf",
    ),
    "es": (
        "diez", "once", "doce", "trece", "catorce", "quince", "dieciséis|diez y seis", "diecisiete|diez y siete",
        "dieciocho|diez y ocho", "diecinueve|diez y nueve",
    ),
    "he": (
        "עשר|עשרה",
        "אחת עשרה|אחד עשר",
        "שתים עשרה|שתיים עשרה|שנים עשר|שניים עשר",
        "שלוש עשרה|שלושה עשר",
        "ארבע עשרה|ארבעה עשר",
        "חמש עשרה|חמישה עשר",
        "שש עשרה|שישה עשר",
        "שבע עשרה|שבעה עשר",
        "שמונה עשרה|שמונה עשר",
        "תשע עשרה|תשעה עשר",
    ),
    "it": (
        "dieci", "undici", "dodici", "tredici", "quattordici", "quindici", "sedici", "diciassette", "diciotto",
        "diciannove",
    ),
    "pt": (
        "dez", "onze", "doze", "treze", "catorze|quatorze", "quinze", "dezesseis|dezasseis", "dezessete|dezassete",
        "dezoito", "dezenove|dezanove",
    ),
    "nl": (
        "tien", "elf", "twaalf", "dertien", "veertien", "vijftien", "zestien", "zeventien", "achttien", "negentien",
    ),
}  # fmt: skip

# Words for 20, 30 … 90.
_TENS: Mapping[str, Sequence[str]] = {
    "en": ("twenty", "thirty", "forty|fourty", "fifty", "sixty", "seventy", "eighty", "ninety"),
    "de": (
        "zwanzig", "dreißig|dreissig|dreizig", "vierzig", "fünfzig|fuenfzig", "sechzig", "siebzig", "achtzig",
        "neunzig",
    ),
    "fr": (
        "vingt", "trente", "quarante", "cinquante", "soixante", "soixante dix|septante",
        "quatre vingt|quatre vingts|huitante|octante", "quatre vingt dix|nonante",
    ),
    "es": ("veinte", "treinta", "cuarenta", "cincuenta", "sesenta", "setenta", "ochenta", "noventa"),
    "he": ("עשרים", "שלושים", "ארבעים", "חמישים", "שישים|ששים", "שבעים", "שמונים", "תשעים"),
    "it": ("venti", "trenta", "quaranta", "cinquanta", "sessanta", "settanta", "ottanta", "novanta"),
    "pt": ("vinte", "trinta", "quarenta", "cinquenta", "sessenta", "setenta", "oitenta", "noventa"),
    "nl": ("twintig", "dertig", "veertig", "vijftig", "zestig", "zeventig", "tachtig", "negentig"),
}  # fmt: skip

# How 21 to 99 are made of a ten, or its stem, and a unit.
_COMPOUNDS: Mapping[str, Sequence[str]] = {
    "en": ("{ten} {unit}",),
    "de": ("{unit}und{ten}", "{unit} und {ten}"),
    "fr": ("{ten} {unit}", "{ten} et {unit}"),
    "es": ("{ten} y {unit}", "{stem}i{unit}"),
    "he": ("{ten} ו{unit}",),
    "it": ("{ten}{unit}", "{stem}{unit}"),
    "pt": ("{ten} e {unit}",),
    "nl": ("{unit}en{ten}", "{unit} en {ten}"),
}

# Tens of French that no unit goes with: 71 to 79 and 91 to 99 are made with teens.
_NO_UNIT_FOLLOWS = frozenset({"soixante dix", "quatre vingts", "quatre vingt dix"})

# "Double five" is 55.
_TIMES: Mapping[str, Mapping[str, int]] = {
    "en": {"double": 2, "triple": 3, "treble": 3, "quadruple": 4},
    "de": {"doppel": 2, "doppelt": 2, "zweimal": 2, "zwei mal": 2, "dreimal": 3, "drei mal": 3, "viermal": 4},
    "fr": {"double": 2, "triple": 3, "deux fois": 2, "trois fois": 3, "quatre fois": 4},
    "es": {"doble": 2, "triple": 3, "dos veces": 2, "tres veces": 3},
    "he": {"פעמיים": 2, "כפול": 2, "שלוש פעמים": 3},
    "it": {"doppio": 2, "triplo": 3, "due volte": 2},
    "pt": {"duplo": 2, "triplo": 3, "duas vezes": 2},
    "nl": {"dubbel": 2, "dubbele": 2, "driemaal": 3},
}

LANGUAGES = frozenset(_UNITS)


def _forms(words: str) -> list[str]:
    return words.split("|")


def _compounds(language: str) -> Iterator[tuple[str, str]]:
    """21 to 99 but the tens, and what of 70 to 99 French says by tens and teens."""
    units, tens, teens = _UNITS[language], _TENS[language], _TEENS[language]
    for place, all_tens in enumerate(tens, start=2):
        for ten in (form for form in _forms(all_tens) if form not in _NO_UNIT_FOLLOWS):
            for unit, all_units in enumerate(units[1:], start=1):
                for word in _forms(all_units):
                    for form in _COMPOUNDS[language]:
                        yield form.format(ten=ten, stem=ten[:-1], unit=word), f"{place}{unit}"
    if language == "fr":
        for base, place in (("soixante", 7), ("quatre vingt", 9)):
            for unit, all_teens in enumerate(teens[1:], start=1):
                for teen in _forms(all_teens):
                    yield f"{base} {teen}", f"{place}{unit}"
        yield "soixante et onze", "71"


def _phrases(language: str) -> Iterator[tuple[str, str]]:
    for digit, words in enumerate(_UNITS[language]):
        for word in _forms(words):
            yield word, str(digit)
    for unit, words in enumerate(_TEENS[language]):
        for word in _forms(words):
            yield word, f"1{unit}"
    for place, words in enumerate(_TENS[language], start=2):
        for word in _forms(words):
            yield word, f"{place}0"
    yield from _compounds(language)
    # "Eight hundred" opens a telephone number. Other languages say no such thing of single digits.
    if language == "en":
        for digit, words in enumerate(_UNITS[language][1:], start=1):
            for word in _forms(words):
                yield f"{word} hundred", f"{digit}00"


class Numbers:
    """The numbers of some languages: `at` finds the longest that is said from a token on."""

    def __init__(self, languages: Sequence[str]) -> None:
        self._numbers: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        self._times: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        for language in languages:
            for phrase, digits in _phrases(language):
                # "Um" is a digit in Portuguese alone.
                if len(languages) == 1 or key_of(phrase) not in HESITATIONS:
                    _add(self._numbers, phrase, digits)
            for phrase, times in _TIMES[language].items():
                _add(self._times, phrase, str(times))
        for table in (self._numbers, self._times):
            for phrases in table.values():
                phrases.sort(key=lambda phrase: -len(phrase[0]))

    def at(self, tokens: Sequence[Token], place: int) -> Said | None:
        key = tokens[place].key
        if key in self._times:
            times = _longest(self._times[key], tokens, place)
            if times is not None and (said := self._digit(tokens, place + times.tokens)) is not None:
                return Said(times.tokens + said.tokens, said.digits * int(times.digits))
        if key in self._numbers:
            return _longest(self._numbers[key], tokens, place)
        return None

    def _digit(self, tokens: Sequence[Token], place: int) -> Said | None:
        """The single digit that is said or written at a place."""
        if place >= len(tokens):
            return None
        token = tokens[place]
        if token.sort is Sort.NUMERAL:
            return Said(1, token.key) if len(token.key) == 1 else None
        for rest, digits in self._numbers.get(token.key, ()):
            if not rest and len(digits) == 1:
                return Said(1, digits)
        return None


def _add(table: dict[str, list[tuple[tuple[str, ...], str]]], phrase: str, value: str) -> None:
    first, *rest = (key_of(word) for word in phrase.split())
    entry = (tuple(rest), value)
    if entry not in table.setdefault(first, []):
        table[first].append(entry)


def _longest(phrases: Sequence[tuple[tuple[str, ...], str]], tokens: Sequence[Token], place: int) -> Said | None:
    for rest, value in phrases:
        taken = _follows(rest, tokens, place + 1)
        if taken is not None:
            return Said(1 + taken, value)
    return None


def _follows(rest: Sequence[str], tokens: Sequence[Token], place: int) -> int | None:
    """How many tokens the rest of a phrase takes in the same segment; a hyphen may stand between its words."""
    at = place
    for word in rest:
        if at < len(tokens) and tokens[at].key == "-" and are_joined(tokens[at - 1], tokens[at]):
            at += 1
        if at >= len(tokens) or tokens[at].key != word or tokens[at].segment != tokens[place - 1].segment:
            return None
        at += 1
    return at - place


def language_of(tag: str) -> str | None:
    """The language of a tag (`en`, `de-AT`), if there is a table for it."""
    base = tag.replace("_", "-").partition("-")[0].lower()
    return base if base in LANGUAGES else None


def numbers_of(tag: str) -> Numbers:
    """The numbers of a language; of all, where there is no table for it."""
    return _numbers(language_of(tag))


@lru_cache
def _numbers(language: str | None) -> Numbers:
    return Numbers(tuple(_UNITS) if language is None else (language,))
