"""What is found, by whom, and by what."""

from datetime import UTC, datetime

import pytest
from django.db import connection

from calls.models import IndexedCall, IndexedSegment
from crm.models import AuditEntry
from tests.builders import bearer, make_user
from tests.calls.indexed import answer, change, found_by, hold_call
from tests.scale import scaled

REFUND = "I would like a refund please"
GREETING = "Good morning, how may I help you"


@pytest.fixture
def api(supervisor):
    return bearer(supervisor)


def highlighted(hit):
    return [hit["text"][start:end] for start, end in hit["highlights"]]


def test_money_back_finds_the_call_that_says_refund(api, agent):
    call_id = hold_call(agent, GREETING, REFUND, "The weather in Lisbon is fine")
    (hit,) = answer(api, "money back")["results"]
    assert (hit["text"], hit["matched"], hit["highlights"]) == (REFUND, ["meaning"], [])
    assert (hit["call_id"], hit["speaker"], hit["start_time"], hit["end_time"]) == (call_id, "client", 2.0, 3.5)
    assert hit["url"] == f"/calls/{call_id}/?t=2.0"


def test_another_companys_calls_are_not_found_although_they_say_the_same(api, agent, stranger):
    ours, theirs = hold_call(agent, GREETING, REFUND), hold_call(stranger, GREETING, REFUND)
    for query in ("refund", "money back"):
        for client, call_id in ((api, ours), (bearer(stranger), theirs)):
            found = answer(client, query)
            assert [hit["call_id"] for hit in found["results"]] == [call_id]
            assert found["counts"]["segments"] == 1


def test_what_is_found_by_words_and_by_meaning_comes_before_what_is_found_by_one(api, agent):
    hold_call(agent, GREETING, "Can you reimburse me for the broken product")
    hold_call(agent, GREETING, REFUND)
    found = answer(api, "refund")
    assert [hit["matched"] for hit in found["results"]] == [["words", "meaning"], ["meaning"]]
    assert found["meaning"] == {"searched": True, "reason": None}


def test_what_nobody_spoke_of_finds_nothing(api, agent):
    hold_call(agent, GREETING, REFUND, "One moment please", "My parcel has not come yet", "Thank you for your patience")
    for query in ("dinosaurs of the jurassic", "recipe for pancakes", "football results"):
        assert found_by(api, query) == []


def test_words_are_found_by_their_stems_in_the_language_of_the_call(api, agent, settings):
    settings.EARSHOT_EMBEDDER = "none"
    hold_call(agent, "Wir haben die Rechnungen gestern bezahlt", language="de")
    hold_call(agent, "Nous avons remboursé les commandes", language="fr-FR")
    hold_call(agent, "The invoices were paid", language="en")
    hold_call(agent, "Räkning ที่ klingon Rechnung", language="tlh")
    assert set(found_by(api, "Rechnung")) == {
        "Wir haben die Rechnungen gestern bezahlt",
        "Räkning ที่ klingon Rechnung",
    }
    assert found_by(api, "commande") == ["Nous avons remboursé les commandes"]
    assert found_by(api, "invoice") == ["The invoices were paid"]


def test_a_phrase_a_choice_and_an_exclusion_mean_what_they_mean_elsewhere(api, agent):
    back, bank = "I want my money back now", "Bring the money to the bank"
    hold_call(agent, back, bank, REFUND)
    assert set(found_by(api, '"money back"')) >= {back}
    (hit,) = [hit for hit in answer(api, '"to the bank"')["results"] if "words" in hit["matched"]]
    assert hit["text"] == bank
    by_words = [hit["text"] for hit in answer(api, "bank or refund")["results"] if "words" in hit["matched"]]
    assert set(by_words) == {bank, REFUND}
    assert bank not in found_by(api, "money -bank")
    assert back in found_by(api, "money -bank")
    assert bank not in found_by(api, "money -banks"), "by its stem"
    assert found_by(api, "-bank") == []


def test_highlights_are_where_the_words_stand(api, agent):
    texts = [
        'She said "Refund" twice; refunds, and the refund\'s date',
        "<b>refund</b> <script>alert('refund')</script> & refund&amp;",
        "🦊 refund 👩‍👩‍👧 é refund/return",
        "aaaa StartSel refund, %s {refund} \\refund",
    ]
    hold_call(agent, *texts)
    hits = {hit["text"]: highlighted(hit) for hit in answer(api, "refund")["results"]}
    assert hits == {
        texts[0]: ["Refund", "refunds", "refund"],
        texts[1]: ["refund"] * 3,
        texts[2]: ["refund"] * 2,
        texts[3]: ["refund"] * 3,
    }


