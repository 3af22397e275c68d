"""Whatever the text is, masking is done once, takes time in proportion, and touches nothing else."""

import sys
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calls.redaction import KINDS, MASKS, originals_removed, redact, restored
from calls.redaction.runs import stands_between
from calls.redaction.tokens import tokenise
from tests.calls.redaction.examples import HARMLESS, SENSITIVE
from tests.calls.redaction.saying import said
from tests.scale import scaled

LANGUAGES = ["en", "de", "fr", "es", "he", "de-AT", "xx", ""]
# What personal data is made of, so that much of it comes about by chance.
FRAGMENTS = [
    *(text for _, text, _ in SENSITIVE[::5]),
    *(text for _, text in HARMLESS[::8]),
    *["4", "1", "41", "4111", "one", "double", "oh", "at", "@", "dot", ".", "-", ",", "+", "(", ")", "/", "um", "and"],
    *["yes", "phone", "account", "order", "$", "dollars", "[number]", "DE", "89"],
    "\u200b", "\u0301", "\u0660\u0661", "ß", "İ", "ﬁ", "²", "\x00",
]  # fmt: skip

texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=3)), max_size=12).map(" ".join),
    st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join),
)


@st.composite
def conversations(draw):
    """Some segments in order of time, with words or without."""
    segments, at = [], 0.0
    for text in draw(st.lists(texts, max_size=6)):
        at += draw(st.sampled_from([0.0, 1.0, 3.0, 8.0, 20.0]))
        speaker = draw(st.sampled_from(["agent", "client"]))
        segments.append(said(text, at=at, speaker=speaker, words=draw(st.booleans())))
    return segments


def masked_parts(segment):
    """Where in what was said something is masked: from a character to before another."""
    found, longer = [], 0
    for one in segment.get("redactions", []):
        start = one["start"] + longer
        longer += len(one["original"]) - len(MASKS[one["kind"]])
        found.append((start, one["end"] + longer))
    return found


def tells_more(segment, other):
    """What a segment shows that is masked in the other, but what is said between parts of a number."""
    there = masked_parts(segment)
    hidden = masked_parts(other)
    return [
        token
        for token in tokenise(restored(segment))
        if any(start <= token.start and token.end <= end for start, end in hidden)
        and not any(start <= token.start and token.end <= end for start, end in there)
        and not stands_between(token)
    ]


def is_sound(segment):
    """Whether each redaction is about the mask that it says it is about, in order, and words spell the text."""
    redactions = segment.get("redactions", [])
    return (
        all(segment["text"][one["start"] : one["end"]] == MASKS[one["kind"]] for one in redactions)
        and all(one["end"] <= following["start"] for one, following in pairwise(redactions))
        and ("words" not in segment or " ".join(word["text"] for word in segment["words"]) == segment["text"])
    )


kinds = st.sets(st.sampled_from(sorted(KINDS)))
several = st.lists(st.sampled_from(LANGUAGES), max_size=3)


@settings(max_examples=scaled(300, 5_000), deadline=None)
@given(conversations(), kinds, several)
def test_twice_is_the_same_as_once(segments, kinds, languages):
    once = redact(segments, kinds, languages)
    assert redact(once, kinds, languages) == once


@settings(max_examples=scaled(300, 5_000), deadline=None)
@given(conversations(), st.tuples(kinds, several), st.tuples(kinds, several), st.data())
def test_in_two_steps_nothing_is_told_that_is_masked_in_one(segments, early, late, data):
    """Whichever of the segments were masked before by themselves, of whatever kinds and in whatever languages."""
    first = sorted(data.draw(st.sets(st.sampled_from(range(len(segments)))))) if segments else []
    masked = dict(zip(first, redact([segments[place] for place in first], *early), strict=True))
    given = [masked.get(place, segment) for place, segment in enumerate(segments)]
    in_two, in_one = redact(given, *late), redact(segments, *late)
    assert redact(in_two, *late) == in_two
    for as_said, before, after, at_once in zip(segments, given, in_two, in_one, strict=True):
        assert restored(after) == as_said["text"]
        assert tells_more(after, at_once) == tells_more(after, before) == []
        assert set(masked_parts(before)) <= set(masked_parts(after))
        assert is_sound(after)


@settings(max_examples=scaled(200, 5_000), deadline=None)
@given(conversations(), kinds, several)
def test_in_several_languages_all_is_masked_that_is_in_one_of_them(segments, kinds, languages):
    together = redact(segments, kinds, languages)
    for language in languages:
        for own, all_of_them in zip(redact(segments, kinds, language), together, strict=True):
            assert tells_more(all_of_them, own) == []


