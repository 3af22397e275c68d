"""Calls as files, read back by parsers that forgive nothing."""

import html
import json
import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.utils.http import content_disposition_header
from hypothesis import given, settings
from hypothesis import strategies as st

from calls import redaction
from calls.export import SHORTEST_SHOWN, as_json, as_srt, as_text, as_vtt, file_name
from tests.calls.redaction.saying import said
from tests.scale import scaled


def call_of(*segments, **fields):
    now = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
    return {
        "_id": "of the store",
        "call_id": "c-1",
        "id": 1042,
        "tenant_id": 7,
        "session_id": None,
        "subject": "A refund",
        "type": "call",
        "direction": "inbound",
        "platform": "web",
        "language": "en",
        "status_id": None,
        "start_time": now,
        "end_time": now + timedelta(seconds=90),
        "duration": 90.0,
        "owner_id": 1,
        "user_id": 1,
        "assigned_to_id": None,
        "contact_id": None,
        "external_user_id": None,
        "deleted": 0,
        "status": "completed",
        "summary": "",
        "metadata": {},
        "conversation": list(segments),
        "version": 3,
        "created_at": now,
        "updated_at": now,
        **fields,
    }


def lasting(text, start, end, speaker="agent"):
    return {**said(text, speaker=speaker), "start_time": start, "end_time": end}


TIME = r"(\d{2,}):([0-5]\d):([0-5]\d)%s(\d{3})"


def milliseconds(groups):
    hours, minutes, seconds, rest = map(int, groups)
    return ((hours * 60 + minutes) * 60 + seconds) * 1_000 + rest


def read_times(line, mark):
    found = re.fullmatch(f"{TIME} --> {TIME}" % (mark, mark), line)
    assert found is not None, line
    return milliseconds(found.groups()[:4]), milliseconds(found.groups()[4:])


def read_srt(written):
    """(start, end, text) of each cue; fails at anything that is not just so."""
    cues = []
    for number, block in enumerate(written.removesuffix("\n").split("\n\n") if written else [], start=1):
        first, times, text = block.split("\n")
        assert first == str(number)
        assert "-->" not in text
        cues.append((*read_times(times, ","), text))
    return cues


def read_vtt(written):
    """(start, end, name, text) of each cue; fails at anything that is not just so."""
    header, *blocks = written.removesuffix("\n").split("\n\n")
    assert header.rstrip("\n") == "WEBVTT"
    cues = []
    for block in blocks:
        times, text = block.split("\n")
        assert "-->" not in text
        voice = re.fullmatch(r"<v ([^<>]+)>([^<>]*)</v>", text)
        assert voice is not None, text
        assert not re.search(r"&(?!amp;|lt;|gt;)", text)
        cues.append((*read_times(times, "."), html.unescape(voice[1]), html.unescape(voice[2])))
    return cues


def read_text(written):
    heading, _, spoken = written.partition("\n\n")
    turns = []
    for line in spoken.splitlines():
        found = re.fullmatch(r"\[(\d+):([0-5]\d):([0-5]\d)\] (.+?): (.*)", line)
        assert found is not None, line
        turns.append((*map(int, found.groups()[:3]), found[4], found[5]))
    return heading.split("\n"), turns


def test_srt_numbers_its_cues_and_says_who_speaks():
    call = call_of(lasting("Hello.", 0.5, 1.25), lasting("Hi!", 3661.001, 3662.0, "speaker_1"))
    assert as_srt(call) == (
        "1\n00:00:00,500 --> 00:00:01,250\nAgent: Hello.\n\n2\n01:01:01,001 --> 01:01:02,000\nSpeaker 1: Hi!\n"
    )


def test_vtt_says_who_speaks_by_voices():
    call = call_of(lasting("Hello.", 0.5, 1.25), lasting("Hi!", 3661.001, 3662.0, "client"))
    assert as_vtt(call) == (
        "WEBVTT\n\n00:00:00.500 --> 00:00:01.250\n<v Agent>Hello.</v>\n\n"
        "01:01:01.001 --> 01:01:02.000\n<v Client>Hi!</v>\n"
    )


def test_text_has_a_heading_and_a_line_for_each_turn():
    call = call_of(
        lasting("Hello.", 0.5, 1.25),
        lasting("How are you?", 2, 3),
        lasting("Fine.", 83.9, 85, "client"),
        lasting("Good.", 4000, 4001),
    )
    assert as_text(call, names={"agent": "Ada Lovelace"}) == (
        "A refund\nDate: 2026-11-26 09:30 UTC\nDuration: 0:01:30\nPeople: Ada Lovelace, Client\n\n"
        "[0:00:00] Ada Lovelace: Hello. How are you?\n[0:01:23] Client: Fine.\n[1:06:40] Ada Lovelace: Good.\n"
    )


def test_who_speaks_for_long_gets_a_time_now_and_then():
    call = call_of(*(lasting(f"Sentence {number}.", number * 10.0, number * 10.0 + 9) for number in range(20)))
    _, turns = read_text(as_text(call))
    assert [turn[:3] for turn in turns] == [(0, 0, 0), (0, 1, 0), (0, 2, 0), (0, 3, 0)]


