"""What a masked segment is made of, and what is kept of it for whom."""

import pytest

from calls.redaction import KINDS, originals_removed, redact, restored
from tests.calls.redaction.saying import in_turn, said, texts

CARD = "four one one one one one one one one one one one one one one one"


def test_a_redaction_says_where_the_mask_is_and_what_it_hides():
    segment = redact([said("So, my card is 4111 1111 1111 1111, and mail john@example.com")], KINDS, "en")[0]
    card, mail = segment["redactions"]
    assert segment["text"][card["start"] : card["end"]] == "[card number]"
    assert segment["text"][mail["start"] : mail["end"]] == "[e-mail]"
    assert (card["kind"], card["original"]) == ("card", "4111 1111 1111 1111")
    assert (mail["kind"], mail["original"]) == ("email", "john@example.com")


def test_times_come_from_the_words_that_were_covered():
    spoken = said("card 4111 1111 1111 1111 ok", at=10.0, words=True)
    redaction = redact([spoken], KINDS, "en")[0]["redactions"][0]
    assert redaction["start_time"] == spoken["words"][1]["start_time"]
    assert redaction["end_time"] == spoken["words"][4]["end_time"]


def test_without_words_there_are_no_times():
    redaction = redact([said("4111 1111 1111 1111")], KINDS, "en")[0]["redactions"][0]
    assert (redaction["start_time"], redaction["end_time"]) == (None, None)


def test_words_that_are_covered_become_one_with_the_least_confidence():
    spoken = said(f"It's {CARD}, okay?", words=True)
    segment = redact([spoken], KINDS, "en")[0]
    before, mask, after = segment["words"]
    assert (before, after) == (spoken["words"][0], spoken["words"][-1])
    assert mask == {
        "text": "[card number],",
        "start_time": spoken["words"][1]["start_time"],
        "end_time": spoken["words"][16]["end_time"],
        "confidence": min(word["confidence"] for word in spoken["words"][1:17]),
    }


def test_joining_the_words_still_spells_the_text():
    text = "(john@example.com)/+44 20 7946 0958, or 4111 1111 1111 1111. Yes"
    segment = redact([said(text, words=True)], KINDS, "en")[0]
    assert " ".join(word["text"] for word in segment["words"]) == segment["text"]
    assert segment["text"] == "([e-mail])/[phone number], or [card number]. Yes"


def test_words_without_the_marks_of_the_text_are_masked_too():
    spoken = said("My card, it's 4111-1111-1111-1111. Okay?")
    spoken["words"] = [
        {"text": word, "start_time": place / 4, "end_time": place / 4 + 0.2, "confidence": 0.5}
        for place, word in enumerate(["my", "card", "it's", "4111", "1111", "1111", "1111", "okay"])
    ]
    segment = redact([spoken], KINDS, "en")[0]
    assert [word["text"] for word in segment["words"]] == ["my", "card", "it's", "[card number]", "okay"]
    assert segment["redactions"][0]["start_time"] == 0.75


def test_words_that_are_not_those_of_the_text_say_nothing_of_what_it_hides():
    spoken = said("My card is 4111 1111 1111 1111")
    spoken["words"] = [{"text": "4111-something", "start_time": 0, "end_time": 1, "confidence": 0.5}]
    assert redact([spoken], KINDS, "en")[0]["words"] == []


def test_what_is_not_masked_is_as_it_was_and_nothing_given_is_changed():
    given = in_turn(("agent", "Which card?"), ("client", "4111 1111 1111 1111"))
    copies = [dict(segment) for segment in given]
    result = redact(given, KINDS, "en")
    assert given == copies
    assert result[0] == given[0]
    assert {**result[1], "text": "", "redactions": []} == {**given[1], "text": "", "redactions": []}


def test_the_text_as_it_was_said_can_be_restored():
    text = f"I am john@example.com and it's {CARD}, right?"
    segment = redact([said(text)], KINDS, "en")[0]
    assert restored(segment) == text
    assert restored(said(text)) == text


def test_where_originals_are_removed_nothing_can_be_restored():
    segment = originals_removed(redact([said("I am john@example.com")], KINDS, "en")[0])
    assert restored(segment) == segment["text"] == "I am [e-mail]"
    assert "john" not in repr(segment)
    assert [one["kind"] for one in segment["redactions"]] == ["email"]


