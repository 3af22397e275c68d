import pytest

from crm.models import AccessPolicy
from tests.builders import bearer, make_user


@pytest.fixture
def admin(tenant):
    return make_user(tenant, "admin")


@pytest.fixture
def api(admin):
    return bearer(admin)


RECORDING = {
    "consent_required": False,
    "consent_wording": "This call is recorded. Do you agree?",
    "allowed_origins": "",
}
HEARING = {"emotion_sides": "client", "expected_speakers": 2}
REDACTION = dict.fromkeys(
    [
        "redact_cards",
        "redact_accounts",
        "redact_emails",
        "redact_phones",
        "redact_spoken_digits",
        "keep_originals",
    ],
    True,
)
PRIVACY = {"four_eyes": False, "waiting_hours": 0, "deadline_days": 30, "remind_days": 7, "export_days": 7}
DEFAULTS = {"sign_in_hours": 12, "longest_token_days": 365, "agents_may_make_tokens": True}


def test_the_defaults_hold_where_a_company_has_set_nothing(api, tenant):
    assert api.get("/api/crm/settings").json() == {
        "company": {"name": tenant.name},
        "access": DEFAULTS,
        "recording": RECORDING,
        "hearing": HEARING,
        "redaction": REDACTION,
        "privacy": PRIVACY,
    }


def test_what_is_given_is_changed_and_the_rest_stays(api, tenant, stranger):
    changed = api.patch("/api/crm/settings", {"access": {"sign_in_hours": 8}}, format="json")
    assert changed.json() == {
        "company": {"name": tenant.name},
        "access": {**DEFAULTS, "sign_in_hours": 8},
        "recording": RECORDING,
        "hearing": HEARING,
        "redaction": REDACTION,
        "privacy": PRIVACY,
    }
    api.patch("/api/crm/settings", {"access": {"longest_token_days": 30}}, format="json")
    assert api.get("/api/crm/settings").json()["access"] == {
        **DEFAULTS,
        "sign_in_hours": 8,
        "longest_token_days": 30,
    }
    assert list(AccessPolicy.objects.values_list("tenant_id", flat=True)) == [tenant.pk]


def test_all_of_it_or_nothing(api, stranger, tenant):
    refused = api.patch(
        "/api/crm/settings",
        {"company": {"name": stranger.tenant.name}, "access": {"sign_in_hours": 8}},
        format="json",
    )
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "company_name_taken")
    assert api.get("/api/crm/settings").json() == {
        "company": {"name": tenant.name},
        "access": DEFAULTS,
        "recording": RECORDING,
        "hearing": HEARING,
        "redaction": REDACTION,
        "privacy": PRIVACY,
    }


@pytest.mark.parametrize(
    "body",
    [
        {"access": {"sign_in_hours": 0}},
        {"access": {"sign_in_hours": 721}},
        {"access": {"longest_token_days": 3651}},
        {"access": {"agents_may_make_tokens": "perhaps"}},
        {"access": []},
        {"company": {"name": ""}},
        {"company": {"name": "x" * 121}},
    ],
)
def test_a_value_out_of_bounds_is_refused_and_named(api, body):
    refused = api.patch("/api/crm/settings", body, format="json")
    assert refused.status_code == 422
    assert set(refused.json()["error"]["fields"]) == set(body)
    assert not AccessPolicy.objects.exists()


def test_the_page_changes_the_same_settings(client, admin, api):
    client.force_login(admin)
    given = {
        "company-name": "New Name",
        "access-sign_in_hours": 8,
        "access-longest_token_days": 30,
        "recording-consent_required": "on",
        "recording-consent_wording": "May we record this?",
        "hearing-emotion_sides": "nobody",
        "hearing-expected_speakers": 3,
        "redaction-redact_cards": "on",
        "privacy-four_eyes": "on",
        "privacy-waiting_hours": 24,
        "privacy-deadline_days": 20,
        "privacy-remind_days": 5,
        "privacy-export_days": 3,
    }
    assert client.post("/settings/", given).status_code == 302
    assert api.get("/api/crm/settings").json() == {
        "company": {"name": "New Name"},
        "access": {"sign_in_hours": 8, "longest_token_days": 30, "agents_may_make_tokens": False},
        "recording": {**RECORDING, "consent_required": True, "consent_wording": "May we record this?"},
        "hearing": {"emotion_sides": "nobody", "expected_speakers": 3},
        "redaction": {**dict.fromkeys(REDACTION, False), "redact_cards": True},
        "privacy": {
            "four_eyes": True,
            "waiting_hours": 24,
            "deadline_days": 20,
            "remind_days": 5,
            "export_days": 3,
        },
    }


def test_the_page_says_what_is_wrong_and_changes_nothing(client, admin, api, stranger):
    client.force_login(admin)
    hearing = {"hearing-emotion_sides": "client", "hearing-expected_speakers": 2}
    privacy = {f"privacy-{field}": value for field, value in PRIVACY.items() if value is not False}
    days = {"access-longest_token_days": 30, **hearing, **privacy}
    wrong = {"company-name": stranger.tenant.name, "access-sign_in_hours": 8, **days}
    assert "Another company here has this name" in client.post("/settings/", wrong).content.decode()
    wrong = {"company-name": "New Name", "access-sign_in_hours": 0, **days}
    assert "greater than or equal to 1" in client.post("/settings/", wrong).content.decode()
    assert api.get("/api/crm/settings").json()["access"] == DEFAULTS
