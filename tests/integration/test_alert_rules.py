"""The alert rules: as Prometheus reads them, over metrics that exist, firing when they should and only then."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_server import CONFIGURED, Prometheus, metrics_in, scraping, tool

CASES = Path(__file__).with_name("alerts_test.yml")
TESTS: list[dict[str, Any]] = yaml.safe_load(CASES.read_text())["tests"]
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((CONFIGURED / "alerts.yml").read_text())["groups"] for rule in group["rules"]
]
SERIES = sorted({one["series"] for test in TESTS for one in test["input_series"]})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with scraping(tmp_path_factory.mktemp("prometheus")) as found:
        yield found


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "config", CONFIGURED / "prometheus.yml"),
        ("check", "rules", CONFIGURED / "alerts.yml"),
        ("test", "rules", CASES),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_promtool_agrees(arguments: tuple[Any, ...]) -> None:
    made = subprocess.run([tool("promtool"), *arguments], capture_output=True, text=True, check=False, timeout=60)
    assert made.returncode == 0, made.stdout + made.stderr


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_each_alert_is_seen_to_fire_and_not_to(rule: dict[str, Any]) -> None:
    cases = [one for test in TESTS for one in test["alert_rule_test"] if one["alertname"] == rule["alert"]]
    assert {bool(one["exp_alerts"]) for one in cases} == {True, False}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_each_alert_says_what_is_wrong_and_what_to_do(rule: dict[str, Any]) -> None:
    assert set(rule["annotations"]) == {"summary", "action"}
    assert rule["labels"]["severity"] in {"warning", "critical"}


def test_each_alert_asks_for_metrics_that_are_exported(server: Prometheus) -> None:
    rules = [rule for group in server.ask("rules")["groups"] for rule in group["rules"]]
    assert len(rules) == len(RULES)
    for rule in rules:
        assert rule["health"] != "err", rule
        assert metrics_in(rule["query"]) <= server.metrics(), rule["name"]


@pytest.mark.parametrize("series", SERIES)
def test_alerts_are_tested_with_labels_that_exist(server: Prometheus, series: str) -> None:
    (metric,) = metrics_in(series)
    known = server.labels(metric)
    given = dict(re.findall(r'(\w+)="([^"]*)"', series))
    assert set(given) <= set(known)
    for name in {"query", "result", "method", "kind"} & set(given):
        assert given[name] in known[name], series
