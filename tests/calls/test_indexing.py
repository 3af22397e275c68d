"""The index follows the calls, whatever happens on the way."""

import io
import threading

import numpy as np
import pytest
from celery import current_app
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone

from calls import indexing, reconciling, store, vector_indexes
from calls.embedding import embedders
from calls.models import IndexedCall, IndexedSegment
from calls.store.client import BUCKETS, CALLS, collection
from metrics import mongo_clients
from tests.builders import bearer, make_tenant, make_user
from tests.calls.embedding.test_ollama import server
from tests.calls.indexed import answer, change, found_by, hold_call, index, say

HELLO, REFUND, PARCEL = "Good morning, how may I help", "I would like a refund please", "My parcel has not come yet"


@pytest.fixture
def api(supervisor):
    return bearer(supervisor)


@pytest.fixture(autouse=True)
def nothing_remembered():
    embedders.forget()


@pytest.fixture
def no_other_calls(transactional_db):
    """Calls of other tests, whose companies are gone, are not counted."""
    for name in (CALLS, BUCKETS):
        collection(name).delete_many({})


def rows_of(call_id):
    """The call's rows but for when they were written: the same in two runs when they say the same."""
    values = ("segment_id", "speaker", "text", "start_time", "end_time", "emotion", "words", "model", "dimension")
    segments = IndexedSegment.objects.filter(call__call_id=call_id).order_by("segment_id")
    return [(*row[:-1], tuple(row[-1])) for row in segments.values_list(*values, "vector")]


def texts_of(call_id):
    return list(
        IndexedSegment.objects.filter(call__call_id=call_id).order_by("start_time").values_list("text", flat=True)
    )


def is_stale(call_id):
    return IndexedCall.objects.get(call_id=call_id).stale_since is not None


def delete(user, call_id):
    store.change(tenant_id=user.tenant_id, call_id=call_id, values={"deleted": 1})


def test_what_is_said_again_otherwise_takes_the_place_of_what_was(agent):
    call_id = hold_call(agent, HELLO, REFUND, PARCEL)
    vectors = dict(IndexedSegment.objects.values_list("text", "vector"))
    say(agent, call_id, HELLO, "I want a voucher", indexed=False)
    indexing.index_stale()
    assert texts_of(call_id) == [HELLO, "I want a voucher"]
    kept = dict(IndexedSegment.objects.values_list("text", "vector"))
    assert list(kept[HELLO]) == list(vectors[HELLO])
    assert kept["I want a voucher"] is None
    indexing.embed_waiting()
    assert IndexedSegment.objects.filter(vector=None).count() == 0


def test_indexing_twice_is_the_same_as_once(agent):
    call_id = hold_call(agent, HELLO, REFUND, emotions=["calm", "angry"])
    before = rows_of(call_id)
    assert len(before) == 2
    indexing.mark_stale(agent.tenant_id, [call_id])
    index()
    assert rows_of(call_id) == before
    assert not is_stale(call_id)


def test_another_language_or_another_feeling_is_written_though_the_words_are_the_same(api, agent):
    call_id = hold_call(agent, "Wir haben die Rechnungen bezahlt", emotions=["calm"])
    assert [hit["matched"] for hit in answer(api, "Rechnung")["results"]] == [["meaning"]]
    change(agent, call_id, language="de", emotions=[])
    index()
    assert [hit["matched"] for hit in answer(api, "Rechnung")["results"]] == [["words", "meaning"]]
    assert list(IndexedSegment.objects.values_list("emotion", "model")) == [("", "all-MiniLM-L6-v2")]


def test_a_worker_that_died_over_a_call_leaves_it_to_the_next_one(agent, settings):
    call_id = hold_call(agent, HELLO, REFUND, indexed=False)
    assert [row.call_id for row in indexing._claim(None)] == [call_id]
    assert indexing.index_stale() == 0, "it is in other hands"
    settings.EARSHOT_INDEX_CLAIM_SECONDS = 0
    assert indexing.index_stale() == 1
    assert texts_of(call_id) == [HELLO, REFUND]


def test_who_comes_back_after_having_lost_a_call_writes_nothing(agent, settings):
    call_id = hold_call(agent, HELLO, indexed=False)
    (slow,) = indexing._claim(None)
    old = store.find({"tenant_id": agent.tenant_id, "call_id": call_id})
    say(agent, call_id, REFUND, indexed=False)
    settings.EARSHOT_INDEX_CLAIM_SECONDS = 0
    indexing.index_stale()
    assert indexing._write(slow, old) is False
    assert texts_of(call_id) == [REFUND]


