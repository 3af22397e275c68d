"""History in words."""

from datetime import UTC, datetime

from crm.call_history import told

AT = datetime(2026, 11, 26, 12, tzinfo=UTC)
PEOPLE = {1: "Sam Supervisor", 2: "Dana Agent"}
STATUSES = {"3": "New", "4": "Done"}


def in_words(*entries):
    return [
        (one["by"], one["did"], one["before"], one["after"])
        for one in told(({"by": 1, "at": AT, **entry} for entry in entries), people=PEOPLE, statuses=STATUSES)
    ]


def test_the_newest_is_first_and_statuses_are_called_by_their_names():
    assert in_words(
        {"act": "opened", "by": 2},
        {"act": "moved", "before": None, "after": "3"},
        {"act": "moved", "before": "3", "after": "99"},
    ) == [
        ("Sam Supervisor", "changed the status", "New", "status 99"),
        ("Sam Supervisor", "changed the status", "no status", "New"),
        ("Dana Agent", "opened the call", None, None),
    ]


def test_each_field_is_told_with_what_it_was_and_is():
    before = {"assigned_to_id": None, "subject": "A parcel"}
    after = {"assigned_to_id": 2, "metadata": None, "subject": ""}
    assert in_words({"act": "changed", "before": before, "after": after}) == [
        ("Sam Supervisor", "changed the subject", "A parcel", "nothing"),
        ("Sam Supervisor", "changed the metadata", None, None),
        ("Sam Supervisor", "changed the assignee", "nobody", "Dana Agent"),
    ]


def test_fields_without_values_as_older_entries_have_them_are_told_too():
    assert in_words({"act": "changed", "after": ["subject"]}) == [("Sam Supervisor", "changed the subject", None, None)]


def test_speakers_are_called_as_the_lines_call_them():
    assert in_words({"act": "speaker_renamed", "before": "speaker_3", "after": "Maria"}) == [
        ("Sam Supervisor", "renamed a speaker", "Speaker 3", "Maria")
    ]


def test_who_is_no_more_is_somebody():
    assert in_words({"act": "noted", "by": 77, "about": "x"}) == [("Somebody", "wrote a note", None, None)]


def test_a_correction_names_its_line():
    [one] = told(
        [{"act": "text_corrected", "by": 1, "at": AT, "about": "seg", "before": "a", "after": "b"}],
        people=PEOPLE,
        statuses={},
    )
    assert (one["line"], one["before"], one["after"]) == ("seg", "a", "b")


def test_a_merge_names_both_and_a_verdict_its_flag():
    merged = {"act": "speakers_merged", "before": "speaker_3", "after": "client"}
    judged = {"act": "flag_judged", "about": "f1", "before": "right", "after": "wrong"}
    entries = [{"by": 1, "at": AT, **one} for one in (merged, judged, judged | {"about": "gone"})]
    shown = told(entries, people=PEOPLE, statuses={}, flags={"f1": "Long silence"})
    assert [(one["did"], one["before"], one["after"]) for one in shown] == [
        ("judged a flag", "right", "wrong"),
        ("judged the flag “Long silence”", "right", "wrong"),
        ("merged Speaker 3 into Client", None, None),
    ]
