"""Getting in by what somebody else has prepared: a session, an address to go on to, a host's name, a look-alike."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client

from crm import people
from crm.models import User
from tests.builders import bearer, make_user

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "a long enough password"


@pytest.fixture
def ada(tenant):
    person = make_user(tenant, "admin")
    person.set_password(PASSWORD)
    person.save()
    return person


def sign_in(client, person, **values):
    return client.post("/sign-in/", {"username": person.username, "password": PASSWORD, **values})


def test_a_session_that_a_stranger_gave_is_not_the_one_that_is_signed_in(client, ada):
    planted = SessionStore()
    planted["seen"] = True
    planted.save()
    client.cookies["sessionid"] = planted.session_key
    sign_in(client, ada)
    assert client.cookies["sessionid"].value != planted.session_key
    thief = Client()
    thief.cookies["sessionid"] = planted.session_key
    assert thief.get("/profile/").status_code == 302


def test_signing_in_as_another_leaves_nothing_of_the_first(client, ada, agent):
    client.force_login(agent)
    first = client.cookies["sessionid"].value
    sign_in(client, ada)
    assert client.cookies["sessionid"].value != first
    thief = Client()
    thief.cookies["sessionid"] = first
    assert thief.get("/profile/").status_code == 302


def test_over_https_no_neighbour_can_plant_or_read_a_cookie():
    """Settings are read once in a process."""
    wanted = ["SESSION_COOKIE_NAME", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_HSTS_SECONDS"]
    told = f"from config import settings; print([getattr(settings, name) for name in {wanted}])"
    environment = {**os.environ, "EARSHOT_URL": "https://calls.example", "EARSHOT_SECRET_KEY": "x"}
    command = [sys.executable, "-c", told]
    ran = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.stdout.strip() == "['__Host-sessionid', True, True, 31536000]", ran.stderr


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "javascript:alert(1)",
        "http:evil.example",
        " //evil.example",
        "/%09/evil.example",
        "https://testserver@evil.example/",
        "/\t/evil.example",
    ],
)
def test_nobody_is_led_elsewhere_after_signing_in(client, ada, elsewhere):
    led = sign_in(client, ada, next=elsewhere)
    assert led.status_code == 302
    assert led["Location"].startswith("/")
    assert not led["Location"].startswith(("//", "/\\", "/\t"))
    assert "<img" not in client.get("/sign-in/", {"next": elsewhere}).getvalue().decode()


def test_a_link_that_lets_somebody_in_never_has_a_strangers_host(settings, ada, agent):
    settings.EARSHOT_URL = "https://calls.example"
    api = bearer(ada)
    address = f"/api/crm/users/{agent.pk}/sign-in-link"
    assert api.post(address, HTTP_HOST="evil.example").status_code == 400
    made = api.post(address, HTTP_X_FORWARDED_HOST="evil.example", HTTP_FORWARDED="host=evil.example")
    assert made.json()["sign_in_link"].startswith("https://calls.example/welcome/")


def test_pages_of_a_list_never_lead_to_a_strangers_host(ada):
    api = bearer(ada)
    assert api.get("/api/calls?limit=1", HTTP_HOST="evil.example").status_code == 400
    assert "evil" not in api.get("/api/calls?limit=1", HTTP_X_FORWARDED_HOST="evil.example").getvalue().decode()


@pytest.mark.parametrize("written", ["\uff21da", "Ada\u2000", "\u212bda", "Ada "])
def test_a_name_that_reads_the_same_is_the_same_name_or_none(ada, tenant, written):
    people.add(tenant, username="Ada", role="agent")
    people.add(tenant, username="\u00c5da", role="agent")
    answer = bearer(ada).post("/api/crm/users", {"username": written, "role": "agent"}, format="json")
    assert answer.status_code in {409, 422}


@pytest.mark.parametrize("name", ["ada\n", "ada\x1b[31m", "a" * 151, "ada lovelace", "<img>", "ada\u202e", ""])
def test_a_username_is_of_letters_digits_and_a_few_marks(ada, name):
    answer = bearer(ada).post("/api/crm/users", {"username": name, "role": "agent"}, format="json")
    # What stands around a name is not part of it.
    assert answer.status_code == (201 if name == "ada\n" else 422)
    assert not User.objects.filter(username=name).exists()


def test_a_body_of_megabytes_costs_no_work_on_passwords(client, ada):
    refused = sign_in(client, ada, password="x" * 2**20)
    assert refused.status_code == 200
    assert not User.objects.get(pk=ada.pk).last_login
    assert client.post("/sign-in/", {"username": "x" * 2**20, "password": "y"}).status_code == 200
    many = "&".join(f"f{number}=1" for number in range(2000))
    flooded = client.post("/sign-in/", many, content_type="application/x-www-form-urlencoded")
    assert flooded.status_code == 400