def test_removing_originals_leaves_other_segments_as_they_are():
    spoken = said("Hello")
    assert originals_removed(spoken) == spoken


def test_a_mask_that_was_edited_away_is_not_restored():
    segment = redact([said("I am john@example.com, hello")], KINDS, "en")[0]
    edited = {**segment, "text": "He did not want to say who he is"}
    assert restored(edited) == edited["text"]


@pytest.mark.parametrize("between", ["mhm", "Four one one one, yes.", "And the next ones, please?"])
def test_a_number_goes_on_while_the_other_side_says_something_short(between):
    turns = [("client", "It's four one one one"), ("agent", between)]
    for _ in range(2):
        turns += [("client", "one one one one"), ("agent", "yes")]
    segments = redact(in_turn(*turns, ("client", "and one one one one, that's it")), KINDS, "en")
    mine = [
        text
        for (speaker, _), text in zip([*turns, ("client", "")], texts(segments), strict=True)
        if speaker == "client"
    ]
    assert mine == ["It's [card number]", "[card number]", "[card number]", "and [card number], that's it"]
    assert texts(segments)[1] == between


def test_each_of_the_segments_keeps_its_own_part_of_a_number():
    turns = ("client", "4111 1111"), ("agent", "yes?"), ("client", "1111 1111")
    first, _, last = redact(in_turn(*turns), KINDS, "en")
    assert [first["redactions"][0]["original"], last["redactions"][0]["original"]] == ["4111 1111", "1111 1111"]
    assert (restored(first), restored(last)) == ("4111 1111", "1111 1111")


def test_numbers_of_two_speakers_are_not_one():
    segments = in_turn(("client", "4111 1111"), ("agent", "1111 1111"))
    assert redact(segments, KINDS, "en") == segments


def test_a_number_does_not_go_on_after_a_long_pause():
    segments = [said("four one one", at=0.0), said("two three one", at=60.0)]
    assert redact(segments, KINDS, "en") == segments


def test_an_address_goes_on_in_the_next_segment():
    segments = redact(in_turn(("client", "It's john dot smith"), ("client", "at example dot com")), KINDS, "en")
    assert texts(segments) == ["It's [e-mail]", "[e-mail]"]


def test_what_is_masked_already_stays_and_what_goes_on_from_it_is_masked_as_what_both_are():
    earlier = redact([said("It's four one one one one one one one", at=0.0)], KINDS, "en")
    segments = redact([*earlier, said("one one one one one one one one, that's all", at=3.0)], KINDS, "en")
    assert segments[0] == earlier[0]
    assert (segments[0]["text"], segments[1]["text"]) == ("It's [number]", "[card number], that's all")


def test_what_goes_on_from_a_mask_is_masked_also_where_nobody_knows_what_it_hides():
    earlier = originals_removed(redact([said("It's four one one one one one one one.", at=0.0)], KINDS, "en")[0])
    segments = redact([earlier, said("and three one one four, that's all", at=3.0)], KINDS, "en")
    assert segments[0] == earlier
    assert segments[1]["text"] == "and [number], that's all"


def test_a_card_after_a_mask_is_a_card():
    earlier = originals_removed(redact([said("My number is +44 20 7946 0958", at=0.0)], KINDS, "en")[0])
    segments = redact([earlier, said("4111 1111 1111 1111, 12 26 123", at=3.0)], KINDS, "en")
    assert segments[1]["text"] == "[card number], [number]"
    assert redact([earlier, said("4111 1111 1111 1111", at=3.0)], {"card"}, "en")[1]["text"] == "[card number]"


def test_words_after_a_mask_do_not_go_on_from_it():
    earlier = originals_removed(redact([said("My number is +44 20 7946 0958", at=0.0)], KINDS, "en")[0])
    later = said("It costs 1500, and there are three", at=3.0)
    assert redact([earlier, later], KINDS, "en") == [earlier, later]