def test_filters_narrow_words_and_meaning_alike(api, agent):
    first = hold_call(
        agent,
        REFUND,
        REFUND,
        emotions=["calm", "angry"],
        start_time=datetime(2026, 11, 1, 23, 30, tzinfo=UTC),
        platform="telegram",
    )
    second = hold_call(agent, REFUND, start_time=datetime(2026, 11, 2, 8, 0, tzinfo=UTC), indexed=False)
    change(agent, second, status_id="open", suspicion={"score": 0.7, "reasons": [], "reviews": []})
    third = hold_call(agent, REFUND, start_time=datetime(2026, 11, 3, 8, 0, tzinfo=UTC))

    def calls(**filters):
        return {
            (hit["call_id"], hit["speaker"])
            for query in ("refund", "money back")
            for hit in answer(api, query, **filters)["results"]
        }

    everything = {(first, "agent"), (first, "client"), (second, "agent"), (third, "agent")}
    assert calls() == everything
    assert calls(speaker="client") == {(first, "client")}
    assert calls(emotion="angry") == {(first, "client")}
    assert calls(platform="telegram") == {(first, "agent"), (first, "client")}
    assert calls(status="open") == calls(suspicion="0.7") == {(second, "agent")}
    assert calls(suspicion="0.71") == set()
    assert calls(**{"from": "2026-11-02"}) == {(second, "agent"), (third, "agent")}
    assert calls(to="2026-11-01") == {(first, "agent"), (first, "client")}
    assert calls(**{"from": "2026-11-02T00:00:00Z", "to": "2026-11-03T08:00:00Z"}) == {(second, "agent")}
    assert calls(speaker="", status="") == everything, "what a form leaves empty is no filter"
    assert answer(api, "refund")["counts"] == {
        "segments": 4,
        "calls": 3,
        "is_all": True,
        "status": {"open": 1},
        "speaker": {"agent": 3, "client": 1},
        "emotion": {"calm": 1, "angry": 1},
        "platform": {"telegram": 2, "web": 2},
    }


def test_an_agent_finds_only_what_was_said_in_their_own_calls(tenant, agent):
    colleague = make_user(tenant, "agent")
    own, _ = hold_call(agent, GREETING, REFUND), hold_call(colleague, GREETING, REFUND)
    for query in ("refund", "money back"):
        found = answer(bearer(agent), query)
        assert [hit["call_id"] for hit in found["results"]] == [own]
        assert found["counts"]["calls"] == 1


def test_while_the_embedder_is_away_words_answer_and_the_answer_says_so(api, agent, settings):
    hold_call(agent, GREETING, REFUND)
    settings.EARSHOT_EMBEDDER = "ollama"
    settings.EARSHOT_OLLAMA_URL = "http://127.0.0.1:9"
    found = answer(api, "refund")
    assert [hit["matched"] for hit in found["results"]] == [["words"]]
    assert found["meaning"] == {"searched": False, "reason": "embedder_away"}


def test_without_an_embedder_words_are_searched_alone(api, agent, settings):
    settings.EARSHOT_EMBEDDER = "none"
    hold_call(agent, GREETING, REFUND)
    assert answer(api, "refund")["meaning"] == {"searched": False, "reason": "off"}
    assert found_by(api, "money back") == []


def test_pages_hold_each_hit_once(api, agent):
    hold_call(agent, *(f"refund number {number}" for number in range(25)))
    first = answer(api, "refund", limit=10)
    second = api.get(first["next"]).json()
    third = api.get(second["next"]).json()
    pages = [[hit["text"] for hit in page["results"]] for page in (first, second, third)]
    assert [len(page) for page in pages] == [10, 10, 5]
    assert len({text for page in pages for text in page}) == 25
    assert (first["previous"], third["next"]) == (None, None)
    assert [hit["text"] for hit in api.get(third["previous"]).json()["results"]] == pages[1]
    assert [hit["text"] for hit in api.get(second["previous"]).json()["results"]] == pages[0]


