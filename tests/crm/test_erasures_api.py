import base64
import hashlib
import json
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from crm.erasure import certificates
from crm.models import AuditEntry, ErasureRequest, ErasureState, PrivacyPolicy
from tests.builders import bearer, make_contact, make_erasure, make_hold, make_user

ERASURES = "/api/privacy/erasures"
ROWS = [
    {"store": "objects", "step": "sound", "found": 3, "erased": 3, "left": 0, "found_again": 0},
    {"store": "postgres", "step": "rows", "found": 5, "erased": 5, "left": 0, "found_again": 0},
    {"store": "postgres", "step": "search", "found": 2, "erased": 1, "left": 1, "found_again": None},
]


@pytest.fixture
def officer(tenant):
    return make_user(tenant, "privacy")


@pytest.fixture
def api(officer):
    return bearer(officer)


def ask(api, **body):
    return api.post(ERASURES, body, format="json")


def acts():
    return [*AuditEntry.objects.filter(act__startswith="erasure.").order_by("pk").values_list("act", "subject")]


def test_somebody_is_asked_to_be_erased(api, officer, tenant):
    PrivacyPolicy.objects.create(tenant=tenant, four_eyes=True)
    contact = make_contact(tenant, "Ada Lovelace")
    asked = ask(api, contact_id=contact.pk, reason="By mail")
    assert asked.status_code == 202
    erasure = asked.json()
    expected = {
        "status": "pending",
        "kind": "contact",
        "subject": {"contact_id": contact.pk},
        "subject_name": "Ada Lovelace",
        "reason": "By mail",
        "requested_by": officer.pk,
        "stores": {},
        "steps": [],
        "is_replay": False,
    }
    assert {name: erasure[name] for name in expected} == expected
    assert api.get(f"{ERASURES}/{erasure['id']}").json() == erasure
    assert api.get(ERASURES).json()["results"] == [erasure]
    assert ask(api, contact_id=contact.pk).json()["id"] == erasure["id"], "asked for twice, it is the same"
    assert acts()[0] == ("erasure.requested", f"erasure:{erasure['id']}")


def test_a_dry_run_counts_and_changes_nothing(api, tenant):
    contact = make_contact(tenant, "Ada Lovelace")
    hold = make_hold(tenant, kind="contact", contact_id=contact.pk, call_id="")
    looked = ask(api, contact_id=contact.pk, dry_run=True)
    assert looked.status_code == 200
    answer = looked.json()
    assert "id" not in answer
    assert (answer["dry_run"], answer["subject_name"], answer["subject"]) == (
        True,
        "Ada Lovelace",
        {"contact_id": contact.pk},
    )
    assert [shown["id"] for shown in answer["holds"]] == [hold.pk]
    for counts in answer["stores"].values():
        assert counts == {"found": counts["found"], "erased": 0, "left": None, "found_again": None}
    assert not ErasureRequest.objects.exists()
    assert [act for act, _ in acts()] == ["erasure.previewed"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"reason": "Nobody is named"},
        {"user_id": 1, "contact_id": 2},
        {"user_id": 1, "platform": "web", "external_user_id": "dana"},
        {"platform": "web"},
        {"external_user_id": "dana"},
        {"platform": "two words", "external_user_id": "dana"},
        {"user_id": "x"},
        {"user_id": 0},
    ],
)
def test_a_subject_that_names_nobody_or_several_is_refused(api, body):
    for is_dry_run in (True, False):
        refused = ask(api, **body, dry_run=is_dry_run)
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "invalid")
    assert not ErasureRequest.objects.exists()


def test_nobody_of_another_company_is_erased_and_no_request_of_theirs_is_seen(api, stranger):
    theirs = make_erasure(stranger.tenant)
    assert ask(api, user_id=stranger.pk).status_code == 404
    assert ask(api, contact_id=make_contact(stranger.tenant, "Grace").pk, dry_run=True).status_code == 404
    assert api.get(ERASURES).json()["results"] == []
    for method, what in [("get", ""), ("get", "/certificate"), ("post", "/cancel"), ("post", "/approve")]:
        answer = getattr(api, method)(f"{ERASURES}/{theirs.pk}{what}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_erasure")
    assert api.post(f"{ERASURES}/{theirs.pk}/run-again").status_code == 404
    assert ErasureRequest.objects.get().state == "pending"


