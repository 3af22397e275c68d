"""Calls over REST: made, read, listed, changed, moved, deleted."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections

from calls import opening, segment_rules, statuses, store
from crm.models import AuditEntry
from tests.builders import bearer, make_user

CARD = "4111 1111 1111 1111"


def segment(identity="a", **values):
    return {
        "segment_id": identity,
        "speaker": "client",
        "text": "I should like my money back.",
        "start_time": 0.0,
        "end_time": 2.5,
        "confidence": 0.9,
        **values,
    }


@pytest.fixture
def desk(supervisor):
    return bearer(supervisor)


@pytest.fixture
def admin(tenant):
    return bearer(make_user(tenant, "admin"))


def make_call(client, **values):
    response = client.post("/api/calls", {"subject": "A refund", **values}, format="json")
    assert response.status_code == 201, response.content
    return response.json()


def refused(response, status):
    assert response.status_code == status, response.content
    return response.json()["error"]


def test_a_call_is_made_with_all_that_was_said(desk, supervisor):
    made = make_call(
        desk,
        call_id="bridge-17",
        direction="inbound",
        platform="telephony",
        external_user_id="+4940123",
        metadata={"trunk": {"line": 3}},
        segments=[segment("b", start_time=3.0, end_time=4.0, speaker="agent"), segment("a")],
    )
    assert [one["segment_id"] for one in made["conversation"]] == ["a", "b"]
    assert (made["call_id"], made["duration"], made["status"]) == ("bridge-17", 4.0, "completed")
    assert (made["user_id"], made["owner_id"], made["metadata"]) == (
        supervisor.pk,
        supervisor.pk,
        {"trunk": {"line": 3}},
    )
    assert desk.get("/api/calls/bridge-17").json() == made
    assert not {"tenant_id", "deleted", "history", "corrections"} & set(made)


def test_the_same_call_again_is_the_call_that_there_is(desk):
    first = make_call(desk, call_id="once", segments=[segment()])
    again = desk.post("/api/calls", {"call_id": "once", "subject": "Other"}, format="json")
    assert (again.status_code, again.json()) == (200, first)


def test_a_call_is_in_the_company_of_who_makes_it_whatever_the_body_says(desk, stranger):
    made = make_call(desk, tenant_id=stranger.tenant_id)
    assert bearer(stranger).get(f"/api/calls/{made['call_id']}").status_code == 404
    theirs = make_call(bearer(stranger), call_id=made["call_id"])
    assert theirs["id"] != made["id"]


def test_an_id_that_a_colleagues_call_has_is_refused_to_who_may_not_see_it(desk, agent, tenant):
    make_call(desk, call_id="taken")
    opening.create_call(make_user(tenant, "supervisor"), {"call_id": "theirs"})
    integration = bearer(make_user(tenant, "integration"))
    assert integration.post("/api/calls", {"call_id": "taken"}, format="json").status_code == 200
    assert bearer(agent).post("/api/calls", {"call_id": "taken"}, format="json").status_code == 403


@pytest.mark.parametrize(
    "wrong",
    [
        {"end_time": -1.0},
        {"start_time": -0.5},
        {"start_time": 5.0, "end_time": 4.0},
        {"start_time": "1.0"},
        {"start_time": True},
        {"end_time": 31 * 24 * 3600.0},
        {"text": ""},
        {"text": "x" * 1_000_000},
        {"text": 17},
        {"speaker": "nobody we know"},
        {"speaker": "$where"},
        {"segment_id": "a:b"},
        {"segment_id": ""},
        {"segment_id": None},
        {"confidence": 1.5},
        {"words": [{"text": "I", "start_time": 2.0, "end_time": 1.0}]},
        {"words": "I should"},
        {"words": [{"text": "4111111111111111", "start_time": 0.0, "end_time": 1.0}]},
        {
            "text": "Yes.",
            "words": [{"text": "yes", "start_time": 300.0, "end_time": 301.0}],
        },
    ],
    ids=lambda wrong: json.dumps(wrong)[:40],
)
def test_a_segment_that_cannot_be_is_refused_and_nothing_is_written(desk, wrong):
    call = make_call(desk, segments=[segment()])
    address = f"/api/calls/{call['call_id']}"
    error = refused(
        desk.post(f"{address}/segments", {"segments": [segment("good"), segment("bad") | wrong]}, format="json"), 422
    )
    assert error["code"] in {"invalid", "bad_segments"}
    assert error["fields"]
    assert desk.get(address).json() == call
    assert (
        desk.post("/api/calls", {"call_id": "bad", "segments": [segment() | wrong]}, format="json").status_code == 422
    )
    assert desk.get("/api/calls/bad").status_code == 404


@pytest.mark.parametrize("times", ["NaN", "Infinity", "1e400"])
def test_times_that_are_no_numbers_do_not_parse(desk, times):
    call = make_call(desk)
    body = json.dumps({"segments": [segment()]}).replace("2.5", times)
    address = f"/api/calls/{call['call_id']}"
    response = desk.post(f"{address}/segments", body, content_type="application/json")
    assert response.status_code in {400, 422}
    assert desk.get(address).json() == call


def test_text_with_nul_does_not_parse(desk):
    call = make_call(desk)
    address = f"/api/calls/{call['call_id']}/segments"
    assert desk.post(address, {"segments": [segment(text="a\0b")]}, format="json").status_code == 400


def test_too_many_segments_at_once_are_refused_as_a_whole(desk):
    call = make_call(desk)
    address = f"/api/calls/{call['call_id']}"
    many = [segment(str(number)) for number in range(segment_rules.MOST_AT_ONCE + 1)]
    error = refused(desk.post(f"{address}/segments", {"segments": many}, format="json"), 422)
    assert "1000" in json.dumps(error)
    flood = b'{"segments": [' + b",".join([json.dumps(segment()).encode()] * 100_000) + b"]}"
    assert desk.post(f"{address}/segments", flood, content_type="application/json").status_code in {413, 422}
    assert desk.get(address).json() == call


def test_two_segments_of_one_id_are_refused(desk):
    call = make_call(desk)
    twice = {"segments": [segment(), segment(text="Something else.")]}
    error = refused(desk.post(f"/api/calls/{call['call_id']}/segments", twice, format="json"), 422)
    assert set(error["fields"]) == {"0", "1"}


@pytest.mark.parametrize("names", [{"$set": {"deleted": 1}}, {"a.b": 1}, {"": 1}, {"deep": [{"$gt": ""}]}, [], "text"])
def test_metadata_that_a_query_could_take_for_its_own_is_refused(desk, names):
    call = make_call(desk)
    address = f"/api/calls/{call['call_id']}"
    assert refused(desk.post("/api/calls", {"metadata": names}, format="json"), 422)["fields"].keys() == {"metadata"}
    changed = desk.patch(address, {"version": call["version"], "metadata": names}, format="json")
    assert refused(changed, 422)["fields"].keys() == {"metadata"}
    assert desk.get(address).json() == call


def test_segments_are_stored_once_however_often_they_are_sent(desk):
    address = f"/api/calls/{make_call(desk)['call_id']}/segments"
    for _ in range(2):
        sent = desk.post(address, {"segments": [segment("a"), segment("b", start_time=1.0)]}, format="json")
        assert [one["segment_id"] for one in sent.json()] == ["a", "b"]
    desk.post(address, {"segments": [segment("a", text="Changed.", start_time=2.0)]}, format="json")
    told = desk.get(address).json()["results"]
    assert [(one["segment_id"], one["text"]) for one in told] == [("b", segment()["text"]), ("a", "Changed.")]


def test_segments_are_read_page_by_page_and_by_speaker(desk):
    said = [
        segment(f"s{number}", start_time=number, end_time=number + 1, speaker="agent" if number % 2 else "client")
        for number in range(7)
    ]
    address = f"/api/calls/{make_call(desk, segments=said)['call_id']}/segments"
    seen, pages, page = [], 0, f"{address}?limit=3"
    while page:
        told = desk.get(page).json()
        seen += [one["segment_id"] for one in told["results"]]
        page, pages = told["next"], pages + 1
    assert (seen, pages) == ([f"s{number}" for number in range(7)], 3)
    assert [one["segment_id"] for one in desk.get(f"{address}?speaker=agent").json()["results"]] == ["s1", "s3", "s5"]
    assert desk.get(f"{address}?cursor=WyJ4Il0=").status_code == 404
    assert desk.get(f"{address}?limit=0").status_code == 422


def test_what_is_masked_is_masked_for_everybody_but_who_may_read_originals(desk, admin, agent):
    call = make_call(desk, segments=[segment(text=f"My card is {CARD}.")])
    address = f"/api/calls/{call['call_id']}"
    (shown,) = call["conversation"]
    assert shown["text"] == "My card is [card number]."
    assert [(one["kind"], one["start"], one["end"]) for one in shown["redactions"]] == [("card", 11, 24)]
    for client in (desk, admin):
        for path in ("", "/segments", "/history", "/export?format=json", "/export?format=txt"):
            assert "1111" not in client.get(address + path).content.decode()
    assert desk.get(f"{address}/originals").status_code == 403
    (original,) = admin.get(f"{address}/originals").json()
    assert (original["text"], original["masked"]) == (f"My card is {CARD}.", "My card is [card number].")
    assert AuditEntry.objects.filter(act="call.originals_read").count() == 1


def test_a_company_may_have_nothing_masked_or_nothing_kept(admin, desk):
    admin.patch(
        "/api/crm/settings", {"redaction": {"redact_cards": False, "redact_spoken_digits": False}}, format="json"
    )
    kept = make_call(desk, segments=[segment(text=f"My card is {CARD}.")])
    assert CARD in kept["conversation"][0]["text"]
    admin.patch("/api/crm/settings", {"redaction": {"redact_cards": True, "keep_originals": False}}, format="json")
    lost = make_call(desk, segments=[segment(text=f"My card is {CARD}.")])
    (original,) = admin.get(f"/api/calls/{lost['call_id']}/originals").json()
    assert original["text"] == original["masked"] == "My card is [card number]."


def test_a_call_is_changed_by_who_has_seen_it_as_it_is(desk, agent):
    call = make_call(desk)
    address = f"/api/calls/{call['call_id']}"
    body = {"version": call["version"], "subject": "A refund, urgent", "assigned_to_id": agent.pk}
    changed = desk.patch(address, body, format="json").json()
    assert (changed["subject"], changed["assigned_to_id"]) == ("A refund, urgent", agent.pk)
    assert changed["version"] > call["version"]
    stale = refused(desk.patch(address, body | {"subject": "Mine"}, format="json"), 409)
    assert stale["code"] == "stale_version"
    assert desk.get(address).json() == changed
    assert refused(desk.patch(address, {"subject": "No version"}, format="json"), 422)["fields"].keys() == {"version"}


def test_nobody_of_another_company_is_given_a_call(desk, stranger):
    call = make_call(desk)
    body = {"version": call["version"], "assigned_to_id": stranger.pk}
    error = refused(desk.patch(f"/api/calls/{call['call_id']}", body, format="json"), 422)
    assert (error["code"], set(error["fields"])) == ("unknown_colleague", {"assigned_to_id"})


def test_what_a_recording_adds_does_not_make_what_one_has_seen_old(desk):
    call = make_call(desk)
    address = f"/api/calls/{call['call_id']}"
    desk.post(f"{address}/segments", {"segments": [segment()]}, format="json")
    body = {"version": call["version"], "subject": "Still mine to change"}
    assert desk.patch(address, body, format="json").status_code == 200


def test_calls_are_listed_newest_first_page_by_page_both_ways(desk, supervisor):
    start = datetime(2026, 11, 1, tzinfo=UTC)
    made = [make_call(desk, start_time=(start + timedelta(hours=hour // 2)).isoformat()) for hour in range(7)]
    expected = [one["id"] for one in sorted(made, key=lambda one: (one["start_time"], one["id"]), reverse=True)]
    pages, page = [], "/api/calls?limit=3"
    while page:
        told = desk.get(page).json()
        assert all("conversation" not in one for one in told["results"])
        pages.append([one["id"] for one in told["results"]])
        page = told["next"]
    assert [one for page in pages for one in page] == expected
    assert [len(one) for one in pages] == [3, 3, 1]
    back = desk.get(told["previous"]).json()
    assert [one["id"] for one in back["results"]] == pages[1]
    assert [one["id"] for one in desk.get(back["previous"]).json()["results"]] == pages[0]


def test_calls_are_listed_by_what_is_asked_and_to_whom_they_belong(desk, agent, tenant, stranger):
    status = statuses.create(tenant.pk, {"name": "Open"})
    theirs = make_call(desk, status_id=str(status.pk), start_time="2026-11-02T00:00:00Z")
    own = opening.create_call(agent, {"start_time": datetime(2026, 11, 1, tzinfo=UTC)})[0]
    make_call(bearer(stranger))

    def listed(client, query=""):
        return [one["call_id"] for one in client.get(f"/api/calls{query}").json()["results"]]

    assert listed(desk) == [theirs["call_id"], own["call_id"]]
    assert listed(bearer(agent)) == [own["call_id"]]
    assert listed(bearer(agent), f"?user_id={theirs['user_id']}") == []
    assert listed(desk, f"?status={status.pk}") == [theirs["call_id"]]
    assert listed(desk, "?status=none") == [own["call_id"]]
    assert listed(desk, "?since=2026-11-01T12:00:00Z") == [theirs["call_id"]]
    assert listed(desk, "?until=2026-11-01T12:00:00Z") == [own["call_id"]]


@pytest.mark.parametrize(
    "query", ["status=x", "user_id=x", "since=yesterday", "state=odd", "limit=0", "limit=1001", "limit=abc"]
)
def test_a_filter_of_the_wrong_type_is_refused_and_named(desk, query):
    assert set(refused(desk.get(f"/api/calls?{query}"), 422)["fields"]) == {query.partition("=")[0]}


def test_a_filter_is_never_a_query_of_its_own(desk):
    make_call(desk)
    assert desk.get("/api/calls?session_id[$ne]=x").json()["results"]
    assert desk.get("/api/calls?session_id=$ne").json()["results"] == []


def test_a_card_is_moved_and_counted(desk, tenant):
    first, second = (statuses.create(tenant.pk, {"name": name}) for name in ("New", "Done"))
    call = make_call(desk, status_id=str(first.pk))
    address = f"/api/calls/{call['call_id']}/move"
    moved = desk.post(address, {"status_id": str(second.pk), "version": call["version"]}, format="json").json()
    assert moved["status_id"] == str(second.pk)
    assert store.counts(tenant.pk) == {str(second.pk): 1}
    stale = desk.post(address, {"status_id": None, "version": call["version"]}, format="json")
    assert refused(stale, 409)["code"] == "stale_version"
    assert store.counts(tenant.pk) == {str(second.pk): 1}
    assert desk.post(address, {"status_id": None}, format="json").json()["status_id"] is None
    acts = [(one["act"], one.get("before"), one.get("after")) for one in history(desk, call)]
    assert acts[1:] == [("moved", str(first.pk), str(second.pk)), ("moved", str(second.pk), None)]


def history(client, call):
    return client.get(f"/api/calls/{call['call_id']}/history").json()


def test_a_status_that_is_not_the_companys_takes_no_call(desk, tenant, stranger):
    theirs = statuses.create(stranger.tenant_id, {"name": "Theirs"})
    gone = statuses.create(tenant.pk, {"name": "Gone"})
    statuses.change(tenant.pk, gone.pk, {"deleted": True})
    call = make_call(desk)
    for wrong in (str(theirs.pk), str(gone.pk), "999999999999999999", "x", "-1", "1.5"):
        answer = desk.post(f"/api/calls/{call['call_id']}/move", {"status_id": wrong}, format="json")
        assert refused(answer, 422)["code"] == "unknown_status"
    assert store.counts(tenant.pk) == {None: 1}


def test_a_status_goes_once_its_calls_have_another(desk, supervisor, tenant):
    old, new = (statuses.create(tenant.pk, {"name": name}) for name in ("Old", "New"))
    calls = [make_call(desk, status_id=str(old.pk)) for _ in range(3)]
    with pytest.raises(statuses.StatusInUse):
        statuses.remove(supervisor, old.pk)
    assert statuses.remove(supervisor, old.pk, move_calls_to=new.pk) == 3
    assert {desk.get(f"/api/calls/{call['call_id']}").json()["status_id"] for call in calls} == {str(new.pk)}
    assert store.counts(tenant.pk) == {str(new.pk): 3}
    assert [status.pk for status in statuses.of(tenant.pk)] == [new.pk]
    assert history(desk, calls[0])[-1]["after"] == str(new.pk)


def test_a_deleted_call_is_gone_for_everybody_and_its_id_is_not_given_again(desk, tenant):
    call = make_call(desk, call_id="gone")
    address = "/api/calls/gone"
    assert desk.delete(address).status_code == 204
    for path in ("", "/segments", "/emotions", "/history", "/notes", "/export"):
        assert desk.get(address + path).status_code == 404
    assert desk.delete(address).status_code == 404
    assert desk.get("/api/calls").json()["results"] == []
    assert store.counts(tenant.pk) == {}
    again = desk.post("/api/calls", {"call_id": "gone"}, format="json")
    assert refused(again, 409)["code"] == "call_exists"
    assert call["call_id"] == "gone"


def test_notes_are_kept_in_order_with_who_and_when(desk, supervisor):
    address = f"/api/calls/{make_call(desk)['call_id']}/notes"
    for text in ("Call back on Monday", "$done"):
        assert desk.post(address, {"text": text}, format="json").status_code == 201
    notes = desk.get(address).json()
    assert [(note["text"], note["by"]) for note in notes] == [
        ("Call back on Monday", supervisor.pk),
        ("$done", supervisor.pk),
    ]
    assert desk.post(address, {"text": "x" * 4001}, format="json").status_code == 422


def test_a_line_is_corrected_and_stays_so_when_it_is_sent_again(desk, supervisor):
    call = make_call(desk, segments=[segment("a"), segment("b", start_time=3.0, end_time=4.0)])
    address = f"/api/calls/{call['call_id']}/segments"
    corrected = desk.patch(f"{address}/a", {"text": "I want my $money back"}, format="json")
    assert (corrected.status_code, corrected.json()["text"]) == (200, "I want my $money back")
    assert corrected.json()["corrected"] is True
    desk.patch(f"{address}/a", {"speaker": "agent"}, format="json")
    desk.post(address, {"segments": [segment("a", text="Heard otherwise.")]}, format="json")
    first, second = desk.get(address).json()["results"]
    assert (first["text"], first["speaker"]) == ("I want my $money back", "agent")
    assert second["text"] == segment()["text"]
    told = [(one["act"], one["by"], one.get("before"), one.get("after")) for one in history(desk, call)]
    assert told[1:] == [
        ("text_corrected", supervisor.pk, segment()["text"], "I want my $money back"),
        ("speaker_corrected", supervisor.pk, "client", "agent"),
    ]


def test_what_a_person_writes_is_masked_too(desk):
    call = make_call(desk, segments=[segment("a")])
    written = desk.patch(f"/api/calls/{call['call_id']}/segments/a", {"text": f"It is {CARD}"}, format="json").json()
    assert written["text"] == "It is [card number]"
    assert "1111" not in desk.get(f"/api/calls/{call['call_id']}/history").content.decode()


def test_a_number_that_comes_in_pieces_is_masked_and_stays_so_when_a_piece_is_sent_again(desk):
    address = f"/api/calls/{make_call(desk)['call_id']}/segments"
    pieces = [
        segment("x1", text="my card number is 4111 1111", end_time=2.0),
        segment("x2", text="1111 1111 thank you", start_time=3.0, end_time=5.0),
    ]
    for sent in [*pieces, *pieces[::-1], *pieces]:
        desk.post(address, {"segments": [sent]}, format="json")
    assert [one["text"] for one in desk.get(address).json()["results"]] == [
        "my card number is [card number]",
        "[card number] thank you",
    ]


def test_two_people_who_correct_one_line_at_once_make_one_correction_of_it(desk, tenant):
    address = f"/api/calls/{make_call(desk, segments=[segment('a')])['call_id']}/segments"
    clients = [bearer(make_user(tenant, "supervisor")) for _ in range(4)]

    def correct(number):
        try:
            return clients[number].patch(f"{address}/a", {"text": f"Person {number} says"}, format="json").status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(correct, range(4))) == {200}
    (line,) = desk.get(address).json()["results"]
    assert line["text"].startswith("Person ")


def test_a_corrected_line_that_its_source_moves_is_where_the_source_says(desk):
    call = make_call(desk, segments=[segment("a")])
    address = f"/api/calls/{call['call_id']}/segments"
    desk.patch(f"{address}/a", {"text": "Corrected"}, format="json")
    desk.post(address, {"segments": [segment("a", start_time=50.0, end_time=51.0)]}, format="json")
    desk.patch(f"{address}/a", {"text": "Corrected again"}, format="json")
    (line,) = desk.get(address).json()["results"]
    assert (line["text"], line["start_time"], line["end_time"]) == ("Corrected again", 50.0, 51.0)


def test_names_of_speakers_are_masked_and_renaming_reaches_corrected_lines(desk):
    call = make_call(desk, segments=[segment("a"), segment("b", start_time=3.0, end_time=4.0)])
    address = f"/api/calls/{call['call_id']}"
    desk.patch(f"{address}/segments/a", {"speaker": "joe@example.com"}, format="json")
    assert "joe@" not in desk.get(f"{address}/export?format=txt").content.decode()
    assert "joe@" not in desk.get(f"{address}/history").content.decode()
    desk.patch(f"{address}/segments/a", {"speaker": "Anna"}, format="json")
    desk.post(f"{address}/speakers/rename", {"from": "Anna", "to": "Anna Smith"}, format="json")
    assert [one["speaker"] for one in desk.get(address).json()["conversation"]] == ["Anna Smith", "client"]


def test_the_originals_of_a_corrected_line_are_the_corrections_own(desk, admin):
    call = make_call(desk, segments=[segment("a", text=f"It is {CARD}")])
    address = f"/api/calls/{call['call_id']}"
    desk.patch(f"{address}/segments/a", {"text": "No, 5500 0000 0000 0004"}, format="json")
    (original,) = admin.get(f"{address}/originals").json()
    assert (original["text"], original["masked"]) == ("No, 5500 0000 0000 0004", "No, [card number]")


def test_a_change_that_changes_nothing_is_refused(desk):
    call = make_call(desk)
    answer = desk.patch(f"/api/calls/{call['call_id']}", {"version": call["version"]}, format="json")
    assert refused(answer, 422)["fields"]


@pytest.mark.parametrize("call_id", [".", "..", ".hidden", "a/b", "a b", "", "x" * 129])
def test_an_id_that_no_address_could_hold_is_refused(desk, call_id):
    assert refused(desk.post("/api/calls", {"call_id": call_id}, format="json"), 422)["fields"].keys() == {"call_id"}


def test_correcting_what_is_not_there_is_a_404_and_nothing_a_422(desk):
    address = f"/api/calls/{make_call(desk, segments=[segment('a')])['call_id']}/segments"
    assert refused(desk.patch(f"{address}/b", {"text": "x"}, format="json"), 404)["code"] == "unknown_segment"
    assert refused(desk.patch(f"{address}/a", {}, format="json"), 422)["fields"]
    assert refused(desk.patch(f"{address}/a", {"text": " "}, format="json"), 422)["fields"]
    stale = desk.patch(f"{address}/a", {"text": "x", "version": 99}, format="json")
    assert refused(stale, 409)["code"] == "stale_version"


def test_speakers_are_renamed_and_merged_also_what_comes_later(desk):
    said = [segment(f"s{number}", start_time=number, end_time=5, speaker=f"speaker_{number}") for number in (1, 2, 3)]
    address = f"/api/calls/{make_call(desk, segments=said)['call_id']}"

    def rename(name, to):
        return desk.post(f"{address}/speakers/rename", {"from": name, "to": to}, format="json")

    def speakers():
        return [one["speaker"] for one in desk.get(address).json()["conversation"]]

    rename("speaker_1", "Maria")
    rename("speaker_2", "Maria")
    assert speakers() == ["Maria", "Maria", "speaker_3"]
    rename("Maria", "Mara")
    desk.post(
        f"{address}/segments",
        {"segments": [segment("s4", start_time=4, end_time=5, speaker="speaker_2")]},
        format="json",
    )
    assert speakers() == ["Mara", "Mara", "speaker_3", "Mara"]
    assert refused(rename("nobody", "x"), 404)["code"] == "unknown_segment"


def test_exports_are_files_that_say_what_was_said(desk):
    call = make_call(
        desk,
        subject="A <refund> & more",
        segments=[segment("a"), segment("b", speaker="agent", start_time=61.5, end_time=62.75)],
    )
    address = f"/api/calls/{call['call_id']}/export"
    for extension, media_type, part in [
        ("json", "application/json", "money back"),
        ("txt", "text/plain; charset=utf-8", "Client: I should like my money back."),
        ("srt", "application/x-subrip; charset=utf-8", "00:01:01,500 --> 00:01:02,750"),
        ("vtt", "text/vtt; charset=utf-8", "00:01:01.500 --> 00:01:02.750"),
    ]:
        file = desk.get(f"{address}?format={extension}")
        assert (file.status_code, file["Content-Type"]) == (200, media_type)
        assert file["Content-Disposition"].startswith("attachment; filename=")
        assert part in file.content.decode()
    assert desk.get(f"{address}?format=exe").status_code == 404
    assert AuditEntry.objects.filter(act="call.exported").count() == 4
