"""A sentence that the boundary between two chunks cuts is written down once and whole, whichever comes first."""

from itertools import pairwise

import numpy as np
import pytest

from audio import hearing, progress, sessions
from audio.analysis import engines, voice_activity
from audio.analysis.pocketsphinx_engine import PocketsphinxTranscriber
from audio.analysis.transcription import Passage
from audio.models import AnalysisJob, AudioChunk
from audio.states import HEARING
from calls import conversations
from tests.builders import do_all_jobs, make_session, put_chunk
from tests.scale import scaled
from tests.sound import SAMPLE_RATE, encode, silence, speech

# Three sentences, the first of nearly eight seconds without a pause.
SPOKEN = speech()[: 15 * SAMPLE_RATE]
TENTHS = range(3, 147)
# 11.9 lies in a word whose rest the detector of voice does not know for speech by itself.
CUTS = scaled([1.1, 7.9, 11.9, 13.0], [tenth / 10 for tenth in TENTHS])


def put(api, session, index, samples, *, start, sent_as="wav"):
    """A chunk as a recorder sends it, which knows its samples."""
    first = round(start * SAMPLE_RATE)
    response = put_chunk(
        api,
        session,
        index,
        encode(samples, container=sent_as),
        content_type="audio/wav" if sent_as == "wav" else "audio/ogg",
        HTTP_X_SAMPLE_RANGE=f"{first}-{first + samples.shape[-1] - 1}/{SAMPLE_RATE}",
    )
    assert response.status_code == 201, response.content


def hear_all():
    """All but transcoding: what is lossless stays so, and the same sound is the same however often it is heard."""
    do_all_jobs(HEARING)


def cut_at(samples, *times):
    """The samples in pieces, with where each begins in seconds."""
    edges = [0, *(round(time * SAMPLE_RATE) for time in times), samples.shape[-1]]
    return [(index, samples[..., start:end], start / SAMPLE_RATE) for index, (start, end) in enumerate(pairwise(edges))]


def words_of(user, session, *, speaker=None):
    conversation = conversations.read_call(user, session.call_id)["conversation"]
    assert conversation == sorted(conversation, key=lambda segment: segment["start_time"])
    return [
        word
        for segment in conversation
        for word in segment["words"]
        if speaker is None or segment["speaker"] == speaker
    ]


@pytest.fixture(scope="module")
def uncut():
    """What is heard when nothing is cut: texts, and their times."""
    engine = PocketsphinxTranscriber()
    engine.load()
    return engine.run(Passage(SPOKEN, voice_activity.detect(SPOKEN).regions))


@pytest.mark.parametrize("order", ["in order", "the last first"])
@pytest.mark.parametrize("cut", CUTS)
def test_a_sentence_cut_in_two_loses_and_doubles_no_word(api, agent, session, uncut, cut, order):  # noqa: PLR0917
    pieces = cut_at(SPOKEN, cut)
    for index, samples, start in pieces if order == "in order" else reversed(pieces):
        put(api, session, index, samples, start=start)
        hear_all()
    said = words_of(agent, session)
    assert [word["text"] for word in said] == [word.text for word in uncut]
    assert [word["start_time"] for word in said] == pytest.approx([word.start_time for word in uncut], abs=0.05)
    assert AudioChunk.objects.get(chunk_index=1).is_joined


def test_the_last_words_are_provisional_until_what_follows_them_comes(api, agent, session):
    (_, head, _), (_, tail, start) = cut_at(SPOKEN, 10.3)
    put(api, session, 0, head, start=0.0)
    hear_all()
    conversation = conversations.read_call(agent, session.call_id)["conversation"]
    assert [segment.get("provisional", False) for segment in conversation][-1]
    assert not conversation[0].get("provisional", False)
    before = AudioChunk.objects.get(chunk_index=0)
    assert before.transcription.endswith(conversation[-1]["text"])
    assert not before.is_joined

    put(api, session, 1, tail, start=start)
    hear_all()
    provisional = [
        segment
        for segment in conversations.read_call(agent, session.call_id)["conversation"]
        if segment.get("provisional")
    ]
    assert all(segment["segment_id"].split(":")[1] == "0002-" for segment in provisional)
    texts = [chunk.transcription for chunk in AudioChunk.objects.order_by("chunk_index")]
    assert " ".join(texts).split() == [word["text"] for word in words_of(agent, session)]
    assert AudioChunk.objects.get(chunk_index=1).is_joined


def test_at_the_end_of_the_recording_nothing_is_provisional(api, agent, session):
    put(api, session, 0, SPOKEN[: 10 * SAMPLE_RATE], start=0.0)
    hear_all()
    assert any(
        segment.get("provisional") for segment in conversations.read_call(agent, session.call_id)["conversation"]
    )
    sessions.complete(session, total_chunks=1)
    call = conversations.read_call(agent, session.call_id)
    assert call["status"] == "completed"
    assert call["conversation"]
    assert not any(segment.get("provisional") for segment in call["conversation"])


def test_two_chunks_that_do_not_follow_one_another_are_not_joined(api, agent, session):
    head, tail = SPOKEN[: round(4.2 * SAMPLE_RATE)], SPOKEN[round(4.2 * SAMPLE_RATE) :]
    put(api, session, 0, head, start=0.0)
    put(api, session, 1, tail, start=60.0)
    hear_all()
    times = [word["start_time"] for word in words_of(agent, session)]
    assert [time for time in times if 4.3 < time < 60.0] == []
    assert times[0] < 4.3
    assert times[-1] > 60.0


