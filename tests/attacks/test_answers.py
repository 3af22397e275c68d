"""What a browser is told beside every answer, whatever it is an answer to."""

import pytest

GUARDED = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
POLICY = (
    "default-src 'self'; img-src 'self' data:; worker-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)


def test_nothing_that_is_answered_can_be_framed_guessed_at_kept_or_taken_in_elsewhere(client, doors):
    for method, address, somebody in doors:
        if method != "GET":
            continue
        client.force_login(somebody)
        answer = client.get(address)
        answer.getvalue()
        # What lacks a question, or is not ready yet, is told in the same way.
        assert answer.status_code < 500, address
        assert {name: answer.get(name) for name in GUARDED} == GUARDED, address
        assert "microphone=(self)" in answer["Permissions-Policy"], address
        if address != "/api/docs/":
            assert answer["Content-Security-Policy"] == POLICY, address
        # The waveform of a recording that is whole is asked about each time and never shared.
        assert "no-store" in answer["Cache-Control"] or answer["Cache-Control"] == "private, no-cache", address
        if address.startswith("/api/") and address != "/api/docs/":
            assert not answer.get("Content-Type", "").startswith("text/html"), address


def test_what_is_fetched_as_a_file_is_never_shown_as_a_page(client, doors):
    files = 0
    for method, address, somebody in doors:
        if method != "GET":
            continue
        client.force_login(somebody)
        answer = client.get(f"{address}?download&format=csv")
        answer.getvalue()
        kind = answer.get("Content-Type", "").partition(";")[0]
        if kind.startswith(("audio/", "text/csv", "text/plain", "application/zip", "application/x-subrip", "text/vtt")):
            files += 1
            assert answer["Content-Disposition"].startswith("attachment"), address
    assert files >= 3


@pytest.mark.parametrize("address", ["/static/crm/board.js", "/static/nothing.js", "/static/%2e%2e/secrets/secret-key"])
def test_files_of_pages_are_no_way_to_other_files(client, db, address):
    answer = client.get(address)
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer.status_code == (200 if address.endswith("board.js") else 404)


@pytest.mark.parametrize(
    "path",
    ["/..%2f..%2fetc/passwd", "//evil.example/%2e%2e", "/calls/..%2f..%2fsettings/", "/%0d%0aSet-Cookie:%20a=b/"],
)
def test_no_address_leads_out_of_the_site_or_into_a_header(client, agent, path):
    client.force_login(agent)
    answer = client.get(path)
    assert answer.status_code in {301, 302, 400, 404}
    assert "evil.example" not in answer.get("Location", "")
    assert "Set-Cookie" not in answer.get("Location", "")