def test_a_call_that_is_marked_while_it_is_being_indexed_stays_marked(agent):
    call_id = hold_call(agent, HELLO, indexed=False)
    (row,) = indexing._claim(None)
    read = indexing._read(row.tenant_id, row.call_id)
    say(agent, call_id, REFUND, indexed=False)
    assert indexing._write(row, read) is True
    assert (texts_of(call_id), is_stale(call_id)) == ([HELLO], True)
    index()
    assert (texts_of(call_id), is_stale(call_id)) == ([REFUND], False)


def test_a_call_that_is_gone_loses_its_rows(api, agent):
    call_id = hold_call(agent, HELLO, REFUND)
    delete(agent, call_id)
    indexing.mark_stale(agent.tenant_id, [call_id])
    index()
    assert not IndexedCall.objects.filter(call_id=call_id).exists()
    assert found_by(api, "refund") == []


def test_a_mark_that_is_rolled_back_was_never_made(agent):
    with transaction.atomic():
        indexing.mark_stale(agent.tenant_id, ["never"])
        transaction.set_rollback(True)
    assert not IndexedCall.objects.exists()


def waiting_messages():
    """How many wait for the workers; they are dropped."""
    with current_app.connection_for_write() as broker, broker.channel() as channel:
        return channel.queue_purge("rollup")


def test_a_worker_is_told_once_of_calls_that_wait(agent):
    hold_call(agent, HELLO)
    waiting_messages()
    for _ in range(2):
        indexing.mark_stale(agent.tenant_id, ["another", "and another"])
    indexing.mark_stale(agent.tenant_id, ["a third, for which the worker is on its way already"])
    assert waiting_messages() == 1
    index()
    waiting_messages()
    with transaction.atomic():
        indexing.mark_stale(agent.tenant_id, ["another"])
        assert waiting_messages() == 0, "before the commit there is nothing to be seen"
    assert waiting_messages() == 1


def test_many_who_mark_the_same_calls_at_once_do_not_stand_in_one_anothers_way(agent):
    call_ids = [f"call-{number}" for number in range(50)]
    errors = []

    def mark(order):
        try:
            for _ in range(10):
                with transaction.atomic():
                    indexing.mark_stale(agent.tenant_id, order)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=mark, args=(call_ids[:: (-1) ** number],)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert set(IndexedCall.objects.values_list("marks", flat=True)) == {40}


def test_only_what_has_words_enough_gets_a_vector(agent):
    call_id = hold_call(agent, "Yes", "  ", "Yes please", "...", "我想要退款", "はい")
    with_one = {row.text for row in IndexedSegment.objects.all() if row.vector is not None}
    assert with_one == {"Yes please", "我想要退款"}
    assert len(texts_of(call_id)) == 6


def test_a_text_that_no_vector_can_be_made_of_holds_up_nobody(agent, settings):
    def answer(body, _):
        return (400, {}) if PARCEL in body["input"] else (200, {"embeddings": [[1.0, 0.0]] * len(body["input"])})

    with server(answer) as (url, _):
        settings.EARSHOT_EMBEDDER, settings.EARSHOT_OLLAMA_URL = "ollama", url
        hold_call(agent, HELLO, PARCEL, REFUND)
    assert dict(IndexedSegment.objects.values_list("text", "dimension")) == {HELLO: 2, PARCEL: None, REFUND: 2}
    assert indexing.embed_waiting() == 0


def test_vectors_wait_for_whoever_writes_their_call_and_nobody_waits_for_them(agent):
    held, free = hold_call(agent, HELLO, indexed=False), hold_call(agent, REFUND, indexed=False)
    indexing.index_stale()
    writing, done = threading.Event(), threading.Event()

    def write():
        with transaction.atomic():
            indexing.mark_stale(agent.tenant_id, [held])
            writing.set()
            done.wait(30)
        connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert writing.wait(30)
        assert indexing.embed_waiting() == 1
        assert {row.call.call_id for row in IndexedSegment.objects.exclude(vector=None)} == {free}
    finally:
        done.set()
        writer.join()
    assert indexing.embed_waiting() == 1


def test_while_the_embedder_is_away_words_are_indexed_and_vectors_follow(api, agent, settings):
    settings.EARSHOT_EMBEDDER, settings.EARSHOT_OLLAMA_URL = "ollama", "http://127.0.0.1:9"
    hold_call(agent, HELLO, REFUND)
    settings.EARSHOT_EMBEDDER = "minilm"
    assert found_by(api, "refund") == [REFUND]
    assert found_by(api, "money back") == []
    indexing.embed_waiting()
    assert found_by(api, "money back") == [REFUND]