def test_each_channel_is_cut_in_a_pause_of_its_own(api, agent, uncut):
    session = make_session(agent, channels=2)
    # The client says the same three seconds later, so that no moment suits both.
    both = np.stack([np.concatenate([SPOKEN, silence(3.0)]), np.concatenate([silence(3.0), SPOKEN])])
    for index, samples, start in cut_at(both, 9.0):
        put(api, session, index, samples, start=start)
    hear_all()
    texts = [word.text for word in uncut]
    assert [word["text"] for word in words_of(agent, session, speaker="agent")] == texts
    assert [word["text"] for word in words_of(agent, session, speaker="client")] == texts


def test_a_boundary_is_left_to_the_one_after_it_and_heard_once_all_the_same(api, agent, session, uncut):
    """Both are measured before either is transcribed, as when transcription is behind."""
    for index, samples, start in cut_at(SPOKEN, 10.3):
        put(api, session, index, samples, start=start)
    for job in AnalysisJob.objects.filter(kind="analysis").order_by("pk"):
        hearing.work(job.pk, task_id="measured")
    first, second = AnalysisJob.objects.filter(kind="transcription").order_by("chunk__chunk_index")
    hearing.work(first.pk, task_id="first")
    parts = {
        segment["segment_id"].split(":")[1]
        for segment in conversations.read_call(agent, session.call_id)["conversation"]
    }
    assert parts == {"0000"}
    hearing.work(second.pk, task_id="second")
    assert [word["text"] for word in words_of(agent, session)] == [word.text for word in uncut]


def test_what_a_chunk_left_to_one_that_cannot_be_heard_it_hears_itself(api, agent, session, settings):
    for index, samples, start in cut_at(SPOKEN, 10.3):
        put(api, session, index, samples, start=start)
    for job in AnalysisJob.objects.filter(kind="analysis").order_by("pk"):
        hearing.work(job.pk, task_id="measured")
    first, second = AnalysisJob.objects.filter(kind="transcription").order_by("chunk__chunk_index")
    hearing.work(first.pk, task_id="first")
    for job in AnalysisJob.objects.filter(kind="interpretation"):
        hearing.work(job.pk, task_id="first")
    doomed = progress.begin(second.pk, task_id="doomed")
    progress.give_up(doomed, error="The engine died.")
    hear_all()
    last = [word["end_time"] for word in words_of(agent, session)][-1]
    assert last > 10.0


def test_hearing_a_chunk_again_changes_no_word(api, agent, session):
    for index, samples, start in cut_at(SPOKEN, 4.2, 10.3):
        put(api, session, index, samples, start=start)
    hear_all()
    before = conversations.read_call(agent, session.call_id)["conversation"]
    assert len(before) > 2
    for chunk in AudioChunk.objects.order_by("-chunk_index"):
        progress.try_again(chunk)
        hear_all()
        assert conversations.read_call(agent, session.call_id)["conversation"] == before


class Interrupted:
    """The real engine; while it hears its first passage, something else happens."""

    def __init__(self, meanwhile):
        self.real = PocketsphinxTranscriber()
        self.name, self.engine = self.real.name, self.real.engine
        self.model, self.version = self.real.model, self.real.version
        self.load = self.real.load
        self.meanwhile = [meanwhile]

    def run(self, given):
        if self.meanwhile:
            self.meanwhile.pop()()
        return self.real.run(given)


def test_a_half_that_comes_late_does_not_take_the_place_of_the_whole(api, agent, session, uncut, monkeypatch):
    """The worker of the first chunk began before the second one came, and is the last to end."""
    (_, head, _), (index, tail, start) = cut_at(SPOKEN, 10.3)

    def the_second_one_comes_and_is_heard():
        put(api, session, index, tail, start=start)
        for kind in ("analysis", "transcription"):
            hearing.work(AnalysisJob.objects.get(chunk__chunk_index=index, kind=kind).pk, task_id=kind)

    engine = Interrupted(the_second_one_comes_and_is_heard)
    monkeypatch.setattr(engines, "transcriber", lambda: engine)
    put(api, session, 0, head, start=0.0)
    hear_all()
    assert engine.meanwhile == []
    assert [word["text"] for word in words_of(agent, session)] == [word.text for word in uncut]


def test_a_chunk_that_is_heard_before_its_predecessor_is_measured_is_joined_all_the_same(
    api, agent, session, uncut, monkeypatch
):
    """The predecessor leaves the boundary to it, which is being heard by itself at that moment."""
    (_, head, _), (index, tail, start) = cut_at(SPOKEN, 10.3)

    def the_first_one_comes_and_is_heard():
        put(api, session, 0, head, start=0.0)
        for kind in ("analysis", "transcription"):
            hearing.work(AnalysisJob.objects.get(chunk__chunk_index=0, kind=kind).pk, task_id=kind)

    engine = Interrupted(the_first_one_comes_and_is_heard)
    monkeypatch.setattr(engines, "transcriber", lambda: engine)
    put(api, session, index, tail, start=start)
    hear_all()
    assert engine.meanwhile == []
    assert [word["text"] for word in words_of(agent, session)] == [word.text for word in uncut]