def test_what_the_steps_did_is_summed_by_store(api, tenant):
    erasure = make_erasure(tenant, state="failed", stores=ROWS, error="Something was left: search.")
    answer = api.get(f"{ERASURES}/{erasure.pk}").json()
    assert answer["stores"] == {
        "objects": {"found": 3, "erased": 3, "left": 0, "found_again": 0},
        "postgres": {"found": 7, "erased": 6, "left": 1, "found_again": None},
    }
    assert (answer["steps"], answer["error"]) == (ROWS, "Something was left: search.")


def test_requests_are_listed_by_state_and_page_by_page(api, tenant):
    now = timezone.now()
    made = [
        make_erasure(tenant, state=state, requested_at=now - timedelta(minutes=age))
        for age, state in enumerate(["pending", "completed", "pending", "failed"])
    ]
    first = api.get(ERASURES, {"limit": 3}).json()
    rest = api.get(first["next"]).json()
    listed = [erasure["id"] for erasure in [*first["results"], *rest["results"]]]
    assert (listed, rest["next"]) == ([str(erasure.pk) for erasure in made], None)
    pending = api.get(ERASURES, {"status": "pending"}).json()["results"]
    assert [erasure["id"] for erasure in pending] == [str(made[0].pk), str(made[2].pk)]
    assert api.get(ERASURES, {"status": "gone"}).status_code == 422
    assert api.get(ERASURES, {"cursor": "nonsense"}).status_code == 404


def test_somebody_else_approves_and_whoever_asked_does_not(api, officer, tenant):
    erasure = make_erasure(tenant, requested_by=officer)
    refused = api.post(f"{ERASURES}/{erasure.pk}/approve")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "erasure_not_allowed")
    colleague = make_user(tenant, "privacy")
    approved = bearer(colleague).post(f"{ERASURES}/{erasure.pk}/approve")
    assert (approved.status_code, approved.json()["approved_by"]) == (200, colleague.pk)
    assert bearer(colleague).post(f"{ERASURES}/{erasure.pk}/approve").status_code == 409
    assert acts() == [("erasure.approved", f"erasure:{erasure.pk}")]


@pytest.mark.parametrize("state", ErasureState)
def test_an_erasure_is_cancelled_before_it_begins_and_run_again_when_it_failed(api, tenant, state):
    erasure = make_erasure(tenant, state=state)
    may_run_again = state == "failed"
    again = api.post(f"{ERASURES}/{erasure.pk}/run-again")
    assert again.status_code == (202 if may_run_again else 409)
    may_cancel = state in {"pending", "waiting", "approved", "blocked", "cancelled"}
    cancelled = api.post(f"{ERASURES}/{erasure.pk}/cancel")
    assert cancelled.status_code == (200 if may_cancel else 409)
    if may_cancel:
        assert cancelled.json()["status"] == "cancelled"


def test_a_certificate_is_had_once_it_is_complete_and_with_the_key_to_verify_it(api, tenant):
    erasure = make_erasure(tenant, state="running", started_at=timezone.now())
    early = api.get(f"{ERASURES}/{erasure.pk}/certificate")
    assert (early.status_code, early.json()["error"]["code"]) == (404, "unknown_erasure")
    certificates.issue(erasure, ROWS[:2], people=1, calls=0, ledger_entry=b"{}", completed_at=timezone.now())
    answer = api.get(f"{ERASURES}/{erasure.pk}/certificate")
    assert answer["Content-Disposition"] == f'attachment; filename="erasure-{erasure.pk}.json"'
    assert "no-store" in answer["Cache-Control"]
    key = api.get("/api/privacy/certificate-key").json()
    assert certificates.verify(answer.content, key=key["public_key"]).holds
    assert key["algorithm"] == "Ed25519"
    assert key["fingerprint"] == hashlib.sha256(base64.b64decode(key["public_key"])).hexdigest()
    forged = json.loads(answer.content) | {"request_id": str(uuid.uuid4())}
    assert not certificates.verify(json.dumps(forged).encode(), key=key["public_key"]).holds


@pytest.mark.parametrize("role", ["agent", "supervisor", "admin", "integration"])
def test_erasures_are_for_who_looks_after_privacy(tenant, role):
    api, erasure = bearer(make_user(tenant, role)), make_erasure(tenant)
    assert ask(api, user_id=1).status_code == 403
    assert api.get(ERASURES).status_code == 403
    assert api.post(f"{ERASURES}/{erasure.pk}/approve").status_code == 403
    assert api.get("/api/privacy/certificate-key").status_code == 403