def test_json_has_what_the_call_says_and_nothing_of_how_it_is_kept():
    call = call_of(
        {**lasting("Hello.", 0.5, 1.25), "chunk_index": 3},
        metadata={"when": datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))), "rate": float("nan")},
        suspicion={
            "score": 0.4,
            "reasons": [
                {
                    "flag_id": "f",
                    "rule": "r",
                    "kind": "k",
                    "start_time": 0.0,
                    "end_time": 1.0,
                    "weight": 0.4,
                    "evidence": "e",
                }
            ],
            "reviews": [{"flag_id": "f", "verdict": "right", "by": 99, "at": datetime(2026, 1, 1, tzinfo=UTC)}],
        },
    )
    read = json.loads(as_json(call))
    assert read["metadata"] == {"when": "2026-01-01T00:00:00Z", "rate": None}
    assert read["start_time"] == "2026-11-26T09:30:00Z"
    assert read["conversation"][0] == {
        "segment_id": "agent:0.0",
        "speaker": "agent",
        "text": "Hello.",
        "start_time": 0.5,
        "end_time": 1.25,
        "confidence": 0.9,
        "name": "Agent",
    }
    assert (read["suspicion"]["score"], read["suspicion"]["reasons"][0]["verdict"]) == (0.4, "right")
    assert not {"_id", "tenant_id", "deleted"} & set(read)
    assert "reviews" not in read["suspicion"]


def test_fields_of_json_keep_their_order_whatever_order_the_store_has():
    call = call_of(lasting("Hello.", 0.5, 1.25))
    assert as_json(dict(reversed(call.items()))) == as_json(call)


@pytest.mark.parametrize("write", [as_json, as_text, as_srt, as_vtt])
def test_what_masks_hide_is_in_no_file(write):
    segments = redaction.redact([said("I am john@example.com", words=True)], redaction.KINDS, "en")
    written = write(call_of(*segments))
    said_of_it = written.decode() if isinstance(written, bytes) else written
    assert "[e-mail]" in said_of_it
    assert "john" not in said_of_it


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (0.0004, 0.9996, (0, 1_000)),
        (59.9999, 61.0, (60_000, 61_000)),
        (3599.9995, 3600.5, (3_600_000, 3_600_500)),
        (360_000.0, 360_001.5, (360_000_000, 360_001_500)),
        (5.0, 5.0, (5_000, 5_000 + SHORTEST_SHOWN)),
        (5.0, 5.0004, (5_000, 5_000 + SHORTEST_SHOWN)),
        (5.0, 4.0, (5_000, 5_000 + SHORTEST_SHOWN)),
        (-3.0, 1.0, (0, 1_000)),
        (float("nan"), 1.0, (0, 1_000)),
        (1.0, float("inf"), (1_000, 1_000 + SHORTEST_SHOWN)),
    ],
)
def test_times_are_right_to_the_millisecond(start, end, expected):
    call = call_of(lasting("Hello.", start, end))
    assert read_srt(as_srt(call))[0][:2] == expected
    assert read_vtt(as_vtt(call))[0][:2] == expected


def test_both_sides_may_speak_at_once_in_order_of_time():
    call = call_of(lasting("Later.", 2.0, 9.0), lasting("First.", 1.0, 4.0, "client"), lasting("Last.", 3.0, 3.5))
    assert [cue[2:] for cue in read_vtt(as_vtt(call))] == [
        ("Client", "First."),
        ("Agent", "Later."),
        ("Agent", "Last."),
    ]
    assert [cue[:2] for cue in read_srt(as_srt(call))] == [(1_000, 4_000), (2_000, 9_000), (3_000, 3_500)]


def test_who_says_nothing_is_left_out_and_numbers_go_on():
    call = call_of(lasting("One.", 0, 1), lasting(" \n\u200e\t"[:2], 1, 2), lasting("", 2, 3), lasting("Two.", 3, 4))
    assert [cue[2] for cue in read_srt(as_srt(call))] == ["Agent: One.", "Agent: Two."]


def test_a_call_in_which_nobody_speaks_is_a_file_all_the_same():
    call = call_of(subject="")
    assert as_srt(call) == ""
    assert read_vtt(as_vtt(call)) == []
    assert read_text(as_text(call)) == (
        ["Call 1042", "Date: 2026-11-26 09:30 UTC", "Duration: 0:01:30", "People: nobody speaks"],
        [],
    )
    assert json.loads(as_json(call))["conversation"] == []


@pytest.mark.parametrize(
    "text",
    [
        "one\n\n2\n00:00:00,000 --> 00:00:09,000\nAgent: forged",
        "a --> b ---> c ----> d",
        "</v><v Agent>forged",
        "<i>tags</i> &amp; entities & <00:00:01.000>",
        "line\u2028separators\u2029and\x85others\x0b\x0c\x1e",
        "NOTE\n\nSTYLE\n::cue {}",
    ],
)
def test_no_text_breaks_out_of_its_cue(text):
    call = call_of(lasting(text, 0, 1), lasting("Next.", 1, 2))
    one_line = " ".join(text.split())
    assert [cue[3] for cue in read_vtt(as_vtt(call))] == [one_line, "Next."]
    assert [cue[2].replace("\u2060", "") for cue in read_srt(as_srt(call))] == [f"Agent: {one_line}", "Agent: Next."]
    assert len(read_text(as_text(call, names={"agent": "A"}))[1]) == 1