def test_while_the_calls_are_away_they_stay_marked_and_nobody_has_them(agent, settings, monkeypatch):
    monkeypatch.setattr(mongo_clients, "DEADLINE_MS", 200)
    for _ in range(2):
        hold_call(agent, HELLO, indexed=False)
    store.close()
    there, settings.EARSHOT_MONGODB_URL = (
        settings.EARSHOT_MONGODB_URL,
        "mongodb://127.0.0.1:9/earshot",
    )
    try:
        assert indexing.index_stale() == 0
    finally:
        store.close()
        settings.EARSHOT_MONGODB_URL = there
    assert set(IndexedCall.objects.values_list("claimed_at", flat=True)) == {None}
    assert indexing.index_stale() == 2


def test_a_call_that_cannot_be_indexed_holds_up_no_other_and_its_words_are_not_logged(agent, settings, caplog):
    bad, good = hold_call(agent, REFUND, indexed=False), hold_call(agent, HELLO, indexed=False)
    change(agent, bad, suspicion={"score": "refunded for a while"})
    assert indexing.index_stale() == 1
    assert (texts_of(bad), texts_of(good)) == ([], [HELLO])
    logged = caplog.text
    assert "call_not_indexed" in logged
    assert "refund" not in logged
    change(agent, bad, suspicion={"score": 0.5})
    settings.EARSHOT_INDEX_CLAIM_SECONDS = 0
    assert indexing.index_stale() == 1
    assert texts_of(bad) == [REFUND]


def test_a_text_is_indexed_however_odd_it_is(api, agent):
    odd = "refund \0 and \ud800 " + "x" * 30_000
    call_id = hold_call(agent, REFUND, indexed=False)
    (row,) = indexing._claim(None)
    call = indexing._read(row.tenant_id, row.call_id)
    call["conversation"][0]["text"] = odd
    assert indexing._write(row, call) is True
    (text,) = texts_of(call_id)
    assert text.startswith("refund \ufffd and ? xx")
    assert found_by(api, "refund") == [text]


def test_reconciling_finds_what_slipped_through_in_both_directions(no_other_calls, agent, stranger):
    fine, changed, gone = (hold_call(agent, HELLO) for _ in range(3))
    missing = hold_call(stranger, REFUND, indexed=False)
    IndexedCall.objects.filter(call_id=missing).delete()
    store.change(tenant_id=agent.tenant_id, call_id=changed, values={"subject": "Changed behind our back"})
    delete(agent, gone)
    IndexedSegment.objects.filter(call__call_id=fine).update(model=None, vector=None)
    assert reconciling.reconcile() == reconciling.Reconciled(missing=1, outdated=1, broken=0, gone=1, waiting=1)
    assert {call_id for call_id in (fine, changed, gone, missing) if is_stale(call_id)} == {changed, gone, missing}
    index()
    assert reconciling.reconcile() == reconciling.Reconciled(0, 0, 0, 0, 0)
    assert set(IndexedCall.objects.values_list("call_id", "subject")) == {
        (fine, ""),
        (changed, "Changed behind our back"),
        (missing, ""),
    }


@pytest.mark.parametrize(
    "harm",
    [
        lambda rows: rows.filter(text=REFUND).delete(),
        lambda rows: rows.filter(text=REFUND).update(vector=None),
        lambda rows: rows.filter(text=REFUND).update(text="I want nothing"),
    ],
    ids=["a row is gone", "a vector is gone", "a text is another"],
)
def test_reconciling_writes_anew_what_somebody_has_changed_behind_our_back(no_other_calls, api, agent, harm):
    whole = hold_call(agent, HELLO, PARCEL)
    harmed = hold_call(agent, REFUND, HELLO)
    harm(IndexedSegment.objects.filter(call__call_id=harmed))
    assert reconciling.reconcile().broken == 1
    index()
    assert (texts_of(harmed), texts_of(whole)) == ([REFUND, HELLO], [HELLO, PARCEL])
    assert not IndexedSegment.objects.filter(vector=None, text=REFUND).exists()
    assert reconciling.reconcile().broken == 0


def test_reconciling_looks_at_one_page_after_another(no_other_calls, monkeypatch):
    monkeypatch.setattr(reconciling, "COMPARED_AT_ONCE", 2)
    users = [make_user(make_tenant(), "agent") for _ in range(3)]
    calls = {hold_call(user, HELLO, indexed=False) for user in users for _ in range(3)}
    IndexedCall.objects.all().delete()
    mine = {user.tenant_id for user in users}
    reconciling.reconcile()
    assert set(IndexedCall.objects.filter(tenant__in=mine).values_list("call_id", flat=True)) == calls
    index()
    for user in users:
        store.change(tenant_id=user.tenant_id, call_id=hold_call(user, HELLO), values={"deleted": 1})
    assert reconciling.reconcile().gone == 3


def run(*arguments):
    out = io.StringIO()
    call_command("reindex_search", *arguments, stdout=out)
    return out.getvalue()


