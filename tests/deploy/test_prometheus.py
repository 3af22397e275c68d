"""The rules for Prometheus, held against what /metrics of a running Earshot has."""

import re
import shutil
import subprocess

import promql_parser as promql
import pytest
import yaml

from metrics import operations
from tests.promql import Asked, Unknown
from tests.running import ROOT

FOLDER = ROOT / "deploy" / "prometheus"
GROUPS = yaml.safe_load((FOLDER / "earshot.rules.yml").read_text())["groups"]
RULES = {rule["alert"]: rule for group in GROUPS for rule in group["rules"]}
TEMPLATE = re.compile(r"\{\{(.*?)\}\}")
IN_TEMPLATE = re.compile(
    r"\s*(?:\$value|\$labels\.(\w+))(?:\s*\|\s*(?:humanize|humanizeDuration|humanizePercentage))?\s*\Z"
)


def test_rules_have_the_form_that_prometheus_reads():
    assert len({group["name"] for group in GROUPS}) == len(GROUPS)
    assert sum(len(group["rules"]) for group in GROUPS) == len(RULES)
    for group in GROUPS:
        assert set(group) <= {"name", "interval", "rules"}
        for rule in group["rules"]:
            assert set(rule) <= {"alert", "expr", "for", "keep_firing_for", "labels", "annotations"}
            assert re.fullmatch(r"Earshot[A-Z]\w+", rule["alert"])
            assert promql.parse_duration(rule.get("for", "1m")).total_seconds() > 0
            assert rule["labels"] in ({"severity": "warning"}, {"severity": "critical"})
            assert set(rule["annotations"]) == {"summary", "description"}
            assert len(rule["annotations"]["summary"]) < 120


@pytest.mark.skipif(shutil.which("promtool") is None, reason="Prometheus' own tool is not on this machine")
def test_promtool_finds_nothing_wrong():
    checked = subprocess.run(
        ["promtool", "check", "rules", FOLDER / "earshot.rules.yml"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_example_reads_the_rules_and_asks_where_earshot_answers():
    example = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    assert example["rule_files"] == ["earshot.rules.yml"]
    (job,) = example["scrape_configs"]
    assert (job["job_name"], job["metrics_path"]) == ("earshot", "/metrics")


def test_every_rule_asks_for_what_there_is_and_names_labels_that_its_answer_has(families):
    for name, rule in RULES.items():
        labels = Asked(families).labels(rule["expr"])
        for text in rule["annotations"].values():
            for template in TEMPLATE.findall(text):
                told = IN_TEMPLATE.match(template)
                assert told, f"{name}: {template}"
                assert told[1] is None or told[1] in labels, f"{name} has no {told[1]}"


@pytest.mark.parametrize(
    "expression",
    [
        "earshot_intake_shares > 0.8",
        'earshot_store_share{shop="redis"} > 1',
        'earshot_store_share{store="redes"} > 1',
        'rate(earshot_operation_failures_total{operation=~"http\\\\..+|htp\\\\..+"}[5m])',
        "sum by (queue) (earshot_store_share)",
        "histogram_quantile(0.95, sum by (operation) (rate(earshot_operation_duration_seconds_bucket[5m])))",
        "sum by (store) (earshot_store_share) / sum(earshot_store_share)",
    ],
)
def test_an_expression_that_asks_for_what_there_is_not_is_found_out(families, expression):
    with pytest.raises(Unknown):
        Asked(families).labels(expression)


def test_every_operation_of_a_journey_is_described(page, stack):
    answer = stack.client("demo-supervisor").get("/api/metrics/operations")
    told = {one["operation"]: one["description"] for one in answer.json()}
    assert len(told) > 30
    assert [name for name, words in told.items() if not words] == []
    assert told["search"] == operations.KNOWN["search"]


def test_nothing_of_a_tenant_or_a_person_is_a_label(page, families):
    allowed = {"gauge", "instance", "job", "kind", "le", "operation", "outcome", "quantile", "queue", "state", "store"}
    ours = {name: family for name, family in families.items() if name.startswith("earshot_")}
    assert {label for family in ours.values() for label in family.labels} - allowed <= {"tier"}
    assert "demo" not in page


def test_counts_only_grow(page, stack):
    def counts(text):
        found = re.findall(r"^(earshot_operation_duration_seconds_bucket\S+) (\S+)$", text, re.MULTILINE)
        return {name: float(count) for name, count in found}

    before, after = counts(page), counts(stack.client("demo-supervisor").get("/metrics").text)
    assert set(before) <= set(after)
    assert all(after[name] >= count for name, count in before.items())