@settings(max_examples=scaled(150, 5_000), deadline=None)
@given(conversations(), kinds, several)
def test_what_is_masked_stays_so_where_originals_are_not_kept(segments, kinds, languages):
    once = [originals_removed(segment) for segment in redact(segments, kinds, languages)]
    for before, after in zip(once, redact(once, kinds, languages), strict=True):
        assert is_sound(after)
        masks = iter(one["kind"] for one in after.get("redactions", []))
        assert all(one["kind"] in masks for one in before.get("redactions", []))
        if "redactions" not in before:
            assert restored(after) == before["text"]


@settings(max_examples=scaled(300, 5_000), deadline=None)
@given(conversations(), kinds, st.sampled_from(LANGUAGES))
def test_only_text_and_words_change_and_only_where_something_is_masked(segments, kinds, language):
    result = redact(segments, kinds, language)
    assert len(result) == len(segments)
    for before, after in zip(segments, result, strict=True):
        if "redactions" not in after:
            assert after == before
            continue
        unchanged = {"segment_id", "speaker", "start_time", "end_time", "confidence"}
        assert {key: after[key] for key in unchanged} == {key: before[key] for key in unchanged}
        assert {one["kind"] for one in after["redactions"]} <= kinds
        assert restored(after) == before["text"]
        assert all(one["end"] <= following["start"] for one, following in pairwise(after["redactions"]))


@settings(max_examples=scaled(300, 5_000), deadline=None)
@given(conversations(), st.sampled_from(LANGUAGES))
def test_words_go_on_spelling_the_text_and_following_one_another(segments, language):
    for before, after in zip(segments, redact(segments, KINDS, language), strict=True):
        if "words" in before:
            words = after["words"]
            assert " ".join(word["text"] for word in words) == after["text"]
            assert all(one["end_time"] <= following["start_time"] + 1e-9 for one, following in pairwise(words))
            assert (words[0]["start_time"], words[-1]["end_time"]) == (
                before["words"][0]["start_time"],
                before["words"][-1]["end_time"],
            )


@settings(max_examples=scaled(200, 3_000), deadline=None)
@given(
    st.text("0123456789", min_size=15, max_size=15).map(lambda digits: "4" + digits[1:]),
    st.lists(st.sampled_from([" ", "-", " - ", ", "]), min_size=16, max_size=16),
    st.lists(st.booleans(), min_size=16, max_size=16),
)
def test_a_card_is_found_in_whatever_way_its_digits_are_said(digits, between, are_said):
    names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    total = sum(int(digit) if place % 2 else sum(divmod(2 * int(digit), 10)) for place, digit in enumerate(digits))
    card = digits + str(-total % 10)
    spoken = "".join(
        (names[int(digit)] if is_said else digit) + mark
        for digit, is_said, mark in zip(card, are_said, between, strict=True)
    )
    assert redact([said(f"So {spoken}")], KINDS, "en")[0]["text"].startswith("So [card number]")


def calls_made(text, *, languages="xx", times=1):
    """How many functions are called to look through a text: what time it takes, on a machine of any speed."""
    count = 0

    def counted(_frame, event, _argument):
        nonlocal count
        count += event in {"call", "c_call"}

    segments = [said(text)]
    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        for _ in range(times):
            segments = redact(segments, KINDS, languages)
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize(
    "fragment",
    [
        "4", "4 ", "1-", "one ", "double ", "quatre vingt ", "a@", "a.", "a.a@a.", "@", "at ", "at dot ", "x dot ",
        "john at example dot ", "D E ", "de89 ", "+1 ", "(", "00 ", "um 4 ", "4 um um um ", "4242 4242 4242 4242 ",
        "phone 12345 ", "account 1234567 ", "2026-11-26 ", "a b c d at ", "e\u0301", "4\u200b", " ", "é",
    ],
    ids=repr,
)  # fmt: skip
def test_the_effort_grows_as_the_text_does(fragment):
    short, long = ((fragment * size)[:size] for size in (2_500, 10_000))
    calls_made(short)
    assert calls_made(long) <= 6 * calls_made(short) + 1_000


@pytest.mark.parametrize("fragment", ["a@b.com ", "4111 1111 1111 1111 x ", "a@b.com vier "], ids=repr)
def test_the_effort_grows_as_the_text_does_also_among_many_masks(fragment):
    short, long = ((fragment * size)[:size] for size in (1_000, 4_000))
    effort = [calls_made(text, languages=["en", ""], times=2) for text in (short, short, long)]
    assert effort[2] <= 6 * effort[1] + 1_000