def test_what_goes_on_from_a_segment_with_another_mask_is_masked_in_both():
    earlier = redact([said("write to ada@example.com and my card is 4111 1111", words=True)], KINDS, "en")
    assert earlier[0]["text"] == "write to [e-mail] and my card is 4111 1111"
    segments = redact([*earlier, said("1111 1111", at=3.0)], KINDS, "en")
    assert texts(segments) == ["write to [e-mail] and my card is [card number]", "[card number]"]
    mail, card = segments[0]["redactions"]
    assert mail == earlier[0]["redactions"][0]
    assert segments[0]["text"][card["start"] : card["end"]] == "[card number]"
    assert (card["original"], card["end_time"]) == ("4111 1111", 2.0)
    assert " ".join(word["text"] for word in segments[0]["words"]) == segments[0]["text"]
    assert restored(segments[0]) == "write to ada@example.com and my card is 4111 1111"


def test_a_mask_moves_with_what_is_masked_before_it():
    earlier = redact([said("1111 1111, or write to ada@example.com", at=3.0)], KINDS, "en")
    segments = redact([said("It is 4111 1111"), *earlier], KINDS, "en")
    assert texts(segments) == ["It is [card number]", "[card number], or write to [e-mail]"]
    _, mail = segments[1]["redactions"]
    assert (segments[1]["text"][mail["start"] : mail["end"]], mail["original"]) == ("[e-mail]", "ada@example.com")
    assert earlier[0]["redactions"][0]["start"] == len("1111 1111, or write to ")


def test_what_goes_on_is_masked_also_where_nobody_knows_what_the_other_mask_hides():
    earlier = originals_removed(redact([said("I am ada@example.com, it is 4111 1111", words=True)], KINDS, "en")[0])
    first, _ = redact([earlier, said("1111 1111", at=3.0)], KINDS, "en")
    assert first["text"] == "I am [e-mail], it is [card number]"
    assert [word["text"] for word in first["words"]] == ["I", "am", "[e-mail],", "it", "is", "[card number]"]


def test_another_kind_and_another_language_are_looked_for_among_what_is_masked():
    text = "ada@example.com, vier eins eins eins eins eins eins, +44 20 7946 0958"
    segments = redact([said(text, words=True)], {"email"}, "en")
    segments = redact(segments, {"email", "phone"}, "en")
    assert texts(segments) == ["[e-mail], vier eins eins eins eins eins eins, [phone number]"]
    segments = redact(segments, KINDS, "de")
    assert texts(segments) == ["[e-mail], [number], [phone number]"]
    assert [word["text"] for word in segments[0]["words"]] == ["[e-mail],", "[number],", "[phone number]"]
    assert restored(segments[0]) == text


def test_what_a_mask_does_not_hide_of_a_longer_number_gets_its_own():
    (earlier,) = redact([said("1111 1111 1111")], KINDS, "en")
    assert "redactions" not in earlier
    (earlier,) = redact([said("eins eins eins eins one one one one one one one eins", words=True)], KINDS, "en")
    assert earlier["text"] == "eins eins eins eins [number] eins"
    (segment,) = redact([earlier], KINDS, ("de", ""))
    assert segment["text"] == "[number] [number] [number]"


def test_what_several_languages_find_is_one_mask_of_the_kind_that_says_most():
    text = "four one one one one one one one one one one one one one one one eins zwei drei vier"
    assert texts(redact([said(text)], KINDS, "en")) == ["[card number] eins zwei drei vier"]
    (segment,) = redact([said(text)], KINDS, ("en", "xx"))
    assert "eins" not in segment["text"]
    assert "[card number]" in segment["text"]


def test_languages_may_be_one_or_several_or_none_known():
    text = "ארבע אחת אחת אחת אחת אחת אחת"
    masked = redact([said(text)], KINDS, "he")
    assert masked[0]["text"] == "[number]"
    assert redact([said(text)], KINDS, {"en", "he-IL"}) == redact([said(text)], KINDS, []) == masked
    assert redact([said(text)], KINDS, ["en", "en-GB"]) == [said(text)]


def test_what_a_person_wrote_since_is_masked_for_itself():
    segment = redact([said("I am john@example.com, hello")], KINDS, "en")[0]
    (edited,) = redact([{**segment, "text": "He is jack@example.com"}], KINDS, "en")
    assert (edited["text"], restored(edited)) == ("He is [e-mail]", "He is jack@example.com")
