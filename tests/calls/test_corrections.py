"""What people say is right, laid over what a source says: by its place, whatever is heard there."""

from datetime import UTC, datetime

from calls.corrections import applied, renamed_to, respelled, sides_of
from calls.documents import Correction, Segment, Word

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def heard(position, start, end, text, *, speaker="client", part="0000"):
    words = text.split()
    each = (end - start) / len(words)
    return Segment(
        segment_id=f"s:{part}:{position:03d}",
        speaker=speaker,
        text=text,
        start_time=start,
        end_time=end,
        confidence=0.5,
        words=[
            Word(text=word, start_time=start + index * each, end_time=start + (index + 1) * each, confidence=0.5)
            for index, word in enumerate(words)
        ],
    )


def correction(start, end, *, identity="s:0000:000", heard_as="client", **values):
    return Correction(
        correction_id="c1",
        segment_id=identity,
        start_time=start,
        end_time=end,
        heard_as=heard_as,
        by=1,
        at=NOW,
        **values,
    )


def told(segments):
    return [(segment["speaker"], segment["text"]) for segment in segments]


def test_without_corrections_a_conversation_is_what_its_source_says():
    said = [heard(0, 0, 2, "one two")]
    assert applied(said, [], {}) == said


def test_a_line_keeps_its_correction_when_it_is_divided_otherwise():
    fixed = [correction(0, 4, text="I want my money back")]
    once = applied([heard(0, 0, 4, "eye one my money back")], fixed, {})
    twice = applied([heard(0, 0, 2, "eye one"), heard(1, 2, 4, "my money pack")], fixed, {})
    assert told(once) == told(twice) == [("client", "I want my money back")]


def test_a_line_keeps_its_correction_when_nothing_is_heard_there_any_more():
    after = applied([heard(0, 10, 12, "something else")], [correction(0, 4, text="Hello")], {})
    assert told(after) == [("client", "Hello"), ("client", "something else")]
    assert len({segment["segment_id"] for segment in after}) == 2


def test_of_a_longer_line_only_the_words_said_there_give_way():
    after = applied([heard(0, 0, 10, "a b c d e f g h i j")], [correction(4, 6, text="EF")], {})
    assert told(after) == [("client", "a b c d g h i j"), ("client", "EF")]


def test_words_of_a_line_that_begins_in_the_place_and_goes_on_behind_it_are_not_lost():
    after = applied([heard(0, 0, 18, "a b c d e f g h i j k l m n o p q r")], [correction(0, 10, text="A to J")], {})
    assert told(after) == [("client", "A to J"), ("client", "k l m n o p q r")]


def test_masks_beside_the_place_stay_where_they_are():
    said = heard(0, 0, 8, "a b c [e-mail] d e f g")
    masked = {
        **said,
        "redactions": [{"kind": "email", "start": 6, "end": 14, "start_time": 3.0, "end_time": 4.0}],
    }
    after = applied([masked], [correction(0, 2, text="A B")], {})
    assert told(after) == [("client", "A B"), ("client", "c [e-mail] d e f g")]
    (mask,) = after[1]["redactions"]
    assert after[1]["text"][mask["start"] : mask["end"]] == "[e-mail]"


def test_the_other_side_may_talk_at_the_same_time():
    said = [heard(0, 0, 4, "eye one"), heard(1, 0, 4, "yes yes", speaker="agent")]
    assert sorted(told(applied(said, [correction(0, 4, text="I want")], {}))) == [
        ("agent", "yes yes"),
        ("client", "I want"),
    ]


def test_a_voice_that_a_source_calls_otherwise_the_next_time_is_the_same_place():
    said = [heard(0, 0, 4, "eye one", speaker="speaker_2")]
    fixed = [correction(0, 4, text="I want", heard_as="speaker_1")]
    assert told(applied(said, fixed, {})) == [("speaker_2", "I want")]


def test_who_speaks_is_corrected_without_touching_the_words():
    said = [heard(0, 0, 2, "one two"), heard(1, 2, 4, "three four")]
    assert told(applied(said, [correction(0, 2, speaker="agent")], {})) == [
        ("agent", "one two"),
        ("client", "three four"),
    ]


def test_what_a_source_names_itself_is_found_by_its_id_alone():
    line = Segment(segment_id="a", speaker="client", text="x", start_time=50, end_time=51, confidence=1.0)
    other = {**line, "segment_id": "b", "start_time": 0, "end_time": 4}
    after = applied([other, line], [correction(0, 4, identity="a", text="y")], {})
    assert [(one["segment_id"], one["text"]) for one in after] == [("b", "x"), ("a", "y")]
    assert (after[1]["start_time"], after[1]["end_time"]) == (50, 51), "when it was said is its source's to say"


def test_a_persons_word_on_one_line_stands_against_a_renaming_of_all():
    said = [heard(0, 0, 2, "one two"), heard(1, 2, 4, "three four")]
    after = applied(said, [correction(0, 2, speaker="client")], {"client": "Maria"})
    assert told(after) == [("client", "one two"), ("Maria", "three four")]


def test_words_that_were_heard_keep_their_times_and_others_share_what_is_between():
    words = heard(0, 0, 4, "eye want my honey")["words"]
    spelled = respelled("I want all my money", words, start=0.0, end=4.0)
    assert [word["text"] for word in spelled] == ["I", "want", "all", "my", "money"]
    assert [(word["start_time"], word["end_time"]) for word in spelled] == [
        (0.0, 1.0),
        (1.0, 2.0),
        (2.0, 2.0),
        (2.0, 3.0),
        (3.0, 4.0),
    ]


def test_a_mask_is_one_word():
    words = heard(0, 0, 2, "my card")["words"]
    assert [word["text"] for word in respelled("my [card number]", words, start=0.0, end=2.0)] == [
        "my",
        "[card number]",
    ]


def test_renaming_goes_on_from_what_people_see():
    renamed = renamed_to({}, "speaker_1", "Maria")
    renamed = renamed_to(renamed, "speaker_2", "Maria")
    renamed = renamed_to(renamed, "Maria", "Mara")
    assert renamed == {"speaker_1": "Mara", "speaker_2": "Mara", "Maria": "Mara"}
    assert renamed_to({"speaker_1": "Maria"}, "Maria", "speaker_1") == {"Maria": "speaker_1"}


def test_a_side_stays_a_side_whatever_it_is_called():
    assert sides_of({"agent": "Sam", "speaker_3": "Sam", "speaker_4": "Maria"}) == {"Sam": "agent"}
    assert sides_of({"agent": "Sam", "client": "Sam"}) == {}
    assert sides_of({"agent": "client"}) == {}
