import pytest

from crm.models import AuditEntry, ErasureRequest, LegalHold
from tests.builders import bearer, make_contact, make_erasure, make_hold, make_user

HOLDS = "/api/privacy/holds"


@pytest.fixture
def officer(tenant):
    return make_user(tenant, "privacy")


@pytest.fixture
def api(officer):
    return bearer(officer)


def acts():
    return [*AuditEntry.objects.filter(act__startswith="hold.").order_by("pk").values_list("act", "subject")]


def test_a_hold_is_placed_read_listed_and_lifted(api, officer, tenant):
    contact = make_contact(tenant, "Ada")
    placed = api.post(HOLDS, {"contact_id": contact.pk, "reason": "Case 4"}, format="json")
    assert placed.status_code == 201
    hold = placed.json()
    assert (hold["kind"], hold["contact_id"], hold["reason"], hold["placed_by"], hold["lifted_at"]) == (
        "contact",
        contact.pk,
        "Case 4",
        officer.pk,
        None,
    )
    assert api.get(f"{HOLDS}/{hold['id']}").json() == hold
    assert api.get(HOLDS, {"standing": "true"}).json()["results"] == [hold]
    lifted = api.post(f"{HOLDS}/{hold['id']}/lift").json()
    assert lifted["lifted_by"] == officer.pk
    assert api.post(f"{HOLDS}/{hold['id']}/lift").json() == lifted
    assert api.get(HOLDS, {"standing": "true"}).json()["results"] == []
    assert api.get(HOLDS, {"standing": "false"}).json()["results"] == [lifted]
    subject = f"hold:{hold['id']}"
    assert acts()[:2] == [("hold.placed", subject), ("hold.read", subject)]
    assert ("hold.lifted", subject) in acts()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"reason": "Nobody"},
        {"call_id": "a"},
        {"call_id": "a", "user_id": 1, "reason": "Both"},
        {"user_id": 1, "contact_id": 1, "reason": "Both"},
        {"platform": "web", "reason": "Half"},
        {"external_user_id": "dana", "reason": "Half"},
        {"call_id": "a", "reason": " "},
    ],
)
def test_a_hold_is_on_one_thing_and_says_why(api, body):
    refused = api.post(HOLDS, body, format="json")
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "invalid")
    assert not LegalHold.objects.exists()


def test_nobody_of_another_company_is_held_and_no_hold_of_theirs_is_seen(api, stranger):
    theirs = make_hold(stranger.tenant)
    assert api.get(HOLDS).json()["results"] == []
    assert api.get(f"{HOLDS}/{theirs.pk}").status_code == 404
    assert api.post(f"{HOLDS}/{theirs.pk}/lift").status_code == 404
    assert api.post(HOLDS, {"user_id": stranger.pk, "reason": "x"}, format="json").status_code == 404
    assert LegalHold.objects.get().lifted_at is None


def test_an_erasure_waits_for_a_hold_and_goes_on_once_it_is_lifted(api, tenant, officer):
    erasure = make_erasure(tenant, state="waiting", requested_by=officer, approved_at=None)
    hold = api.post(HOLDS, {"platform": "web", "external_user_id": "dana", "reason": "Case 4"}, format="json").json()
    assert ErasureRequest.objects.get(pk=erasure.pk).state == "blocked"
    api.post(f"{HOLDS}/{hold['id']}/lift")
    assert ErasureRequest.objects.get(pk=erasure.pk).state == "pending"
