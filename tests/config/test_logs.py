"""What a process writes to its log, read from outside it."""

import json
import os
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection

from config import logs
from tests.builders import make_tenant, make_user

ASK = """
import django, sys
django.setup()
from django.test import Client
method, address, request_id = sys.argv[1:]
client = Client(raise_request_exception=False, enforce_csrf_checks=True)
response = client.generic(method, address, headers={"x-request-id": request_id, "host": "localhost"})
print(response.status_code, response["X-Request-ID"], response.content.decode().replace(chr(10), " "))
"""


def ask(address, *, method="GET", request_id="request-1", urls="tests.config.broken_urls"):
    """The log's lines as objects, and what was answered, of a process that is asked once."""
    script = f"from django.conf import settings; settings.ROOT_URLCONF = {urls!r}\n{ASK}"
    ran = subprocess.run(
        [sys.executable, "-c", script, method, address, request_id], capture_output=True, text=True, check=True
    )
    lines = ran.stdout.splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")], lines[-1]


@pytest.mark.parametrize("address", ["/api/broken", "/broken"])
def test_a_mistake_of_ours_is_logged_with_its_traceback_and_told_without(address):
    logged, answer = ask(address)
    assert answer.startswith("500 request-1 ")
    assert "a mistake of ours" not in answer
    [mistake] = [line for line in logged if "exception" in line]
    assert "a mistake of ours" in mistake["exception"]
    assert mistake["request_id"] == "request-1"


def test_a_request_is_one_line_without_its_query():
    logged, answer = ask("/healthz?ticket=secret", request_id="no id {}", urls="config.urls")
    [line] = [line for line in logged if line["message"] == "request"]
    assert (line["path"], line["status"]) == ("/healthz", 200)
    assert "secret" not in json.dumps(logged)
    assert "no id" not in line["request_id"] + answer


@pytest.mark.parametrize(
    ("method", "address", "urls", "status"),
    [
        ("GET", "/welcome/MQ/secret-token/and-more", "config.urls", "404"),
        ("GET", "/welcome/MQ/%22%0Dsecret-token/and-more", "config.urls", "404"),
        ("POST", "/welcome/MQ/secret-token/", "config.urls", "403"),
        ("GET", "/welcome/MQ/secret-token/", "tests.config.broken_urls", "500"),
    ],
    ids=["mistyped", "with signs that JSON escapes", "without the CSRF cookie", "with a mistake of ours"],
)
def test_a_sign_in_link_is_logged_without_its_secret_by_whoever_logs_it(method, address, urls, status):
    logged, answer = ask(address, method=method, urls=urls)
    assert answer.startswith(status)
    [line] = [line for line in logged if line["message"] == "request"]
    assert line["path"] == "/welcome/…"
    assert "secret-token" not in json.dumps(logged)
    if status != "404":
        [refused] = [line for line in logged if line["message"] != "request"]
        assert refused["message"].endswith(": /welcome/…")


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("/api/calls/call-of-dana/notes", "/api/calls/…"),
        ("/api/metrics/dubbing-sessions/dana/heartbeat", "/api/metrics/dubbing-sessions/…"),
        ("/api/people/dana@example.com", "/api/…"),
        (
            "/api/audio/sessions/0b0e7dca-6e0c-4a8c-9d3c-0a1c3f6f6a11/chunks/3",
            "/api/audio/sessions/0b0e7dca-6e0c-4a8c-9d3c-0a1c3f6f6a11/chunks/3",
        ),
    ],
)
def test_an_address_is_logged_with_the_ids_alone_that_no_person_has(address, told):
    logged, _ = ask(address, urls="config.urls")
    [line] = [line for line in logged if line["message"] == "request"]
    assert line["path"] == told
    assert "dana" not in json.dumps(logged)


@pytest.mark.parametrize("urls", ["config.urls", "tests.config.broken_urls"], ids=["asked", "with a mistake of ours"])
def test_whose_figures_are_asked_for_is_in_no_log(urls):
    logged, _ = ask("/api/metrics/users/org/dana", urls=urls)
    [line] = [line for line in logged if line["message"] == "request"]
    assert line["path"] == "/api/metrics/users/…"
    assert "dana" not in json.dumps(logged)


def test_what_stood_in_a_row_stays_out_of_an_errors_traceback():
    exception = "IntegrityError: null value\nDETAIL:  Failing row contains (7, ada, pbkdf2).\n\nThe above"
    told = logs._without_values({"exception": exception})["exception"]
    assert "ada" not in told
    assert "IntegrityError: null value" in told
    assert "The above" in told


@pytest.mark.parametrize(
    "said",
    [
        "Task crm.x[1] raised unexpected: IntegrityError('duplicate key\\nDETAIL:  Key (name)=(ada) is there.\\n')",
        'E11000 duplicate key error collection: earshot.calls index: by_id dup key: { call_id: "ada" }',
        "batch op errors occurred, full error: {'writeErrors': [{'op': {'subject': 'ada'}}]}",
    ],
)
def test_what_stood_in_a_row_stays_out_of_the_line_about_a_task_that_failed(said):
    told = logs._without_values({"event": said, "exception": said})
    assert "ada" not in str(told)
    assert told["event"][:9] == said[:9]


@pytest.mark.django_db(transaction=True)
def test_what_a_command_prints_is_all_that_another_program_reads():
    """As in `TOKEN=$(manage.py issue_token …)`, while every statement is slow enough to be logged."""
    agent = make_user(make_tenant(), "agent")
    asked = [sys.executable, "manage.py", "issue_token", agent.username]
    database = (
        urlsplit(os.environ["EARSHOT_DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    )
    environment = {**os.environ, "EARSHOT_DATABASE_URL": database, "EARSHOT_SLOW_MS": "0"}
    ran = subprocess.run(asked, capture_output=True, text=True, check=False, cwd=settings.BASE_DIR, env=environment)
    assert ran.returncode == 0, ran.stderr
    assert len(ran.stdout.split()) == 1
    assert any(line.startswith("{") for line in ran.stderr.splitlines())
