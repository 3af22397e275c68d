"""Who may write: nobody without the page's token, and nobody by having somebody look at an address."""

import re

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

# That something was read is written down, when somebody was last seen too.
WRITTEN_BY_READING = {"crm_auditentry", "django_session"}
_WRITES = re.compile(r"\b(?:INSERT INTO|UPDATE|DELETE FROM) \"?(\w+)\"?")


def test_nothing_is_written_by_a_cookie_alone(doors):
    """Neither a form, nor over REST, nor by signing somebody in who does not want to be."""
    for method, address, somebody in doors:
        if method == "GET":
            continue
        client = Client(enforce_csrf_checks=True)
        client.force_login(somebody)
        answer = client.generic(method, address, "{}", content_type="application/json")
        assert answer.status_code == 403, (method, address)


def test_nothing_is_written_by_looking(client, doors):
    for method, address, somebody in doors:
        if method != "GET":
            continue
        client.force_login(somebody)
        with CaptureQueriesContext(connection) as asked:
            client.get(address).getvalue()
        written = {table for query in asked for table in _WRITES.findall(query["sql"])}
        assert written <= WRITTEN_BY_READING, address


def test_no_other_method_is_a_way_around(client, doors):
    """A method that says what it is by a header or a field is taken for what it is."""
    for method, address, somebody in doors:
        if method != "DELETE":
            continue
        client.force_login(somebody)
        answer = client.post(f"{address}?_method=DELETE", {"_method": "DELETE"}, HTTP_X_HTTP_METHOD_OVERRIDE="DELETE")
        assert answer.status_code in {404, 405, 415, 422}, address
        assert client.get(address).status_code < 500
