"""Numbers that prove themselves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls.redaction.checksums import IBAN_LENGTHS, Luhn, is_card, is_iban

IBANS = [
    "AT611904300234573201", "BE68539007547034", "CH9300762011623852957", "CZ6508000000192000145399",
    "DE89370400440532013000", "DK5000400440116243", "ES9121000418450200051332", "FI2112345600000785",
    "FR1420041010050500013M02606", "GB29NWBK60161331926819", "GR1601101250000000012300695", "IE29AIBK93115212345678",
    "IL620108000000099999999", "IT60X0542811101000000123456", "LU280019400644750000", "MT84MALT011000012345MTLCAST001S",
    "NL91ABNA0417164300", "NO9386011117947", "PL61109010140000071219812874", "PT50000201231234567890154",
    "SA0380000000608010167519", "SE4550000000058398257466", "TR330006100519786457841326",
]  # fmt: skip
CARDS = [
    "4111111111111111", "4012888888881881", "4222222222222", "5555555555554444", "5105105105105100",
    "2223003122003222", "378282246310005", "371449635398431", "6011111111111117", "6011000990139424",
    "30569309025904", "38520000023237", "3530111333300000", "3566002020360505", "6200000000000005",
    "6759649826438453", "135412345678911",
]  # fmt: skip


def luhn_by_the_book(digits):
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


@pytest.mark.parametrize("digits", CARDS)
def test_the_usual_numbers_for_trying_are_cards(digits):
    assert is_card(digits)


@pytest.mark.parametrize("digits", CARDS)
def test_with_any_digit_changed_or_missing_they_are_none(digits):
    for place in range(len(digits)):
        changed = str((int(digits[place]) + 3) % 10)
        assert not is_card(digits[:place] + changed + digits[place + 1 :])
    assert not is_card(digits[:-1] + str((int(digits[-1]) + 1) % 10))
    assert not is_card(digits[:10])
    assert not is_card(digits * 2)


@pytest.mark.parametrize("digits", ["", "0000000000000000", "9999999999999995", "7777777777777779"])
def test_what_no_scheme_issues_is_no_card(digits):
    assert not is_card(digits)


@given(st.text("0123456789", min_size=1, max_size=40), st.data())
def test_luhns_sum_holds_of_any_stretch_as_by_the_book(digits, data):
    start = data.draw(st.integers(0, len(digits) - 1))
    end = data.draw(st.integers(start + 1, len(digits)))
    assert Luhn(digits).holds(start, end) == luhn_by_the_book(digits[start:end])


@pytest.mark.parametrize("iban", IBANS)
def test_ibans_of_many_countries_are_ibans(iban):
    assert is_iban(iban)
    assert is_iban(iban.lower())


@pytest.mark.parametrize("iban", IBANS)
def test_an_iban_with_a_wrong_digit_or_length_is_none(iban):
    assert not is_iban(iban[:-1] + str((int(iban[-1], 36) + 1) % 10))
    assert not is_iban(iban[:-1])
    assert not is_iban(iban + "0")
    assert not is_iban("XX" + iban[2:])


def test_each_countrys_ibans_have_a_length_of_the_standards():
    assert len(IBAN_LENGTHS) >= 80
    assert all(15 <= length <= 34 for length in IBAN_LENGTHS.values())