WRONG = [
    ("q", ""),
    ("q", " "),
    ("q", "x" * 501),
    ("q", "a\0b"),
    ("from", "yesterday"),
    ("from", "2026-13-01"),
    ("to", "9999-12-31"),
    ("suspicion", "nan"),
    ("suspicion", "1.1"),
    ("suspicion", "much"),
    ("status", "x" * 256),
    ("limit", "0"),
    ("limit", "1001"),
    ("limit", "many"),
    ("cursor", "x"),
    ("cursor", "LTE="),
    ("cursor", "OTk5OQ=="),
]


def test_what_cannot_be_right_is_422_and_names_the_field(api):
    for name, value in WRONG:
        response = api.get("/api/search", {"q": "refund", name: value})
        assert response.status_code == 422, (name, value)
        assert list(response.json()["error"]["fields"]) == [name]


def test_parameters_that_are_not_known_are_ignored(api, agent):
    hold_call(agent, REFUND)
    assert found_by(api, "refund", colour="red", tenant_id="1", user_id="1") == [REFUND]


SIGNS = ["'", '"', '"" -', "-", "- -", "!!! ???", "&|!():*<->", "🦊", "the", "%(tenant_id)s %s", "a' OR 1=1 --"]


def test_signs_are_no_language(api, agent):
    hold_call(agent, GREETING)
    for query in SIGNS:
        answer(api, query)


def test_who_has_no_role_for_calls_may_not_search(client):
    assert client.get("/api/search", {"q": "x"}).status_code == 401


def fill(tenant, count, *, text="We talked about the refund for a while"):
    """A call of so many segments in the index, each with a vector of its own near the others', by two statements."""
    call = IndexedCall.objects.create(
        tenant=tenant, call_id=f"large-{tenant.pk}", number=1, start_time=datetime.now(UTC), configuration="english"
    )
    like = IndexedSegment.objects.filter(text=REFUND).first()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO calls_indexedsegment (call_id, tenant_id, segment_id, speaker, text, start_time, end_time,
                emotion, words, text_digest, model, dimension, vector)
            SELECT %s, %s, number, 'agent', %s, 0, 1, '', to_tsvector('english', %s), number, %s, 384,
                l2_normalize(((SELECT array_agg(value + 0.01 * random() + number * 0)
                               FROM unnest(%s::float4[]) AS value))::vector)
            FROM generate_series(1, %s) AS number
            """,
            [call.pk, tenant.pk, text, text, like.model, list(like.vector), count],
        )
        cursor.execute("ANALYZE calls_indexedsegment")


@pytest.fixture
def by_the_index(settings):
    """More than a handful of vectors are not compared one by one."""
    settings.EARSHOT_SEARCH_COMPARED = scaled(100, 5000)
    return scaled(600, 10_000)


def test_many_calls_of_another_company_do_not_crowd_out_those_of_a_small_one(api, agent, stranger, by_the_index):
    hold_call(agent, GREETING, REFUND)
    fill(stranger.tenant, by_the_index)
    assert found_by(api, "money back") == [REFUND]
    assert found_by(api, "refund") == [REFUND]


def test_nor_do_they_when_it_is_too_large_to_compare_all_of_it(api, supervisor, agent, stranger, by_the_index):
    hold_call(agent, GREETING, REFUND)
    fill(stranger.tenant, by_the_index)
    fill(supervisor.tenant, by_the_index // 4, text="We talked about the voucher for a while")
    found = answer(api, "money back", limit=100)
    assert len(found["results"]) == 100
    assert {hit["text"] for hit in found["results"]} <= {REFUND, "We talked about the voucher for a while"}


def test_in_a_large_company_a_filter_leaves_all_that_fits(api, supervisor, agent, by_the_index):
    hold_call(agent, GREETING, REFUND, emotions=["calm", "angry"])
    fill(supervisor.tenant, by_the_index)
    assert found_by(api, "money back", emotion="angry") == [REFUND]
    found = answer(api, "money back", limit=100)
    assert len(found["results"]) == 100
    assert not found["counts"]["is_all"]


def test_a_search_is_in_the_audit_log(api, supervisor):
    answer(api, "refund")
    assert AuditEntry.objects.filter(tenant=supervisor.tenant, act="calls.searched").count() == 1