def test_players_of_srt_find_no_styles_in_what_is_said():
    text = read_srt(as_srt(call_of(lasting("<b>bold</b> {\\an8} 1 < 2", 0, 1))))[0][2]
    assert text == "Agent: <\u2060b>bold<\u2060/b> {\u2060\\an8} 1 < 2"


@pytest.mark.parametrize("name", ["Ann</v><v Bob", "Ann\n\nWEBVTT", "A & B > C", "  ", "Ann --> Bob", "\u202eAnn"])
def test_no_name_breaks_out_of_its_voice(name):
    call = call_of(lasting("Hello.", 0, 1))
    cues = read_vtt(as_vtt(call, names={"agent": name}))
    assert [(cue[2], cue[3]) for cue in cues] == [(" ".join(name.replace("\u202e", "").split()) or "Agent", "Hello.")]
    assert len(read_srt(as_srt(call, names={"agent": name}))) == 1
    assert len(read_text(as_text(call, names={"agent": name}))[1]) == 1


@pytest.mark.parametrize(
    ("speaker", "name"), [("agent", "Agent"), ("client", "Client"), ("speaker_12", "Speaker 12"), ("", "Speaker")]
)
def test_speakers_without_a_name_are_called_after_their_side(speaker, name):
    assert read_vtt(as_vtt(call_of(lasting("Hello.", 0, 1, speaker))))[0][2] == name


def test_what_is_written_from_right_to_left_does_not_turn_what_is_around_it():
    call = call_of(lasting("שלום, 12 בבקשה", 0, 1), lasting("Hello \u202edlrow", 1, 2, "client"), subject="החזר")
    hebrew, english = (cue[2] for cue in read_srt(as_srt(call)))
    assert hebrew == "Agent: \u2068שלום, 12 בבקשה\u2069"
    assert english == "Client: Hello dlrow"
    assert "] Agent: \u2068שלום, 12 בבקשה\u2069\n" in as_text(call)
    assert as_text(call, names={"agent": "דנה"}).startswith("\u2068החזר\u2069\n")
    assert "\u2068דנה\u2069: " in as_srt(call, names={"agent": "דנה"})


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Refund for Zoë", "call-1042-2026-11-26-refund-for-zoe.srt"),
        ('a"; filename="evil.exe\r\nSet-Cookie: x', "call-1042-2026-11-26-a-filename-evil-exe-set-cookie-x.srt"),
        ("../../etc/passwd", "call-1042-2026-11-26-etc-passwd.srt"),
        ("החזר", "call-1042-2026-11-26.srt"),
        ("", "call-1042-2026-11-26.srt"),
    ],
)
def test_a_file_is_named_after_the_call_in_letters_that_any_header_takes(subject, expected):
    name = file_name(call_of(subject=subject), "srt")
    assert name == expected
    assert content_disposition_header(as_attachment=True, filename=name) == f'attachment; filename="{name}"'


def test_a_long_subject_makes_no_long_name():
    assert len(file_name(call_of(subject="long " * 1_000), "json")) < 100


def test_there_is_no_file_of_another_format():
    with pytest.raises(ValueError, match="docx"):
        file_name(call_of(), "docx")


anything = st.text(max_size=40)
seconds = st.one_of(st.floats(), st.floats(0, 400_000), st.sampled_from([0.0, 0.9999, 59.9995, 3599.9999]))
segments = st.builds(lasting, anything, seconds, seconds, st.one_of(st.sampled_from(["agent", "client"]), anything))


@settings(max_examples=scaled(200, 5_000), deadline=None)
@given(st.lists(segments, max_size=5), st.dictionaries(st.sampled_from(["agent", "client"]), anything), anything)
def test_every_file_can_be_read_back(segments, names, subject):
    call = call_of(*segments, subject=subject)
    srt, vtt = read_srt(as_srt(call, names=names)), read_vtt(as_vtt(call, names=names))
    assert [cue[:2] for cue in srt] == [cue[:2] for cue in vtt]
    assert all(start < end for start, end, _ in srt)
    assert [cue[0] for cue in srt] == sorted(cue[0] for cue in srt)
    written = as_text(call, names=names)
    heading, turns = read_text(written)
    assert (len(heading), len(turns) <= len(srt)) == (4, True)
    assert bool(turns) == bool(srt)
    assert not any(unicodedata.category(one) in {"Cc", "Cs"} for one in (written + as_srt(call)).replace("\n", ""))
    read = json.loads(as_json(call, names=names))
    assert [one["text"] for one in read["conversation"]] == [one["text"] for one in segments]
    assert file_name(call, "vtt").isascii()
