"""The proxy's limits beside those of the web server behind it."""

import re

import uvicorn
from django.conf import settings

from tests.composition import SERVICES, filled
from tests.running import ROOT

CADDYFILE = (ROOT / "deploy" / "caddy" / "Caddyfile").read_text()


def said(name):
    (value,) = re.findall(rf"^\s*{name} (\S+)$", CADDYFILE, re.MULTILINE)
    return value


def seconds(name):
    number, unit = re.fullmatch(r"(\d+)([sm])", said(name)).groups()
    return int(number) * {"s": 1, "m": 60}[unit]


def test_the_web_server_refuses_in_its_own_words_before_the_proxy_does():
    assert int(said("max_size").removesuffix("MB")) * 10**6 > settings.EARSHOT_LARGEST_BODY_BYTES
    assert seconds("read_body") > settings.EARSHOT_BODY_SECONDS


def test_headers_that_trickle_in_hold_nobody_up():
    assert 0 < seconds("read_header") <= 30


def test_no_connection_is_used_again_that_the_web_server_is_about_to_close():
    assert seconds("keepalive") < uvicorn.Config("x").timeout_keep_alive


def test_it_leads_to_the_web_service():
    command = filled(SERVICES["web"]["command"])
    assert (said("name"), said("port")) == ("web", command[command.index("--port") + 1])
    assert "{$DOMAIN} {" in CADDYFILE
    assert "DOMAIN" in SERVICES["proxy"]["environment"]
    # Its health check asks where the file says that it answers.
    assert "http://127.0.0.1:8081 {" in CADDYFILE
    assert SERVICES["proxy"]["healthcheck"]["test"][-1] == "http://127.0.0.1:8081/"
