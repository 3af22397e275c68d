"""What is masked of what people say and write in calls, and what is left alone."""

import pytest

from calls.redaction import KINDS, MASKS, originals_removed, redact
from tests.calls.redaction.examples import CARD, EMAIL, HARMLESS, NUMBER, PHONE, SENSITIVE
from tests.calls.redaction.saying import said


def masked(text, language="en", *, kinds=KINDS):
    return redact([said(text)], kinds, language)[0]["text"]


@pytest.mark.parametrize(("language", "text", "expected"), SENSITIVE, ids=lambda value: value[:40])
def test_personal_data_is_masked(language, text, expected):
    assert masked(text, language) == expected


@pytest.mark.parametrize(("language", "text"), HARMLESS, ids=lambda value: value[:40])
def test_what_only_looks_like_it_is_left_alone(language, text):
    assert masked(text, language) == text


def test_most_is_masked_and_little_else_whatever_the_language_is_said_to_be():
    """Calls are often filed under another language than they are in."""
    found = [masked(text, "xx") != text for _, text, _ in SENSITIVE]
    alarms = [masked(text, "xx") != text for _, text in HARMLESS]
    print(f"masked {sum(found)} of {len(found)}, false alarms {sum(alarms)} of {len(alarms)}")
    assert sum(found) >= 0.97 * len(found)
    assert sum(alarms) <= 0.03 * len(alarms)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("card", "4111 1111 1111 1111"),
        ("account", "DE89 3704 0044 0532 0130 00"),
        ("email", "john@example.com"),
        ("phone", "+44 20 7946 0958"),
        ("spoken_digits", "one nine three seven five five"),
    ],
)
def test_only_the_kinds_that_are_wanted_are_masked(kind, text):
    assert masked(text, kinds={kind}) == MASKS[kind]
    assert masked(text, kinds=KINDS - {kind}) != MASKS[kind]
    assert masked(text, kinds=()) == text


def test_a_kind_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="shoe_size"):
        redact([said("hello")], {"card", "shoe_size"}, "en")


@pytest.mark.parametrize("grouping", [(4, 4, 4, 4), (16,), (8, 8), (6, 10), (2,) * 8, (1,) * 16, (4, 6, 6), (5, 5, 6)])
@pytest.mark.parametrize("between", [" ", "-", ".", " - ", ", ", "\u00a0", "\u200b", "\u2011", ". "])
def test_a_card_is_one_in_whatever_groups_it_is_written(grouping, between):
    digits = iter("5555555555554444")
    groups = ["".join(next(digits) for _ in range(length)) for length in grouping]
    assert masked(f"It is {between.join(groups)} I think") == f"It is {CARD} I think"


@pytest.mark.parametrize("place", range(16))
def test_a_card_with_a_wrong_digit_is_none(place):
    digits = list("4111111111111111")
    digits[place] = str((int(digits[place]) + 1) % 10)
    assert masked("order " + "".join(digits)) == "order " + "".join(digits)
    assert masked(" ".join(digits)) == NUMBER


def test_no_issuer_has_cards_that_begin_so():
    assert masked("order 9999999999999995") == "order 9999999999999995"


def test_two_cards_are_two():
    both = redact([said("4111 1111 1111 1111 and 5555 5555 5555 4444")], KINDS, "en")[0]
    assert both["text"] == f"{CARD} and {CARD}"
    assert [one["original"] for one in both["redactions"]] == ["4111 1111 1111 1111", "5555 5555 5555 4444"]


def test_the_date_and_the_code_that_are_said_after_a_card_are_masked_with_it():
    assert masked("4111 1111 1111 1111 12 26 123, thanks") == f"{CARD} {NUMBER}, thanks"


def test_several_kinds_in_one_segment_are_masked_each_as_what_it_is():
    text = "I am john@example.com or +44 20 7946 0958, and the card is 4111-1111-1111-1111."
    assert masked(text) == f"I am {EMAIL} or {PHONE}, and the card is {CARD}."


@pytest.mark.parametrize(("language", "text", "expected"), SENSITIVE, ids=lambda value: value[:40])
def test_what_is_masked_is_looked_through_again_without_finding_more(language, text, expected):
    """Also where nobody knows any more what the masks hide."""
    segment = originals_removed(redact([said(text, words=True)], KINDS, language)[0])
    assert redact([segment], KINDS, language) == [segment]
    assert segment["text"] == expected
