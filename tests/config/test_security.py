import pytest


@pytest.mark.parametrize("address", ["/sign-in/", "/api/nonsense", "/healthz", "/nowhere/", "/admin/"])
def test_every_answer_says_what_a_browser_may_do(client, db, address):
    headers = client.get(address).headers
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "microphone=(self)" in headers["Permissions-Policy"]


def test_only_our_own_pages_may_take_in_what_we_answer_but_scripts_and_styles_are_for_all(client, db):
    assert client.get("/sign-in/")["Cross-Origin-Resource-Policy"] == "same-origin"
    assert client.get("/api/nonsense")["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Cross-Origin-Resource-Policy" not in client.get("/static/crm/mark.svg")


def test_what_we_answer_is_kept_by_no_browser_that_the_next_person_uses(client, agent):
    client.force_login(agent)
    for address in ("/sessions/", "/api/audio/sessions"):
        assert client.get(address)["Cache-Control"] == "no-store"
