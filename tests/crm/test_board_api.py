"""The board over REST: all of it grouped by status in one answer, and column by column with filters."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections

from audio import sessions
from audio.errors import ChunksOwed
from calls import board as calls_board
from calls import opening, statuses
from calls.store.client import calls
from tests.builders import bearer, make_contact, make_session, make_user

GROUPED = "/crm/calls/get-grouped-by-status"
BOARD = "/crm/board"
BEGAN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def columns(tenant):
    return [statuses.create(tenant.pk, {"name": name}) for name in ("New", "Open", "Done")]


@pytest.fixture
def watching(supervisor):
    return bearer(supervisor)


def make_call(user, status=None, *, minutes=0, **values):
    details = {"start_time": BEGAN + timedelta(minutes=minutes), "status_id": status and str(status.pk), **values}
    return opening.create_call(user, details)[0]


def change(call, **values):
    """As an older program would have written it."""
    calls().update_one({"tenant_id": call["tenant_id"], "id": call["id"]}, {"$set": values})


def grouped(client, **asked):
    answer = client.post(GROUPED, asked, format="json")
    assert answer.status_code == 200, answer.content
    return answer.json()


def shown(client, **asked):
    answer = client.get(BOARD, asked)
    assert answer.status_code == 200, answer.content
    return {column["name"]: column for column in answer.json()["columns"]}


def test_every_status_is_a_group_with_its_newest_calls_and_the_people_in_them(watching, supervisor, tenant, columns):
    new, opened, done = columns
    ada = make_user(tenant, "agent", first_name="Ada", last_name="Lovelace", email="ada@example.org")
    older = make_call(ada, new, subject="A refund", assigned_to_id=supervisor.pk)
    newer = make_call(ada, new, minutes=5)
    without = make_call(ada)
    body = grouped(watching)
    assert {name: body[name] for name in ("status", "message", "summary")} == {
        "status": 200,
        "message": "Calls grouped by status retrieved successfully",
        "summary": {
            "total_calls": 3,
            "total_status_groups": 4,
            "limit_per_status": 100,
            "enrichment_enabled": True,
        },
    }
    assert [group["id"] for group in body["data"]] == [new.pk, opened.pk, done.pk, None]
    assert [group["total_calls"] for group in body["data"]] == [2, 0, 0, 1]
    assert [call["id"] for call in body["data"][0]["calls"]] == [newer["id"], older["id"]]
    assert [call["id"] for call in body["data"][3]["calls"]] == [without["id"]]
    assert body["data"][1] == {
        "id": opened.pk,
        "name": "Open",
        "description": "",
        "color": "#7c8595",
        "total_calls": 0,
        "calls": [],
    }
    told = body["data"][0]["calls"][1]
    assert told["status_id"] == str(new.pk)
    assert told["start_time"] == "2026-03-02T09:00:00Z"
    assert (told["call_id"], told["subject"], told["type"]) == (older["call_id"], "A refund", "call")
    person = {"id": ada.pk, "name": "Ada Lovelace", "email": "ada@example.org"}
    assert told["owner_details"] == told["user_details"] == person
    assert told["assigned_to_details"]["id"] == supervisor.pk
    assert body["data"][0]["calls"][0]["assigned_to_details"] == {}


@pytest.mark.parametrize("way", ["json", "form", "multipart", "query"])
def test_what_is_asked_for_may_come_in_any_way(watching, supervisor, columns, way):
    for minutes in range(3):
        make_call(supervisor, columns[0], minutes=minutes)
    asked = {"limit": "2", "include_enrichment": "false"}
    match way:
        case "query":
            answer = watching.post(f"{GROUPED}?limit=2&include_enrichment=false")
        case "form":
            answer = watching.post(
                GROUPED, "limit=2&include_enrichment=false", content_type="application/x-www-form-urlencoded"
            )
        case _:
            answer = watching.post(GROUPED, asked, format=way)
    body = answer.json()
    assert body["summary"]["limit_per_status"] == 2
    assert body["summary"]["enrichment_enabled"] is False
    numbers = body["data"][0]["calls"]
    assert numbers == sorted(numbers, reverse=True)
    assert len(numbers) == 2
    assert body["data"][0]["total_calls"] == 3


def test_counts_alone_come_without_calls(watching, supervisor, columns):
    make_call(supervisor, columns[1])
    body = grouped(watching, include_calls=False)
    assert [(group["total_calls"], group["calls"]) for group in body["data"]] == [(0, []), (1, []), (0, []), (0, [])]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"limit": "abc"}, "limit"),
        ({"limit": None}, "limit"),
        ({"limit": 10**15}, "limit"),
        ({"include_enrichment": "perhaps"}, "include_enrichment"),
        ({"include_calls": []}, "include_calls"),
        ([], "body"),
    ],
)
def test_what_cannot_be_asked_for_is_told_by_its_name(watching, asked, field):
    answer = watching.post(GROUPED, asked, format="json")
    assert answer.status_code == 422
    assert field in answer.json()["error"]["fields"]


def test_a_company_that_is_named_in_what_is_asked_changes_nothing(watching, supervisor, columns, stranger):
    theirs = make_call(stranger)
    ours = make_call(supervisor, columns[0])
    for tenant_id in (stranger.tenant_id, 10**9):
        body = grouped(watching, tenant_id=tenant_id)
        assert [call["id"] for group in body["data"] for call in group["calls"]] == [ours["id"]]
    assert watching.post(f"/api/calls/{theirs['call_id']}/move", {"status_id": None}, format="json").status_code == 404


def test_statuses_that_are_gone_or_unknown_or_numbers_lose_no_call(watching, supervisor, tenant, columns):
    new = columns[0]
    gone = statuses.create(tenant.pk, {"name": "Gone"})
    as_number = make_call(supervisor, new, minutes=1)
    in_gone, in_unknown, in_words = (make_call(supervisor, minutes=minutes) for minutes in (4, 2, 3))
    change(as_number, status_id=new.pk)
    change(in_gone, status_id=str(gone.pk))
    change(in_unknown, status_id=987654321)
    change(in_words, status_id="waiting")
    statuses.remove(supervisor, gone.pk)
    calls_board.reconcile()
    body = grouped(watching)
    by_id = {group["id"]: group for group in body["data"]}
    assert by_id.keys() == {*(status.pk for status in columns), None}
    assert [call["id"] for call in by_id[new.pk]["calls"]] == [as_number["id"]]
    assert by_id[new.pk]["calls"][0]["status_id"] == str(new.pk)
    assert [call["id"] for call in by_id[None]["calls"]] == [in_gone["id"], in_words["id"], in_unknown["id"]]
    assert [group["total_calls"] for group in body["data"]] == [1, 0, 0, 3]
    assert shown(watching)["No status"]["total"] == 3


def test_who_may_not_see_colleagues_calls_sees_and_counts_their_own(api, agent, supervisor, columns):
    own = [make_call(agent, columns[0]), make_call(agent)]
    make_call(supervisor, columns[0])
    body = grouped(api)
    assert [group["total_calls"] for group in body["data"]] == [1, 0, 0, 1]
    assert {call["id"] for group in body["data"] for call in group["calls"]} == {call["id"] for call in own}
    board = shown(api, user=str(supervisor.pk))
    assert [column["total"] for column in board.values()] == [0, 0, 0]


def test_a_column_goes_on_where_its_page_ended(watching, supervisor, columns):
    made = [make_call(supervisor, columns[0], minutes=number // 3)["id"] for number in range(7)]
    column = shown(watching, limit=3)["New"]
    assert (column["total"], column["total_is_exact"]) == (7, True)
    seen = [card["id"] for card in column["cards"]]
    while column["next"]:
        page = watching.get(column["next"]).json()
        (column,) = page["columns"]
        seen += [card["id"] for card in column["cards"]]
    assert seen == made[::-1]
    assert page["may_move"] is True


def test_the_column_of_calls_without_a_status_is_there_when_it_holds_any(watching, supervisor, columns):
    assert list(shown(watching)) == ["New", "Open", "Done"]
    call = make_call(supervisor)
    (card,) = shown(watching)["No status"]["cards"]
    assert card["id"] == call["id"]
    (column,) = watching.get(BOARD, {"column": "none"}).json()["columns"]
    assert (column["id"], column["total"], column["next"]) == (None, 1, None)


def test_filters_let_through_what_all_of_them_are_true_of(watching, supervisor, tenant, columns):
    ada = make_user(tenant, "agent")
    first = make_call(ada, columns[0], subject="Refund of order 17", direction="inbound", assigned_to_id=ada.pk)
    second = make_call(supervisor, columns[0], minutes=60, subject="A (strange) REFUND", direction="outbound")
    change(second, suspicion={"score": 0.7, "reasons": [], "reviews": []})
    nobodys = make_call(supervisor, columns[1], minutes=24 * 60)
    change(nobodys, owner_id=None)

    def found(**asked):
        board = shown(watching, **asked)
        cards = {card["id"] for column in board.values() for card in column["cards"]}
        assert sum(column["total"] for column in board.values()) == len(cards)
        return cards

    everything = {first["id"], second["id"], nobodys["id"]}
    assert found(text="", owner="") == everything
    assert found(text="refund") == {first["id"], second["id"]}
    assert found(text="REFUND (strange)") == {second["id"]}
    assert found(text=".*") == set()
    assert found(direction="inbound") == {first["id"]}
    assert found(min_suspicion="0.5") == {second["id"]}
    assert found(min_suspicion="0") == everything
    assert found(user=ada.pk) == found(assignee=ada.pk) == found(owner=ada.pk) == {first["id"]}
    assert found(owner="me") == {second["id"]}
    assert found(owner="none") == {nobodys["id"]}
    assert found(assignee="none") == {second["id"], nobodys["id"]}
    assert found(since="2026-03-03") == {nobodys["id"]}
    assert found(until="2026-03-02") == {first["id"], second["id"]}
    assert found(since="2026-03-02T09:30:00Z", until="2026-03-02T12:00:00Z") == {second["id"]}
    assert found(text="refund", direction="outbound", user="me") == {second["id"]}


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"limit": "0"}, 422),
        ({"limit": "201"}, 422),
        ({"limit": "abc"}, 422),
        ({"owner": "Ada"}, 422),
        ({"assignee": "-1"}, 422),
        ({"user": "9" * 30}, 422),
        ({"since": "yesterday"}, 422),
        ({"text": "x" * 201}, 422),
        ({"text": "nul\0"}, 422),
        ({"direction": "sideways"}, 422),
        ({"min_suspicion": "nan"}, 422),
        ({"min_suspicion": "1.5"}, 422),
        ({"column": "abc"}, 422),
        ({"column": "999999999"}, 404),
        ({"column": "none", "cursor": "abc"}, 404),
        # A cursor is of one column.
        ({"cursor": "WyIyMDI2LTAxLTAxVDAwOjAwOjAwWiIsIDFd"}, 404),
        ({"column": "none", "cursor": "WyIyMDI2IiwtMV0="}, 404),
    ],
)
def test_what_no_board_can_be_asked_is_a_clear_4xx(watching, asked, status):
    answer = watching.get(BOARD, asked)
    assert answer.status_code == status, answer.content
    assert answer.json()["error"]["message"]


def test_a_card_tells_its_customer_its_flags_and_its_verdict(watching, supervisor, tenant, columns):
    customer = make_contact(tenant, "Grace Hopper")
    call = make_call(supervisor, columns[0])
    reasons = [
        {"flag_id": f"f{number}", "kind": kind, "weight": weight, "rule": "r", "evidence": "e"}
        for number, (kind, weight) in enumerate(
            [
                ("long_silence", 0.1),
                ("phrase", 0.5),
                ("phrase", 0.2),
                ("crosstalk", 0.3),
                ("level", 0.05),
                ("loud", 0.9),
            ]
        )
    ]
    change(
        call,
        contact_id=customer.pk,
        suspicion={"score": 0.6, "reasons": reasons, "reviews": [{"flag_id": "f5", "verdict": "wrong"}]},
        verdict={"state": "incomplete", "gaps": [], "owed": []},
    )
    (card,) = shown(watching)["New"]["cards"]
    assert card["flags"] == ["phrase", "crosstalk", "long_silence"]
    assert card["contact_details"] == {"id": customer.pk, "name": "Grace Hopper"}
    assert (card["suspicion_score"], card["verdict_state"]) == (0.6, "incomplete")


def test_a_recording_that_has_ended_and_waits_for_chunks_is_arriving(watching, supervisor):
    session = make_session(supervisor)
    (card,) = shown(watching)["No status"]["cards"]
    assert card["verdict_state"] == "recording"
    with pytest.raises(ChunksOwed):
        sessions.complete(session, total_chunks=2)
    (card,) = shown(watching)["No status"]["cards"]
    assert card["verdict_state"] == "arriving"


def test_of_two_who_move_one_card_at_once_the_second_is_told(watching, supervisor, tenant, columns):
    call = make_call(supervisor, columns[0])
    others = bearer(make_user(tenant, "supervisor"))

    def move(api, status):
        try:
            body = {"status_id": str(status.pk), "version": call["version"]}
            return api.post(f"/api/calls/{call['call_id']}/move", body, format="json")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(move, watching, columns[1]), pool.submit(move, others, columns[2])]
        answers = [one.result() for one in both]
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    (done,) = [answer.json() for answer in answers if answer.status_code == 200]
    (refused,) = [answer.json()["error"] for answer in answers if answer.status_code == 409]
    assert refused["code"] == "stale_version"
    assert "Somebody else has changed call" in refused["message"]
    assert {column["id"]: column["total"] for column in shown(watching).values()} == {
        status.pk: int(str(status.pk) == done["status_id"]) for status in columns
    }


def test_a_move_to_a_status_that_has_just_been_taken_away_leaves_the_card_where_it_is(watching, supervisor, columns):
    call = make_call(supervisor, columns[0])
    statuses.remove(supervisor, columns[1].pk)
    body = {"status_id": str(columns[1].pk), "version": call["version"]}
    answer = watching.post(f"/api/calls/{call['call_id']}/move", body, format="json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "unknown_status")
    board = shown(watching)
    assert list(board) == ["New", "Done"]
    assert [card["version"] for card in board["New"]["cards"]] == [call["version"]]
