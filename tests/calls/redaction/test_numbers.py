"""Numbers as they are said in several languages."""

import pytest

from calls.redaction.numbers import LANGUAGES, numbers_of
from calls.redaction.tokens import tokenise

SAID = [
    ("en", "zero oh nought one nine", "00019"),
    ("en", "ten twelve nineteen twenty thirty-one forty two ninety nine", "10121920314299"),
    ("en", "double five triple oh quadruple 7", "550007777"),
    ("en", "one eight hundred five", "18005"),
    ("de", "null eins zwei zwo drei vier fünf sechs sieben acht neun", "01223456789"),
    ("de", "elf zwölf sechzehn siebzehn zwanzig einundzwanzig siebenunddreißig neunundneunzig", "1112161720213799"),
    ("de", "doppel sieben, zwei mal drei", "7733"),
    ("fr", "zéro un deux trois quatre cinq six sept huit neuf", "0123456789"),
    ("fr", "seize dix-sept vingt et un vingt-deux soixante", "1617212260"),
    ("fr", "soixante-dix soixante et onze soixante-dix-sept soixante-quinze", "70717775"),
    ("fr", "quatre-vingts quatre-vingt-un quatre-vingt-dix quatre-vingt-onze quatre-vingt-dix-neuf", "8081909199"),
    ("fr", "septante-deux huitante nonante et un", "728091"),
    ("es", "cero uno dos tres cuatro cinco seis siete ocho nueve", "0123456789"),
    ("es", "diez once dieciséis veinte veintiuno veintidós treinta y uno noventa y nueve", "1011162021223199"),
    ("es", "doble cero, triple cinco", "00555"),
    ("he", "אפס אחת שתיים שלוש ארבע חמש שש שבע שמונה תשע", "0123456789"),
    ("he", "עשר אחת עשרה שתים עשרה עשרים עשרים ואחת תשעים ותשע", "101112202199"),
    ("he", "אֶפֶס שָׁלוֹשׁ", "03"),
    ("it", "zero uno due dieci ventuno ventotto novantanove", "01210212899"),
    ("pt", "zero um dois meia dezesseis vinte e um noventa e nove", "0126162199"),
    ("nl", "nul een twee elf eenentwintig negenennegentig", "012112199"),
]


def heard(language, text):
    tokens, numbers, place, digits = tokenise(text), numbers_of(language), 0, ""
    while place < len(tokens):
        said = numbers.at(tokens, place)
        place += said.tokens if said else 1
        digits += said.digits if said else ""
    return digits


@pytest.mark.parametrize(("language", "text", "digits"), SAID, ids=lambda value: value[:30])
def test_what_is_said_is_heard_as_digits(language, text, digits):
    assert heard(language, text) == digits


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_a_tag_with_a_country_is_of_its_language(language):
    assert numbers_of(f"{language.upper()}-xx") is not None
    text = next(text for one, text, _ in SAID if one == language)
    assert heard(f"{language.upper()}_XX", text) == heard(language, text) != ""


@pytest.mark.parametrize("language", ["xx", "", "-", "pl-PL"])
def test_a_language_without_a_table_is_looked_at_by_all(language):
    assert heard(language, "vier oh sept cuatro חמש") == "40745"


def test_a_number_is_said_by_whole_words():
    assert heard("en", "someone tenant ones forte") == ""


def test_an_accent_or_a_capital_makes_no_other_word():
    assert heard("fr", "ZÉRO zero ze\u0301ro") == "000"
    assert heard("de", "FÜNFUNDDREISSIG fuenf") == "355"
