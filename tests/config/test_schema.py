"""The API's description, which anybody may ask for as often as they like."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import yaml
from django.test import RequestFactory
from drf_spectacular.generators import SchemaGenerator

from config import schema
from tests.builders import bearer

KINDS = ["application/vnd.oai.openapi", "application/yaml", "application/vnd.oai.openapi+json", "application/json"]


@pytest.fixture
def makings(monkeypatch):
    """How it is made from now on, as in a process that has not made it yet: an entry for each time."""
    made = []

    class Counted(SchemaGenerator):
        def get_schema(self, request=None, public=False):
            made.append(request)
            return super().get_schema(request, public)

    monkeypatch.setattr(schema, "_rendered", {})
    monkeypatch.setattr(schema.Schema, "generator_class", Counted)
    return made


def test_it_is_made_once_for_each_format_whatever_it_is_asked_with_and_by_whom(makings, client, supervisor):
    answers = {}
    for asks in [client, bearer(supervisor)]:
        for kind in [*KINDS, *(f"{kind}; indent={spaces}" for kind in KINDS for spaces in (1, 8)), "*/*"]:
            for asked in [{}, {"version": "9"}, {"lang": "de"}, {"format": "json"}]:
                response = asks.get("/api/schema/", asked, headers={"accept": kind})
                assert response.status_code == 200
                answers.setdefault("json" in response["Content-Type"], set()).add(response.content)
    assert [len(bodies) for bodies in answers.values()] == [1, 1]
    assert makings == [None, None], "for nobody in particular, once as YAML and once as JSON"


def test_many_who_ask_for_it_at_once_have_it_made_once(makings):
    together = Barrier(8)

    def ask(_):
        together.wait(timeout=20)
        return schema.Schema.as_view()(RequestFactory().get("/api/schema/")).content

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(ask, range(8)))) == 1
    assert len(makings) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_it_says_what_the_code_says_in_the_format_that_was_asked_for(client, db, kind):
    response = client.get("/api/schema/", headers={"accept": kind})
    assert response["Content-Type"].partition(";")[0] == kind
    read = json.loads if "json" in kind else yaml.safe_load
    said = read(response.content)
    assert said == json.loads(json.dumps(SchemaGenerator().get_schema(public=True)))
    assert said["info"]["title"] == "Earshot"
