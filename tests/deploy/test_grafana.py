"""The dashboard for Grafana: that it can be imported, and that each of its panels asks for what there is."""

import itertools
import json

from tests.promql import Asked
from tests.running import ROOT

DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "earshot.json").read_text())
PANELS = DASHBOARD["panels"]
CHARTS = [panel for panel in PANELS if panel["type"] != "row"]
# Grafana puts these in; any duration and any pattern will do here.
VARIABLES = {"$__rate_interval": "5m", "$instance": ".*"}
COLUMNS = 24


def boxes():
    for panel in PANELS:
        box = panel["gridPos"]
        yield box["x"], box["y"], box["x"] + box["w"], box["y"] + box["h"]


def test_it_is_what_grafana_imports():
    assert DASHBOARD["schemaVersion"] >= 38
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    assert len({panel["title"] for panel in CHARTS if panel["title"]}) >= len(CHARTS) - 2
    assert all(panel["description"] and panel["fieldConfig"]["defaults"]["unit"] for panel in CHARTS)


def test_panels_lie_beside_one_another():
    for left, top, right, bottom in boxes():
        assert 0 <= left < right <= COLUMNS
        assert top < bottom
    for one, other in itertools.combinations(boxes(), 2):
        is_apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
        assert is_apart, (one, other)


def test_whoever_imports_it_chooses_their_prometheus():
    variables = {one["name"]: one for one in DASHBOARD["templating"]["list"]}
    assert (variables["datasource"]["type"], variables["datasource"]["query"]) == ("datasource", "prometheus")
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    assert all(one["datasource"] == chosen for panel in CHARTS for one in [panel, *panel["targets"]])
    assert variables["instance"]["datasource"] == chosen


def test_every_target_asks_for_what_there_is(families):
    asked = Asked(families)
    for panel in CHARTS:
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
        for target in panel["targets"]:
            expression = target["expr"]
            for variable, value in VARIABLES.items():
                expression = expression.replace(variable, value)
            labels = asked.labels(expression)
            named = {part.partition("}}")[0] for part in target["legendFormat"].split("{{")[1:]}
            assert named <= labels, (panel["title"], target["legendFormat"])
