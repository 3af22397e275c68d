"""What leaves for who watches from elsewhere: a server of ours stands where the collector and Sentry would."""

import gzip
import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from audio import blobs

# Asks once, as a server does, then lets everything go out that waits to.
ASK = """
import asyncio, sys
from django.conf import settings
settings.ROOT_URLCONF = "tests.config.watched_urls"
from config.asgi import application


async def ask():
    heard = []
    async def receive():
        return {"type": "http.request", "body": b"word=Secretarybird", "more_body": False}
    async def send(message):
        heard.append(message)
    headers = {
        "host": "localhost", "authorization": "Bearer ear_Hoatzin", "cookie": "sessionid=Cassowary",
        "content-type": "application/x-www-form-urlencoded", "user-agent": "Shoebill", "x-request-id": "Potoo-request",
    }
    scope = {
        "type": "http", "method": "POST", "path": "/api/people/Quetzal@example.com", "query_string": b"ticket=Kakapo",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("198.51.100.77", 4711), "server": ("localhost", 80), "http_version": "1.1", "scheme": "http",
    }
    await application(scope, receive, send)
    print(heard[0]["status"])

asyncio.run(ask())
if settings.EARSHOT_OTLP_ENDPOINT:
    from opentelemetry import trace
    trace.get_tracer_provider().shutdown()
if settings.EARSHOT_SENTRY_DSN:
    import sentry_sdk
    sentry_sdk.flush(10)
"""
SECRETS = ["Secretarybird", "Hoatzin", "Cassowary", "Shoebill", "Potoo", "Quetzal", "example.com", "Kakapo", "198.51"]


@contextmanager
def receiver():
    """A server that takes what it is sent: its address, and what came, as pairs of path and body."""
    came = []

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            came.append((self.path, gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *words):
            """Nothing: what came is what counts."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Taking) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"127.0.0.1:{server.server_port}", came
        server.shutdown()
        thread.join()


def ask(script=ASK, **environment):
    ran = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return ran.stdout.splitlines()


@pytest.fixture(scope="module")
def told():
    """What came to Sentry and to the collector of one request that failed: pairs of path and body."""
    blobs.create()
    with receiver() as (address, came):
        answer = ask(EARSHOT_SENTRY_DSN=f"http://key@{address}/1", EARSHOT_OTLP_ENDPOINT=f"http://{address}")
    assert "500" in answer
    return came


def test_an_error_arrives_with_its_place_in_the_code(told):
    [envelope] = [body for path, body in told if path == "/api/1/envelope/"]
    [event] = [json.loads(line) for line in envelope.splitlines() if b'"exception"' in line]
    [thrown] = event["exception"]["values"]
    assert (thrown["type"], thrown["stacktrace"]["frames"][-1]["function"]) == ("ValueError", "broken")
    assert event["transaction"] == "/api/people/{name}"
    assert (event["request"], event["tags"]) == ({"method": "POST"}, {"process": "web"})


def test_a_trace_arrives_with_the_request_and_what_it_asked(told):
    spans = []
    for path, body in told:
        if path == "/v1/traces":
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                spans += [span for scope in resource.scope_spans for span in scope.spans]
    attributes = [{one.key: one.value.string_value for one in span.attributes} for span in spans]
    [request] = [one for one, said in zip(spans, attributes, strict=True) if "http.route" in said]
    assert request.name == "POST api/people/<str:name>"
    within = [said for one, said in zip(spans, attributes, strict=True) if one.trace_id == request.trace_id]
    systems = {one.get("db.system", one.get("db.system.name")) for one in within}
    assert {"postgresql", "redis", "mongodb"} <= systems
    assert "HeadBucket" in {one.get("rpc.method") for one in within}


def test_nothing_that_arrives_names_anybody_or_opens_anything(told):
    assert {path for path, _ in told} == {"/api/1/envelope/", "/v1/traces"}
    for path, body in told:
        for secret in SECRETS:
            assert secret.encode() not in body, (path, body)


def test_without_the_settings_nothing_that_could_send_is_imported():
    # The Redis driver looks for OpenTelemetry's interface by itself; what would send is the rest.
    look = """
import sys, config.asgi, config.celery
senders = "sentry_sdk", "opentelemetry.exporter", "opentelemetry.instrumentation", "opentelemetry.sdk.trace"
print([name for name in senders if name in sys.modules])
"""
    assert ask(look)[-1] == "[]"


def test_a_receiver_that_is_away_costs_the_answer_nothing():
    away = "127.0.0.1:9"
    script = ASK.replace("trace.get_tracer_provider().shutdown()", "pass").replace("sentry_sdk.flush(10)", "pass")
    script += "\nimport os\nsys.stdout.flush()\nos._exit(0)"
    answer = ask(script, EARSHOT_SENTRY_DSN=f"http://key@{away}/1", EARSHOT_OTLP_ENDPOINT=f"http://{away}")
    # Among what was logged: the sender tells by a thread of its own that nobody takes it.
    assert "500" in answer