def test_another_model_makes_all_vectors_anew_and_the_old_ones_index_goes(api, agent, settings, capsys):
    hold_call(agent, HELLO, REFUND)
    minilm = vector_indexes.name_of("all-MiniLM-L6-v2")
    assert vector_indexes._is_there(minilm)

    def answer(body, _):
        # Whatever has to do with money points one way.
        rows = [[1.0, 0.0] if "refund" in text or "money" in text else [0.0, 1.0] for text in body["input"]]
        return 200, {"embeddings": rows}

    with server(answer) as (url, _):
        settings.EARSHOT_EMBEDDER, settings.EARSHOT_OLLAMA_URL = "ollama", url
        run("--dry-run")
        assert "2 segments have no vector of ollama/nomic-embed-text" in capsys.readouterr().out
        assert found_by(api, "money back") == []
        run()
        assert "2 vectors made, 1 indexes of unused models removed." in capsys.readouterr().out
        assert found_by(api, "money back") == [REFUND]
        assert vector_indexes._is_there(vector_indexes.name_of("ollama/nomic-embed-text"))
        assert not vector_indexes._is_there(minilm)
        run()
        assert "0 vectors made, 0 indexes" in capsys.readouterr().out
    settings.EARSHOT_EMBEDDER = "minilm"
    run()
    assert vector_indexes._is_there(minilm)
    assert not vector_indexes._is_there(vector_indexes.name_of("ollama/nomic-embed-text"))
    assert found_by(api, "money back") == [REFUND]


def test_words_are_made_anew_from_the_calls(no_other_calls, agent, stranger, capsys):
    ours, theirs = hold_call(agent, HELLO, REFUND), hold_call(stranger, HELLO)
    before = rows_of(ours), rows_of(theirs)
    IndexedSegment.objects.all().delete()
    run("--words", "--dry-run", "--tenant-id", str(agent.tenant_id))
    assert "1 calls would be indexed anew." in capsys.readouterr().out
    run("--words", "--tenant-id", str(agent.tenant_id))
    assert (rows_of(ours), rows_of(theirs)) == (before[0], [])
    IndexedSegment.objects.update(words="nonsense")
    run("--words")
    assert (rows_of(ours), rows_of(theirs)) == before


def test_an_embedder_that_is_away_is_told_by_the_command(agent, settings):
    hold_call(agent, HELLO)
    settings.EARSHOT_EMBEDDER, settings.EARSHOT_OLLAMA_URL = "ollama", "http://127.0.0.1:9"
    with pytest.raises(CommandError, match="EARSHOT_OLLAMA_URL"):
        run()


def test_the_index_of_vectors_is_made_again_when_its_making_was_broken_off(transactional_db):
    name = vector_indexes.name_of("all-MiniLM-L6-v2")
    vector_indexes.create()
    assert vector_indexes.check() == []
    with connection.cursor() as cursor:
        cursor.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass", [name])
    assert vector_indexes.check() == ["index of the vectors of all-MiniLM-L6-v2"]
    vector_indexes.create()
    vector_indexes.create()
    assert vector_indexes.check() == []


def test_long_calls_are_written_whole_and_shrink_again(agent, settings):
    settings.EARSHOT_EMBEDDER = "none"
    call_id = hold_call(agent, *(f"This is number {number}" for number in range(indexing.WRITTEN_AT_ONCE + 20)))
    assert len(texts_of(call_id)) == indexing.WRITTEN_AT_ONCE + 20
    say(agent, call_id, HELLO)
    assert texts_of(call_id) == [HELLO]


def test_what_calls_are_filtered_by_follows_the_call(agent):
    call_id = hold_call(agent, HELLO, language="de", platform="phone", subject="Rechnung")
    began = timezone.now()
    change(agent, call_id, status_id="won", suspicion={"score": 0.25, "reasons": [], "reviews": []})
    index()
    row = IndexedCall.objects.get(call_id=call_id)
    call = store.find({"tenant_id": agent.tenant_id, "call_id": call_id})
    assert (row.number, row.subject, row.user_id, row.changed_at.isoformat()) == (
        call["id"],
        "Rechnung",
        agent.pk,
        call["updated_at"].isoformat(),
    )
    assert (row.language, row.configuration, row.platform, row.status_id) == ("de", "german", "phone", "won")
    assert (row.suspicion, row.start_time, row.duration) == (0.25, call["start_time"], 30.0)
    assert row.indexed_at > began


def test_vectors_are_of_unit_length_and_say_whose_they_are(agent):
    hold_call(agent, HELLO, REFUND)
    for model, dimension, vector in IndexedSegment.objects.values_list("model", "dimension", "vector"):
        assert (model, dimension) == ("all-MiniLM-L6-v2", 384)
        np.testing.assert_allclose(np.linalg.norm(list(vector)), 1.0, atol=1e-5)
