"""What the running processes write: one object a line, whatever writes it."""

import json

import httpx
import pytest


@pytest.mark.parametrize("name", ["web", "beat", "general", "analysis", "transcription"])
def test_every_line_of_a_log_is_an_object(stack, name):
    # A static file and the API's own description: both have warned outside the log.
    assert httpx.get(f"{stack.url}/api/docs/").status_code == 200
    assert httpx.get(f"{stack.url}/api/schema/").status_code == 200
    page = httpx.get(f"{stack.url}/sign-in/").text
    script = page.partition('<script src="')[2].partition('"')[0]
    assert httpx.get(f"{stack.url}{script}").status_code == 200
    for line in stack.log(name).splitlines():
        assert isinstance(json.loads(line), dict), line
