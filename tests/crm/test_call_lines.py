"""Lines as a page gets them."""

from crm.call_lines import line_of, stretches_of


def word(text, start, confidence=0.9):
    return {"text": text, "start_time": start, "end_time": start + 0.2, "confidence": confidence}


def segment(text, words=(), **values):
    return {
        "segment_id": "a",
        "speaker": "agent",
        "text": text,
        "start_time": 10.0,
        "end_time": 12.0,
        "confidence": 0.9,
        **({"words": list(words)} if words else {}),
        **values,
    }


def times(line):
    """Seconds at which the words begin."""
    at, found = line["start"] * 100, []
    for step in line["times"].split(" "):
        at += int(step, 36)
        found.append(at / 100)
    return found


def test_words_are_told_by_when_each_begins_and_the_unsure_ones_by_their_number():
    line = line_of(segment("I want it", [word("I", 10.0), word("want", 10.5, 0.31), word("it", 11.25)]))
    assert times(line) == [10.0, 10.5, 11.25]
    assert line["unsure"] == [(1, 31)]


def test_of_a_line_that_somebody_has_put_right_no_word_is_doubted():
    heard = [word("I", 10.0), word("want", 10.5, 0.31), word("it", 11.25)]
    assert "unsure" not in line_of(segment("I want it", heard, corrected=True))


def test_punctuation_by_itself_goes_with_the_word_before_it():
    line = line_of(segment("Yes — of course", [word("Yes", 10.0), word("of", 10.5), word("course", 11.0)]))
    assert times(line) == [10.0, 10.0, 10.5, 11.0]


def test_a_word_that_is_heard_and_not_written_is_passed_over():
    line = line_of(segment("Yes course", [word("Yes", 10.0), word("of", 10.5), word("course", 11.0)]))
    assert times(line) == [10.0, 11.0]


def test_times_that_go_back_stay_where_they_are():
    line = line_of(segment("a b", [word("a", 11.0), word("b", 10.5)]))
    assert times(line) == [11.0, 11.0]


def test_a_line_whose_words_have_no_times_has_none():
    assert set(line_of(segment("Hello"))) == {"id", "start", "end", "speaker", "text"}


def test_masks_and_what_people_have_said_go_along():
    mask = {"kind": "card", "start": 3, "end": 16, "start_time": None, "end_time": None}
    line = line_of(segment("Is [card number]", redactions=[mask], corrected=True, provisional=True))
    assert (line["masks"], line["corrected"], line["provisional"]) == ([(3, 16, "card")], True, True)


def test_neighbours_of_one_emotion_are_one_stretch_and_the_unknown_is_none():
    def felt(emotion, start, end):
        return {"segment_id": "a", "emotion": emotion, "start_time": start, "end_time": end}

    found = stretches_of([felt("tense", 0, 5), felt("tense", 6, 9), felt("unknown", 9, 11), felt("tense", 30, 31)])
    assert found == [
        {"start": 0, "end": 9, "emotion": "tense"},
        {"start": 30, "end": 31, "emotion": "tense"},
    ]
