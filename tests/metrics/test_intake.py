"""What is right in a batch is kept, and what is wrong is told apart from it."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import redis
from django.conf import settings as django_settings

from metrics import counters, forgotten, intake, recent
from metrics.errors import NoSegments, TooManySegments
from metrics.recent import clients
from metrics.segments import Group
from tests.builders import bearer, make_tenant, make_user

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
NAN, INFINITY = float("nan"), float("inf")
ADDRESS = "/api/metrics/segments"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_recent():
    redis.Redis.from_url(django_settings.EARSHOT_REDIS_URL).flushdb()


@pytest.fixture
def sender(db):
    return make_user(make_tenant(), "integration")


def item(segment_id="1", **fields):
    usual = {"channel_id": "news", "session_id": "s-1", "user_id": "dana", "segment_id": segment_id}
    stages = {"extraction_ms": 120, "dubbing_ms": 1200.5, "reinsertion_ms": 180}
    return usual | (stages if fields.get("pipeline", "dubbing") == "dubbing" else {}) | fields


def without(name, **fields):
    return {key: value for key, value in item(**fields).items() if key != name}


WRONG = {
    "no_object": ("invalid", "segment"),
    "no_channel": ("missing", without("channel_id")),
    "no_id": ("missing", item("")),
    "no_user": ("missing", item(user_id=None)),
    "blank_user": ("missing", item(user_id=" \t ")),
    "blank_id": ("missing", item("  ")),
    "somebody of ours": ("reserved", item(user_id="user:7")),
    "a_number_as_id": ("invalid", item(7)),
    "half_a_pair": ("invalid", item("\ud800")),
    "a_nul": ("invalid", item("a\0")),
    "a_long_id": ("too_long", item("x" * 256)),
    "a_misspelt_field": ("unknown_field", item(dubing_ms=3)),
    "an_unknown_pipeline": ("unknown_pipeline", item(pipeline="video")),
    "a_list_for_pipeline": ("unknown_pipeline", item(pipeline=["dubbing"])),
    "the_future": ("in_the_future", item(received_at="2026-03-01T12:31:01Z")),
    "the_day_before": ("too_old", item(received_at="2026-02-28T12:29:59Z")),
    "a_time_without_zone": ("invalid", item(received_at="2026-03-01T12:00:00")),
    "no_such_day": ("invalid", item(received_at="2026-02-30T12:00:00Z")),
    "the_first_year": ("invalid", item(received_at="0001-01-01T00:00:00+05:00")),
    "an_end_before_the_start": (
        "out_of_range",
        item(processing_started_at="2026-03-01T12:00:01Z", processing_ended_at="2026-03-01T12:00:00Z"),
    ),
    "processed_in_the_future": ("in_the_future", item(processing_ended_at="2026-03-02T12:00:00Z")),
    "a_negative_time": ("out_of_range", item(dubbing_ms=-1)),
    "a_huge_time": ("out_of_range", item(total_ms=3_600_001)),
    "not_a_number": ("invalid", item(dubbing_ms=NAN)),
    "an_infinite_duration": ("out_of_range", item(duration_s=INFINITY)),
    "a_truth_for_a_time": ("invalid", item(dubbing_ms=True)),
    "a_very_long_whole_number": ("out_of_range", item(dubbing_ms=10**400)),
    "a_negative_size": ("out_of_range", item(original_bytes=-1)),
    "a_huge_size": ("out_of_range", item(dubbed_bytes=2**32 + 1)),
    "half_a_byte": ("invalid", item(original_bytes=0.5)),
    "many_retries": ("out_of_range", item(retry_count=1001)),
    "an_unknown_language": ("unknown_language", item(source_language="xx")),
    "an_unknown_script": ("unknown_language", item(source_language="he-Qqqq")),
    "an_unknown_region": ("unknown_language", item(target_language="en-999")),
    "no_language": ("unknown_language", item(target_language=5)),
    "a_sentence_for_an_error": ("invalid", item(error="It broke at Ada's")),
    "a_missing_stage": ("missing_stages", without("dubbing_ms")),
    "no_stages_of_audio": ("missing_stages", item(pipeline="audio")),
    "stages_of_the_other_pipeline": ("wrong_stages", item(pipeline="audio", dubbing_ms=1, stages={"decode": 1})),
    "stages_besides": ("wrong_stages", item(stages={"decode": 1})),
    "a_stage_of_another_kind": ("invalid", item(pipeline="audio", stages={"De code": 1})),
    "too_many_stages": ("invalid", item(pipeline="audio", stages={f"s{place}": 1 for place in range(21)})),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_item_that_is_wrong_is_told_apart_from_those_that_are_right(name):
    code, wrong = WRONG[name]
    told = intake.accept(1, [item("a"), wrong, item("b")], now=NOW)
    assert (told.accepted, told.duplicates) == (2, 0)
    assert [(one.index, one.code) for one in told.errors] == [(1, code)]


def test_what_is_not_told_is_as_usual():
    assert intake.accept(1, [item()], now=NOW).accepted == 1
    [segment] = recent.newest(1, since=NOW - timedelta(hours=1))
    assert segment.group == Group("news", "s-1", "dana", "web", "dubbing")
    assert (segment.received_at, segment.duration_us, segment.total_us) == (NOW, 15_000_000, 1_500_500)
    assert (segment.source_language, segment.target_language, segment.error) == ("he", "en", "")
    assert segment.stages == {"extraction": 120_000, "dubbing": 1_200_500, "reinsertion": 180_000}


def test_one_that_failed_needs_no_stages_and_is_not_timed():
    items = [{**without("dubbing_ms"), "error": "engine_failed"}, item("2", pipeline="audio", error="undecodable")]
    assert intake.accept(1, items, now=NOW).accepted == 2
    totals = {segment.segment_id: segment.total_us for segment in recent.newest(1, since=NOW - timedelta(hours=1))}
    assert totals == {"1": 300_000, "2": None}


def test_languages_are_kept_as_the_standard_writes_them():
    intake.accept(1, [item(source_language="IW", target_language="zh_hant")], now=NOW)
    [segment] = recent.newest(1, since=NOW - timedelta(hours=1))
    assert (segment.source_language, segment.target_language) == ("he", "zh-Hant")


def test_one_that_comes_again_counts_once_and_two_of_one_batch_are_a_mistake():
    told = intake.accept(1, [item(), item(), item(channel_id="sport")], now=NOW)
    assert (told.accepted, told.duplicates, [one.code for one in told.errors]) == (2, 0, ["repeated"])
    told = intake.accept(1, [item(), item("2")], now=NOW + timedelta(minutes=40))
    assert (told.accepted, told.duplicates) == (1, 1)


def test_what_the_hour_has_no_room_for_is_refused_by_itself_and_counted(settings):
    settings.EARSHOT_METRICS_MOST_GROUPS = 2
    batch = [
        item("1", user_id="a"),
        ("invalid"),
        item("2", user_id="b"),
        item("3", user_id="c"),
        item("4", user_id="a"),
    ]
    told = intake.accept(1, batch, now=NOW)
    assert (told.accepted, told.duplicates) == (3, 0)
    assert [(one.index, one.code) for one in told.errors] == [(1, "invalid"), (3, "too_many")]
    assert counters.value(counters.SEGMENTS_REFUSED) == 1


def test_two_companies_with_the_same_ids_never_meet():
    for tenant_id in (1, 2):
        assert intake.accept(tenant_id, [item()], now=NOW).accepted == 1
    assert recent.erase_user(1, "dana") == 1
    assert len(recent.newest(2, since=NOW - timedelta(hours=1))) == 1


@pytest.mark.django_db(transaction=True)
def test_somebody_forgotten_is_answered_as_all_are_and_kept_nowhere():
    tenant = make_tenant()
    forgotten.forget(tenant.pk, "external:web:dana")
    forgotten.forget(tenant.pk, "external:web:12")
    items = [item(), item("2", user_id="12"), item("3", user_id="ada")]
    for accepted, duplicates in ((3, 0), (2, 1)):
        told = intake.accept(tenant.pk, items, now=NOW)
        assert (told.accepted, told.duplicates, told.errors) == (accepted, duplicates, [])
    assert [one.group.user_id for one in recent.newest(tenant.pk, since=NOW - timedelta(hours=1))] == ["ada"]


def test_a_batch_that_is_too_large_or_empty_is_refused_whole():
    with pytest.raises(TooManySegments):
        intake.accept(1, [item(str(place)) for place in range(1001)], now=NOW)
    with pytest.raises(NoSegments):
        intake.accept(1, [], now=NOW)
    assert recent.newest(1, since=NOW - timedelta(hours=1)) == []


def test_over_rest_one_or_many_are_sent_and_each_fault_has_its_place(sender):
    response = bearer(sender).post(ADDRESS, item(), format="json")
    assert (response.status_code, response.json()) == (202, {"accepted": 1, "duplicates": 0, "errors": []})
    text = json.dumps([item(), item("2", dubbing_ms=NAN), item("3", dubbing_ms=INFINITY), item("4")])
    assert "NaN" in text
    response = bearer(sender).post(ADDRESS, text, content_type="application/json")
    told = response.json()
    assert (response.status_code, told["accepted"], told["duplicates"]) == (202, 1, 1)
    assert [(one["index"], one["code"]) for one in told["errors"]] == [(1, "invalid"), (2, "out_of_range")]


def test_over_rest_a_batch_of_1001_is_refused_whole(sender):
    response = bearer(sender).post(ADDRESS, [item(str(place)) for place in range(1001)], format="json")
    assert (response.status_code, response.json()["error"]["code"]) == (413, "too_many_segments")
    assert recent.newest(sender.tenant_id, since=datetime.now(UTC) - timedelta(hours=1)) == []
    response = bearer(sender).post(ADDRESS, [item("x" * 2**22)], format="json")
    assert (response.status_code, response.json()["error"]["code"]) == (413, "too_many_segments")


@pytest.mark.parametrize("body", ["", "{}", "[]", "null"])
def test_over_rest_nothing_at_all_is_refused_in_words(sender, body):
    response = bearer(sender).post(ADDRESS, body, content_type="application/json")
    assert (response.status_code, response.json()["error"]["code"]) == (422, "no_segments")


@pytest.mark.parametrize("body", ["[" * 100_000, "{", '{"a": ' * 3000 + "1" + "}" * 3000, "[1e999]", "7"])
def test_over_rest_what_is_no_batch_is_refused(sender, body):
    response = bearer(sender).post(ADDRESS, body, content_type="application/json")
    assert response.status_code in {202, 400}
    if response.status_code == 202:
        assert response.json()["accepted"] == 0


def test_over_rest_what_redis_does_not_take_is_not_answered_as_taken(sender, settings):
    settings.EARSHOT_REDIS_URL = "redis://127.0.0.1:9/0"
    clients.patient.cache_clear()
    try:
        response = bearer(sender).post(ADDRESS, item(), format="json")
    finally:
        clients.patient.cache_clear()
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    assert response.json()["error"]["code"] == "segments_unavailable"
