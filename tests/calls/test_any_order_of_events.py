"""Whatever happens to a call in whatever order: its words stay in time order, each once, and corrections stay."""

import itertools
from collections import Counter
from datetime import UTC, datetime

import hypothesis
import pytest
from django.conf import settings as configured
from hypothesis import HealthCheck
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from calls import board, conversations, editing, opening, statuses, store
from calls.documents import Emotion, Segment, segment_id_of
from calls.errors import StaleVersion
from tests.scale import scaled

_calls = itertools.count(1)
TEXTS = ["yes", "$no", "a.b", "$$ROOT", "café ☕", "I should like my money back"]
EMOTIONS = ["positive", "tense", "unknown"]


def heard(part, number, texts):
    """What one hearing of a part says; every hearing divides its thirty seconds otherwise."""
    each = 30.0 / max(len(texts), 1)
    return [
        Segment(
            segment_id=segment_id_of("s", part, position),
            speaker="agent" if position % 2 else "client",
            text=text,
            start_time=round(number * 30.0 + position * each, 3),
            end_time=round(number * 30.0 + (position + 1) * each, 3),
            confidence=0.5,
            chunk_index=number,
        )
        for position, text in enumerate(texts)
    ]


class ACall(RuleBasedStateMachine):
    """Beside the real call stands what it must be: what each part and each id last said, and what people said."""

    user, counted = None, Counter()

    def __init__(self):
        super().__init__()
        self.call_id = f"any-order-{next(_calls)}"
        opening.open_call(user=self.user, call_id=self.call_id, start_time=datetime.now(UTC), session_id=self.call_id)
        self.parts, self.named, self.emotions, self.corrected = {}, {}, {}, {}
        self.statuses = [None, *(str(status.pk) for status in statuses.of(self.user.tenant_id))]
        self.status, self.notes = None, []
        self.counted[None] += 1

    @property
    def where(self):
        return {"tenant_id": self.user.tenant_id, "call_id": self.call_id}

    def read(self):
        return conversations.read_call(self.user, self.call_id)

    @rule(number=some.integers(0, 6), texts=some.lists(some.sampled_from(TEXTS), max_size=5))
    def a_part_is_heard(self, number, texts):
        part = f"{number:04d}"
        segments = heard(part, number, texts)
        conversations.store_segments(**self.where, parts=[part], segments=segments, end_time=(number + 1) * 30.0)
        self.parts[part], self.emotions[part] = segments, []

    @rule(
        ids=some.lists(some.sampled_from("abcdefgh"), min_size=1, max_size=6, unique=True),
        start=some.integers(0, 200),
        text=some.sampled_from(TEXTS),
    )
    def segments_are_stored_by_their_ids(self, ids, start, text):
        segments = [
            Segment(
                segment_id=identity,
                speaker="client",
                text=text,
                start_time=start + position / 10,
                end_time=start + position / 10 + 5,
                confidence=1.0,
            )
            for position, identity in enumerate(ids)
        ]
        conversations.upsert_segments(**self.where, segments=segments)
        self.named |= {segment["segment_id"]: segment for segment in segments}

    @precondition(lambda self: any(self.parts.values()))
    @rule(data=some.data())
    def emotion_is_estimated(self, data):
        part = data.draw(some.sampled_from([part for part, said in self.parts.items() if said]))
        names = data.draw(some.lists(some.sampled_from(EMOTIONS), max_size=len(self.parts[part])))
        estimates = [
            Emotion(
                segment_id=segment["segment_id"],
                start_time=segment["start_time"],
                end_time=segment["end_time"],
                emotion=name,
                score=0.5,
                method="words",
                engine="ours",
                model="rules",
                version="1",
            )
            for segment, name in zip(self.parts[part], names, strict=False)
        ]
        conversations.store_estimates(**self.where, parts=[part], emotions=estimates, flags=None)
        self.emotions[part] = estimates

    @precondition(lambda self: self.read()["conversation"])
    @rule(data=some.data(), number=some.integers(0, 10**6))
    def a_line_is_corrected(self, data, number):
        segment = data.draw(some.sampled_from(self.read()["conversation"]))
        text = f"What was said is {number} %"
        after = editing.correct(self.user, self.call_id, segment["segment_id"], text=text)
        assert after["text"] == text
        assert (after["start_time"], after["end_time"]) == (segment["start_time"], segment["end_time"])
        self.corrected[after["correction_id"]] = text

    @rule(data=some.data())
    def the_card_is_moved(self, data):
        self.counted[self.status] -= 1
        self.status = data.draw(some.sampled_from(self.statuses))
        self.counted[self.status] += 1
        version = self.read()["version"]
        board.move(self.user, self.call_id, status_id=self.status, version=version)
        with pytest.raises(StaleVersion):
            board.move(self.user, self.call_id, status_id=self.status, version=version)

    @rule(text=some.sampled_from(TEXTS))
    def a_note_is_written(self, text):
        self.notes.append(editing.note(self.user, self.call_id, text)["note_id"])

    @rule()
    def it_ends(self):
        conversations.finish_call(**self.where, state="completed", end_time=datetime.now(UTC), duration=1.0)

    @invariant()
    def what_the_sources_say_is_kept_in_time_order_and_once(self):
        kept = store.find(self.where)["conversation"]
        expected = [segment for said in self.parts.values() for segment in said] + list(self.named.values())
        in_order = sorted(expected, key=lambda segment: (segment["start_time"], segment["segment_id"]))
        assert kept == in_order

    @invariant()
    def what_is_shown_is_in_time_order_and_once_with_every_correction(self):
        shown = self.read()["conversation"]
        ids = [segment["segment_id"] for segment in shown]
        assert len(ids) == len(set(ids))
        assert [segment["start_time"] for segment in shown] == sorted(segment["start_time"] for segment in shown)
        written = {one["correction_id"]: one["text"] for one in shown if "correction_id" in one}
        assert written == self.corrected

    @invariant()
    def emotions_are_of_the_segments_that_there_are(self):
        call = self.read()
        expected = [estimate for estimates in self.emotions.values() for estimate in estimates]
        by_id = sorted(expected, key=lambda one: (one["start_time"], one["segment_id"]))
        assert call.get("emotions", []) == by_id
        seconds = {}
        for one in by_id:
            if one["emotion"] != "unknown":
                seconds[one["emotion"]] = seconds.get(one["emotion"], 0) + one["end_time"] - one["start_time"]
        shares = {emotion: length / sum(seconds.values()) for emotion, length in seconds.items()}
        assert call.get("final_emotions", {}) == pytest.approx(shares, abs=0.001)

    @invariant()
    def it_is_counted_where_it_is(self):
        call = self.read()
        assert call["status_id"] == self.status
        assert [note["note_id"] for note in call.get("notes", [])] == self.notes
        assert store.counts(self.user.tenant_id) == {status: count for status, count in self.counted.items() if count}


@pytest.mark.parametrize("bucket", [4, 400], ids=["in buckets", "in one document"])
def test_any_order_of_events_keeps_order_uniqueness_and_corrections(supervisor, settings, bucket):
    settings.EARSHOT_BUCKET_SEGMENTS = bucket
    assert bucket == configured.EARSHOT_BUCKET_SEGMENTS
    for name in ("New", "Open", "Done"):
        statuses.create(supervisor.tenant_id, {"name": name})
    machine = type("ACallOfOurs", (ACall,), {"user": supervisor, "counted": Counter()})
    run_state_machine_as_test(
        machine,
        settings=hypothesis.settings(
            max_examples=scaled(12, 200),
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
