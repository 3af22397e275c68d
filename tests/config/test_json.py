import pytest

from audio.models import AudioSession

SESSIONS = "/api/audio/sessions"


@pytest.mark.parametrize(
    "body",
    [
        "{",
        '{"metadata": {"x": NaN}}',
        '{"metadata": {"x": 1e400}}',
        '{"metadata": {"x": "\\ud800"}}',
        '{"metadata": {"x": "\\u0000"}}',
        '{"metadata": {"\\u0000": 1}}',
        '{"metadata": {"x": [["\\u0000"]]}}',
        '{"test_session_id": "\\u0000"}',
        '{"metadata": ' + '{"x":' * 3000 + "1" + "}" * 3000 + "}",
        '{"metadata": ' + '{"x":' * 300 + "1" + "}" * 300 + "}",
        '{"metadata": {"x": ' + "[" * 40 + "]" * 40 + "}}",
        '{"metadata": {"x": 1e308}}',
        '{"metadata": {"x": 18446744073709551616}}',
        b"\xff\xfe",
        '{"metadata": {"x": [' + "{}," * 600_000 + "{}]}}",
    ],
)
def test_json_that_no_store_could_keep_is_400(api, body):
    response = api.post(SESSIONS, body, content_type="application/json")
    assert (response.status_code, response.json()["error"]["code"]) == (400, "malformed")
    assert not AudioSession.objects.exists()


def test_json_that_looks_like_a_query_is_kept_as_it_is(api):
    odd = {"$where": "1", "a.b": {"$gt": ""}, "emoji": "🦊", "text": "\\u0000"}
    response = api.post(SESSIONS, {"metadata": odd, "call": {"subject": "$name"}}, format="json")
    assert response.status_code == 201
    assert api.get(f"{SESSIONS}/{response.json()['id']}").json()["metadata"] == odd
