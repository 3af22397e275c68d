"""Every endpoint of the schema, with what fits and what does not: never a 5xx, and a refusal leaves nothing behind."""

from urllib.parse import urlencode

import pytest
import schemathesis
from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from rest_framework.test import APIClient
from schemathesis import GenerationMode

from audio import blobs
from calls import intake, queue, statuses
from crm import tokens
from tests.builders import (
    bearer,
    make_alert,
    make_contact,
    make_dubbing_session,
    make_erasure,
    make_flag,
    make_hold,
    make_measured,
    make_person_export,
    make_segment,
    make_session,
    make_user,
    put_chunk,
)
from tests.scale import scaled
from tests.sound import encode, tone

SCHEMA = schemathesis.openapi.from_dict(SchemaGenerator().get_schema(public=True))
SECOND = encode(tone(1.0))
# What is written whether a request is refused or not: that somebody was there.
WRITTEN_ANYWAY = {"crm.AuditEntry", "crm.Token", "crm.SignInFailures", "sessions.Session"}
# The total is kept although chunks are owed: the one refusal that changes something, and says so.
CHANGES_ALL_THE_SAME = {"chunks_owed"}


def operations():
    return [(path, method) for path in sorted(SCHEMA) for method in SCHEMA[path] if path != "/api/schema/"]


@pytest.fixture
def admin(tenant):
    return make_user(tenant, "admin")


@pytest.fixture
def ours(admin, intake_queue):
    """Things of the admin's that addresses name, so that requests get past the door."""
    session = make_session(admin)
    put_chunk(bearer(admin), session, 0, SECOND)
    make_dubbing_session(admin.tenant_id, str(session.pk))
    alert, delivery = make_alert(admin.tenant)
    make_measured(admin.tenant_id, "dana")
    return {
        "alert_id": str(alert.pk),
        "kind": alert.rule.kind,
        "destination_id": str(delivery.destination_id),
        "delivery_id": str(delivery.pk),
        "session_id": str(session.pk),
        "call_id": session.call_id,
        "flag_id": make_flag(session)["flag_id"],
        "segment_id": make_segment(session)["segment_id"],
        "request_id": str(make_erasure(admin.tenant).pk),
        "hold_id": str(make_hold(admin.tenant).pk),
        "status_id": str(statuses.create(admin.tenant_id, {"name": "Open"}).pk),
        "index": "0",
        "conversation_id": intake.queue_conversation("5", "web", "User: hello", tenant_id=admin.tenant_id),
        "contact_id": str(make_contact(admin.tenant, "Ada").pk),
        "person_id": str(make_user(admin.tenant, "integration").pk),
        "token_id": "0",
        "user_id": "dana",
        "export_id": str(make_person_export(admin, of=admin).pk),
    }


def kept():
    """How many rows of each kind and how many objects there are."""
    rows = {
        model._meta.label: model._default_manager.count()
        for model in apps.get_models()
        if model._meta.app_label in {"audio", "calls", "crm"} and model._meta.label not in WRITTEN_ANYWAY
    }
    return rows | {"objects": sum(len(page) for page in blobs.listed()), "conversations": queue.depths().queued}


def send(client, case, address):
    headers = {
        name: str(value)
        for name, value in (case.headers or {}).items()
        if name.lower() not in {"authorization", "content-type", "content-length", "cookie"}
    }
    body, media_type = case.body, case.media_type
    if isinstance(body, schemathesis.core.NotSet) or body is None:
        return client.generic(case.method, address, headers=headers)
    if isinstance(body, bytes):
        return client.generic(case.method, address, body, content_type=media_type, headers=headers)
    if media_type == "multipart/form-data" and isinstance(body, dict):
        form = {
            name: SimpleUploadedFile("blob", value) if isinstance(value, bytes) else str(value)
            for name, value in body.items()
        }
        encoded, content_type = client._encode_data(form, format="multipart")
        return client.generic(case.method, address, encoded, content_type=content_type, headers=headers)
    return getattr(client, case.method.lower())(address, body, format="json", headers=headers)


@pytest.mark.parametrize(("path", "method"), operations(), ids=lambda value: value)
def test_nothing_that_is_asked_is_a_5xx_and_what_is_refused_leaves_nothing(admin, ours, path, method):
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens.issue(admin, name='fuzz')}")
    operation = SCHEMA[path][method]
    modes = some.sampled_from([GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
    cases = modes.flatmap(lambda mode: operation.as_strategy(generation_mode=mode))

    # What there is after a refusal, for the next one: to count it all takes longer than to ask.
    standing = []

    @settings(max_examples=scaled(12, 250), deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(cases, some.booleans())
    def knock(case, at_ours):
        address = path.format(**ours) if at_ours or "{" not in path else case.formatted_path
        query = {name: str(value) for name, value in (case.query or {}).items()}
        before = standing.pop() if standing else kept()
        response = send(client, case, with_query(address, query))
        assert response.status_code < 500, response.content[:500]
        if response.status_code >= 400:
            error = response.json()["error"]
            assert {"code", "message"} <= set(error)
            if error["code"] not in CHANGES_ALL_THE_SAME:
                assert kept() == before
                standing.append(before)

    knock()


def with_query(address, query):
    return f"{address}?{urlencode(query)}" if query else address
