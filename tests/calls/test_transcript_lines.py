"""Text as people and programs write conversations down, and who said what in it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calls import transcript_labels, transcript_lines
from calls.errors import BadTranscript
from calls.transcript_lines import LONGEST_SEGMENT, MOST_CHARACTERS, MOST_LINES, conversation_of, read
from tests.scale import scaled


def told(transcript):
    return [(segment["speaker"], segment["text"]) for segment in conversation_of(transcript)]


def times(transcript):
    return [(segment["start_time"], segment["end_time"]) for segment in conversation_of(transcript)]


@pytest.mark.parametrize(
    ("line", "speaker"),
    [
        ("User: hello", "client"),
        ("AI: hello", "agent"),
        ("Agent: hello", "agent"),
        ("Customer: hello", "client"),
        ("Caller: hello", "client"),
        ("Bot: hello", "agent"),
        ("Assistant: hello", "agent"),
        ("Human: hello", "client"),
        ("Operator: hello", "agent"),
        ("Rep: hello", "agent"),
        ("Client: hello", "client"),
        ("USER:hello", "client"),
        ("agent 2 : hello", "agent"),
        ("Agent (Maria): hello", "agent"),
        ("Kunde: hello", "client"),
        ("Berater: hello", "agent"),
        ("Cliente: hello", "client"),
        ("Agente: hello", "agent"),
        ("Conseiller : hello", "agent"),
        ("Téléconseiller\u00a0: hello", "agent"),
        ("User：hello", "client"),
        ("**Agent:** hello", "agent"),
        ("**Agent**: hello", "agent"),
        ("*User:* hello", "client"),
        ("__Bot__: hello", "agent"),
        ("- Agent: hello", "agent"),
        ("> User: hello", "client"),
        ("[00:01:23] Agent: hello", "agent"),
        ("**[00:01:23] Agent:** hello", "agent"),
        ("(00:12) Agent: hello", "agent"),
        ("00:12 - Client: hello", "client"),
        ("00:12 Client: hello", "client"),
        ("Agent (00:03:01): hello", "agent"),
        ("Agent [00:03]: hello", "agent"),
        ("Speaker 1: hello", "speaker_1"),
        ("Sprecher 2: hello", "speaker_1"),
    ],
)
def test_a_line_in_any_of_the_usual_forms_is_told_apart(line, speaker):
    assert told(line) == [(speaker, "hello")]


@pytest.mark.parametrize(
    "line",
    [
        "Total: 45",
        "http://example.org/",
        "12:30 we meet",
        "the price is: high",
        "User agreement: to be signed",
        "- an item",
        "a:b",
        ": nothing",
    ],
)
def test_what_is_no_label_is_said(line):
    assert told(f"Agent: look\n{line}") == [("agent", f"look {line}")]
    assert told(line) == [("speaker_1", line)]


def test_names_are_speakers_when_two_lines_begin_with_them():
    text = "Maria: hello\nTom O’Neil: yes?\nMaria: Note this\nTom O’Neil: I do\nEve: she said"
    assert told(text) == [
        ("speaker_1", "hello"),
        ("speaker_2", "yes?"),
        ("speaker_1", "Note this"),
        ("speaker_2", "I do Eve: she said"),
    ]


def test_what_is_followed_by_numbers_alone_is_no_name():
    assert told("User: the bill\nShipping: 45\nShipping: 50") == [("client", "the bill Shipping: 45 Shipping: 50")]


def test_a_role_with_a_name_is_that_role_when_two_lines_begin_so():
    assert told("Agent Smith: hi\nEve: oh\nAgent Smith: bye\nEve: bye") == [
        ("agent", "hi"),
        ("speaker_1", "oh"),
        ("agent", "bye"),
        ("speaker_1", "bye"),
    ]


def test_a_line_without_a_label_goes_on_with_the_one_before_and_after_a_blank_one_with_its_speaker():
    assert told("Agent: one\n  two\n\nthree\nUser: four") == [
        ("agent", "one two"),
        ("agent", "three"),
        ("client", "four"),
    ]


def test_what_comes_before_the_first_label_is_somebody_elses():
    assert told("A recording begins.\nAgent: hello") == [("speaker_1", "A recording begins."), ("agent", "hello")]


def test_times_that_were_given_are_kept_and_end_where_the_next_begins():
    text = "[00:00:03] Agent: hello\n[00:00:05.5] User: hi\n[00:01:00] Agent: bye"
    assert times(text) == [(3.0, 5.5), (5.5, 60.0), (60.0, 60.5)]
    assert not read(text).times_estimated


def test_times_of_day_are_counted_from_the_first_line_also_past_midnight():
    assert times("Agent (23:59:50): hello\nUser (23:59:58): hi\nAgent (00:00:10): bye")[-1] == (20.0, 20.5)


def test_times_that_go_back_are_estimated_and_that_is_told():
    text = "[00:10] Agent: one\n[00:05] User: two\n[00:20] Agent: three"
    assert [start for start, _ in times(text)] == [10.0, 10.5, 20.0]
    assert told(text) == [("agent", "one"), ("client", "two"), ("agent", "three")]
    assert read(text).times_estimated


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            [
                "[26/11/2026, 10:22:31] Maria: hi",
                "[26/11/2026, 10:22:41] joe 🌸: yo",
                "[27/11/2026, 10:22:31] Maria: so",
            ],
            [("speaker_1", "hi", 0.0), ("speaker_2", "yo", 10.0), ("speaker_1", "so", 86_400.0)],
        ),
        (
            ["26/11/2026, 10:22 - Maria: hi", "go on", "26/11/2026, 10:23 - +1 202 555 0100: a: b"],
            [("speaker_1", "hi go on", 0.0), ("speaker_2", "a: b", 60.0)],
        ),
        (
            ["\u200e[11/26/26, 10:59:00\u202fPM] Tom: hi", "[11/27/26, 12:01:00\u202fAM] Eve: oh"],
            [("speaker_1", "hi", 0.0), ("speaker_2", "oh", 3720.0)],
        ),
        (
            ["11/5/2026, 9:00 AM - Tom: hi", "11/6/2026, 9:00 AM - Eve: oh"],
            [("speaker_1", "hi", 0.0), ("speaker_2", "oh", 86_400.0)],
        ),
        (
            ["2026-11-26T10:22:31Z User: hi", "2026-11-26T10:22:33.5Z Agent: yo", "2026-11-26T12:22:35+02:00 User: so"],
            [("client", "hi", 0.0), ("agent", "yo", 2.5), ("client", "so", 4.0)],
        ),
        (
            ["2026-11-26 10:22:31 - **Agent:** hi", "2026-11-26 10:22:32 - User (Jo): yo"],
            [("agent", "hi", 0.0), ("client", "yo", 1.0)],
        ),
        (["Agent 10:22 AM: hi", "User 10:24 a.m.: yo"], [("agent", "hi", 0.0), ("client", "yo", 120.0)]),
        (["11:59 PM Agent: hi", "12:01 am - User: yo"], [("agent", "hi", 0.0), ("client", "yo", 120.0)]),
        (["[10:22 PM] Maria: hi", "[10:23 PM] Tom: yo"], [("speaker_1", "hi", 0.0), ("speaker_2", "yo", 60.0)]),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_exports_of_messengers_and_logs_are_read_with_their_times(lines, said):
    text = "\n".join(lines)
    conversation = read(text)
    assert [(one["speaker"], one["text"], one["start_time"]) for one in conversation.segments] == said
    assert not conversation.times_estimated


def test_a_date_within_what_is_said_begins_no_label():
    text = "Agent: It was\n2026-11-26 10:22 the order: two boxes"
    assert [speaker for speaker, _ in told(text)] == ["agent", "agent"]


def test_dates_that_are_none_and_those_far_apart_do_no_harm():
    assert told("99/99/2026, 10:22 - Maria: hi") == [("speaker_1", "hi")]
    far = "01/01/2020, 10:22 - Maria: hi\n01/01/2026, 10:22 - Maria: oh"
    assert read(far).times_estimated
    assert times(far)[-1][1] < 10


@pytest.mark.parametrize(
    ("text", "said", "names"),
    [
        ("Agent (Maria): hi\nUser: yo", [("agent", "hi"), ("client", "yo")], {"agent": "Maria"}),
        (
            "Agent: hi\nCustomer John: yo\nAgent Maria: ok",
            [("agent", "hi"), ("client", "yo"), ("agent", "ok")],
            {"client": "John", "agent": "Maria"},
        ),
        ("Maria (Agent): hi\nUser: yo", [("agent", "hi"), ("client", "yo")], {"agent": "Maria"}),
        ("Agent (Maria): hi\nAgent (Tom): yo", [("agent", "hi"), ("agent", "yo")], {}),
        ("Agent 1: hi\nAgent Maria: yo", [("agent", "hi"), ("agent", "yo")], {}),
        ("Agent (on hold): hi", [("agent", "hi")], {}),
        ("Customer Service: hi\nCustomer: yo", [("agent", "hi"), ("client", "yo")], {}),
        ("Agent: hi\nCustomer Number: 555", [("agent", "hi Customer Number: 555")], {}),
        ("Maria: hi\nTom: yo", [("speaker_1", "hi"), ("speaker_2", "yo")], {"speaker_1": "Maria", "speaker_2": "Tom"}),
        ("Maria: hi\nAgent: yo", [("speaker_1", "hi"), ("agent", "yo")], {"speaker_1": "Maria"}),
        (
            "joe@example.com: hi\nAgent: yo\njoe@example.com: so",
            [("speaker_1", "hi"), ("agent", "yo"), ("speaker_1", "so")],
            {"speaker_1": "joe@example.com"},
        ),
        ("joe@example.com: hi\nAgent: yo", [("speaker_1", "hi"), ("agent", "yo")], {"speaker_1": "joe@example.com"}),
        (
            "Agent: hi\n+1 202 555 0100: yo\nAgent: so\n+1 202 555 0100: no",
            [("agent", "hi"), ("speaker_1", "yo"), ("agent", "so"), ("speaker_1", "no")],
            {"speaker_1": "+1 202 555 0100"},
        ),
        ("Speaker 2: hi\nSpeaker 1: yo", [("speaker_1", "hi"), ("speaker_2", "yo")], {}),
        (
            [{"role": "agent (Maria)", "content": "hi"}, {"role": "Bob", "content": "yo"}],
            [("agent", "hi"), ("speaker_1", "yo")],
            {"agent": "Maria", "speaker_1": "Bob"},
        ),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_names_are_kept_beside_the_speakers(text, said, names):
    conversation = read(text)
    assert [(one["speaker"], one["text"]) for one in conversation.segments] == said
    assert conversation.names == names


def test_there_are_no_more_names_than_so_many():
    names = read([{"role": f"Name {number}", "content": "x"} for number in range(300)]).names
    assert len(names) == transcript_labels.MOST_NAMES


@pytest.mark.parametrize("text", ["User:\nAgent:", "[00:10] User:\n\n[00:11]", "**Agent:**", " \n"])
def test_where_nothing_is_said_that_is_known_beforehand(text):
    assert transcript_lines.is_empty(text)
    assert not transcript_lines.is_empty(f"{text} a")


def test_an_entry_that_ends_before_it_begins_is_refused_by_its_place():
    said = [{"role": "user", "content": "x"}, {"role": "agent", "content": "y", "start_time": 5, "end_time": 4}]
    with pytest.raises(BadTranscript) as refused:
        transcript_lines.check(said)
    assert refused.value.fields == {"transcript": ["Entry 1 ends before it begins."]}


def test_without_times_they_are_estimated_in_order_and_that_is_told():
    text = "Agent: " + "word " * 30 + "\nUser: yes"
    assert read(text).times_estimated
    (first, second), (third, _) = times(text)
    assert first == 0.0
    assert second == third == pytest.approx(149 / transcript_lines.CHARACTERS_PER_SECOND, abs=0.01)


def test_lines_between_two_known_times_share_the_time_between():
    text = "[00:10] Agent: first\nUser: " + "a" * 300 + "\nAgent: " + "b" * 300 + "\n[00:14] User: last"
    assert read(text).times_estimated
    starts = [start for start, _ in times(text)]
    assert starts[0] == 10.0
    assert starts[-1] == 14.0
    assert 10.0 < starts[1] < starts[2] < 14.0


def test_a_list_says_who_said_what_and_when():
    said = [
        {"role": "user", "content": "hello", "ignored": {"$where": 1}},
        {"speaker": "Bob", "text": "hi", "start_time": 3, "end_time": 4.5},
        {"role": "assistant", "content": "yes"},
    ]
    assert told(said) == [("client", "hello"), ("speaker_1", "hi"), ("agent", "yes")]
    assert times(said) == [(0.0, 3.0), (3.0, 4.5), (3.5, 4.0)]


def test_a_list_that_is_out_of_order_is_put_in_order():
    said = [{"role": "user", "content": "b", "start_time": 2}, {"role": "agent", "content": "a", "start_time": 1}]
    assert told(said) == [("agent", "a"), ("client", "b")]


@pytest.mark.parametrize(
    "transcript",
    [
        None,
        5,
        b"User: hello",
        {"role": "user", "content": "x"},
        ["User: hello"],
        [{"role": "user"}],
        [{"content": "x"}],
        [{"role": 5, "content": "x"}],
        [{"role": "user", "content": ["x"]}],
        [{"role": "x" * 61, "content": "x"}],
        [{"role": "user", "content": "x", "start_time": -1}],
        [{"role": "user", "content": "x", "start_time": "1"}],
        [{"role": "user", "content": "x", "end_time": float("nan")}],
        [{"role": "user", "content": "x", "end_time": True}],
        [{"role": "user", "content": "x" * (MOST_CHARACTERS + 1)}],
        [{"role": "user", "content": "x"}] * (MOST_LINES + 1),
        "x" * (MOST_CHARACTERS + 1),
        "\r" * (MOST_LINES + 1),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_no_conversation_is_refused_naming_the_field(transcript):
    with pytest.raises(BadTranscript) as refused:
        conversation_of(transcript)
    assert set(refused.value.fields) == {"transcript"}


def test_a_long_turn_is_split_at_the_ends_of_sentences():
    parts = conversation_of("Agent: " + "This is a sentence. " * 300)
    assert len(parts) == 3
    assert all(part["text"].endswith("sentence.") and len(part["text"]) <= LONGEST_SEGMENT for part in parts)
    assert [part["speaker"] for part in parts] == ["agent"] * 3


@pytest.mark.parametrize(
    "text",
    [
        "a" * MOST_CHARACTERS,
        ": " * (MOST_CHARACTERS // 2),
        "Agent " * 30_000,
        "*" * MOST_CHARACTERS,
        "[00:00:00" * 20_000,
        "Agent (" * 25_000,
        " " * 100 + ":" + " " * 100_000,
        ("A b c d e" + " " * 60 + "(x\n") * 2500,
        ("26/11/2026, 10:22 - " + "a " * 40 + "\n") * 1900,
        "joe@a.b.c.d.e.f" * 13_000,
        "+1 (202) 555-" * 15_000,
        "10:22 AM " * 22_000,
        "26/11/2026 " * 18_000,
    ],
    ids=lambda value: value[:10],
)
def test_no_text_takes_long(text):
    # A pattern that goes astray takes minutes, which the test's own limit ends.
    assert len(conversation_of(text)) < MOST_LINES


WORDS = st.lists(st.text("abcdefgüß’$☕", min_size=1, max_size=8), min_size=1, max_size=12)
LABELS = st.sampled_from(
    ["Agent: ", "**User:** ", "[00:00:07] Bot: ", "00:09 - Client: ", "AI (00:00:03): ", "Kunde: "]
)
TURNS = st.lists(st.tuples(LABELS, st.lists(WORDS, min_size=1, max_size=3)), min_size=1, max_size=8)


@given(TURNS)
@settings(max_examples=scaled(100, 2000), deadline=None)
def test_every_word_but_the_labels_is_kept_in_order(turns):
    text = "\n".join(label + "\n".join(" ".join(words) for words in lines) for label, lines in turns)
    expected = [word for _, lines in turns for words in lines for word in words]
    assert " ".join(said for _, said in told(text)).split() == expected


ANYTHING = st.text(st.one_of(st.characters(), st.sampled_from("::[]()*-\n\n 0123456789"))) | st.lists(
    st.sampled_from(
        ["Agent:", "User (", "[00:01]", "12:60", "**", "\n", "\0", "Maria:", " ", "x", "\u2028", "99:99:99"]
    ),
    max_size=40,
).map("".join)


@given(ANYTHING)
@settings(max_examples=scaled(200, 5000), deadline=None)
def test_any_text_at_all_is_read(text):
    segments = conversation_of(text)
    assert len({segment["segment_id"] for segment in segments}) == len(segments)
    last = 0.0
    for segment in segments:
        assert 0 < len(segment["text"]) <= LONGEST_SEGMENT
        assert "\0" not in segment["text"]
        assert last <= segment["start_time"] <= segment["end_time"]
        last = segment["start_time"]
    # What is left out are labels and times: what is there stands in the text, in that order.
    rest = iter(text.replace("\0", "\ufffd"))
    assert all(character in rest for segment in segments for character in segment["text"] if not character.isspace())
