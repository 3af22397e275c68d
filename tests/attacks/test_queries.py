"""What is meant as a value is never taken for a part of a question: MongoDB's, PostgreSQL's or Redis'."""

import itertools

import pytest

from calls import store
from crm import tickets
from crm.credentials import Credential
from tests.builders import bearer, make_user
from tests.config.test_every_endpoint import BODIES, call

OPERATORS = [{"$ne": None}, {"$gt": ""}, {"$where": "sleep(1000)"}, [{"$ne": 1}]]
# An object is what these take; of its names they know some.
OBJECTS = {"call", "metadata", "metrics", "access"}


@pytest.mark.parametrize("endpoint", sorted(BODIES), ids=" ".join)
def test_an_operator_in_the_place_of_a_value_is_refused(things, insiders, endpoint):
    method, address = endpoint
    address, body = address.format(**things), BODIES[endpoint]
    apis = [bearer(person) for person in insiders.values()]
    for field, operator in itertools.product(body, OPERATORS):
        if field in OBJECTS:
            continue
        answers = [call(api, method, address, {**body, field: operator}) for api in apis]
        codes = {answer.status_code for answer in answers}
        if address == "/api/metrics/segments":
            # Of many at once each is told by itself what is wrong with it.
            assert not any(answer.json().get("accepted") for answer in answers), (field, operator)
            codes -= {202}
        assert codes <= {400, 403, 404, 422}, (field, operator, codes)


@pytest.mark.parametrize(
    "address",
    [
        "/api/calls?{}",
        "/crm/board?{}",
        "/crm/calls/get-grouped-by-status?{}",
        "/api/search?q=hello&{}",
        "/api/audio/sessions?{}",
        "/api/crm/contacts?{}",
        "/api/crm/users?{}",
        "/api/audit?{}",
        "/api/metrics/segments/recent?{}",
        "/api/metrics/hourly?{}",
        "/api/privacy/holds?{}",
        "/api/privacy/erasures?{}",
        "/api/metrics/dubbing-sessions?{}",
    ],
)
def test_an_operator_in_an_address_finds_nothing_of_anybody_elses(stranger, things, address):
    names = ["tenant_id", "call_id", "status", "status_id", "owner_id", "user_id", "speaker", "platform", "q", "act"]
    for name, operator in itertools.product(names, ["[$ne]=0", '={"$ne":0}', "[$regex]=.*", "=' OR '1'='1"]):
        answer = bearer(stranger).get(address.format(f"{name}{operator}"))
        assert answer.status_code < 500, name
        told = answer.getvalue().decode()
        assert things["call_id"] not in told
        assert "Quetzalcoatlus" not in told


NAMES = ["a.b", "$where", "__proto__", "", "a\u0000b"]


@pytest.mark.parametrize("name", NAMES)
def test_no_name_in_what_is_kept_with_a_call_is_a_path_or_an_operator(tenant, name):
    api = bearer(make_user(tenant, "integration"))
    answer = call(api, "post", "/api/calls", {"call_id": "named", "metadata": {"in": [{name: 1}]}})
    assert answer.status_code == (201 if name == "__proto__" else 400 if "\0" in name else 422)


@pytest.mark.parametrize("given", ["*", "a\nb", "a:b", "../x", "x" * 65, "a\r\nDEL intake:dead", "{intake}", "ä"])
def test_an_id_of_a_conversation_is_never_part_of_anything_else(tenant, intake_queue, given):
    body = {"id": given, "user_id": "5", "platform": "web", "transcript": "User: hello"}
    answer = call(bearer(make_user(tenant, "integration")), "post", "/api/conversations", body)
    assert answer.status_code == 422
    assert intake_queue.depths().queued == 0


@pytest.mark.parametrize("given", ["*", "?", "[a-z]*", "\n", "x" * 10_000, "\0", "%00"])
def test_no_pattern_is_a_ticket(agent, given):
    ticket = tickets.issue(Credential(token_id=1))
    assert tickets.redeem(given) is None
    assert tickets.redeem(ticket) is not None


def test_a_search_for_what_a_pattern_would_be_is_a_search_for_its_letters(tenant, agent):
    contacts = bearer(make_user(tenant, "supervisor"))
    for typed in ("%", "_", "\\", "a%' --", "(a+)+$", "[", "*"):
        assert contacts.get("/api/crm/contacts", {"q": typed}).json()["results"] == []
        assert contacts.get("/api/search", {"q": typed}).status_code in {200, 422}


def test_what_looks_like_a_question_is_kept_as_it_is(tenant):
    program = make_user(tenant, "integration")
    said = {"segment_id": "a", "speaker": "agent", "text": '{"$ne": null} $where', "start_time": 0, "end_time": 1}
    assert (
        call(
            bearer(program), "post", "/api/calls", {"call_id": "odd", "subject": "$set", "segments": [said]}
        ).status_code
        == 201
    )
    kept = store.find({"tenant_id": tenant.pk, "call_id": "odd"})
    assert (kept["subject"], kept["conversation"][0]["text"]) == ("$set", '{"$ne": null} $where')
