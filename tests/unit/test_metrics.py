"""Metrics: every label is bounded, the documentation lists all of them, and what jobs push arrives or costs little."""

import re
import socket
import time
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families
from pushgateway import gateway

from helix_pipeline import telemetry
from helix_pipeline.api.app import create_app
from helix_pipeline.services.job_metrics import push
from helix_pipeline.settings import load
from helix_pipeline.settings_sections import MetricsSettings
from helix_pipeline.spark.stream_metrics import newest_record
from helix_pipeline.stores.kafka_counts import count_consumed, count_produced
from helix_pipeline.stores.warehouse import count_rows
from helix_pipeline.stores.warehouse_calls import kind_of

DOCUMENT = Path(__file__).parents[2] / "docs" / "METRICS.md"
RECORD = {"seconds": 12.5, "rows_out": 340}


def series(prefix: str = "helixagent_") -> set[tuple[str, ...]]:
    found = (sample for metric in REGISTRY.collect() for sample in metric.samples if metric.name.startswith(prefix))
    return {(sample.name, *map(str, sorted(sample.labels.items()))) for sample in found}


def test_a_thousand_names_are_one_series():
    before = series()
    for number in range(1000):
        count_produced(f"topic-{number}", 1)
        count_consumed(f"topic-{number}", 1)
        count_rows(f"table_{number}", 1)
    assert {name for name, *_ in series() - before} <= {
        f"helixagent_{name}_{end}"
        for name in ("kafka_messages_produced", "kafka_messages_consumed", "clickhouse_rows_inserted")
        for end in ("total", "created")
    }
    assert len(series() - before) <= 6
    assert REGISTRY.get_sample_value("helixagent_kafka_messages_produced_total", {"topic": "other"}) >= 1000


def http_requests() -> set[tuple[str, ...]]:
    return {one for one in series() if one[0] == "helixagent_http_requests_total"}


def test_a_thousand_paths_and_methods_are_few_series():
    client = TestClient(create_app(load(environ={})), base_url="http://127.0.0.1")
    before = http_requests()
    for number in range(1000):
        client.get(f"/nowhere-{number}")
        client.get(f"/ui/static/file-{number}")
        client.request(f"METHOD{number}", "/livez")
    expected = {
        ("helixagent_http_requests_total", "('method', 'GET')", "('route', '/ui/static/{name}')", "('status', '404')"),
        ("helixagent_http_requests_total", "('method', 'GET')", "('route', 'other')", "('status', '404')"),
        ("helixagent_http_requests_total", "('method', 'other')", "('route', '/livez')", "('status', '405')"),
    }
    assert http_requests() - before == expected - before
    assert expected <= http_requests()


def test_what_is_known_keeps_its_name():
    labels = {"topic": "helixagent.conversations"}
    before = REGISTRY.get_sample_value("helixagent_kafka_messages_consumed_total", labels) or 0
    count_consumed("helixagent.conversations", 7)
    assert REGISTRY.get_sample_value("helixagent_kafka_messages_consumed_total", labels) == before + 7
    assert telemetry.bounded("a", {"a"}) == "a"


@pytest.mark.parametrize(
    ("url", "body", "kind"),
    [
        ("/?database=x", b" SELECT 1", "select"),
        ("/", b"WITH 1 AS a SELECT a", "select"),
        ("/?query=INSERT+INTO+t+FORMAT+Arrow", b"\x00\x01", "insert"),
        ("/", b"create TABLE t (a Int8)", "ddl"),
        ("/", b"GRANT x", "other"),
        ("/ping", None, "other"),
        ("/", b"", "other"),
        ("/?query=", iter([b"x"]), "other"),
    ],
)
def test_a_request_to_clickhouse_is_of_a_kind(url, body, kind):
    assert kind_of(f"http://127.0.0.1:1{url}", body) == kind


@pytest.mark.parametrize(
    ("progress", "expected"),
    [
        ({"numInputRows": 3, "eventTime": {"max": "2026-06-01T12:00:00.250Z"}}, 1780315200.25),
        ({"numInputRows": 0, "eventTime": {"max": "2026-06-01T12:00:00.250Z"}}, None),
        ({"numInputRows": 3, "eventTime": {}}, None),
        ({"numInputRows": 3}, None),
    ],
)
def test_the_newest_record_is_that_of_a_batch_with_records(progress, expected):
    assert newest_record(progress) == expected


def documented() -> dict[str, set[str]]:
    """Metric -> labels, as the tables of the document say."""
    rows = re.findall(r"^\| `(helixagent_\w+?)(?:\{([\w, ]*)\})?` \|", DOCUMENT.read_text(), re.MULTILINE)
    return {name: set(filter(None, re.split(r",\s*", labels))) for name, labels in rows}


def test_the_document_lists_every_metric_with_its_labels_and_help():
    found = {}
    for metric in vars(telemetry).values():
        if hasattr(metric, "_labelnames"):
            name = metric._name + ("_total" if metric._type == "counter" else "")
            found[name] = set(metric._labelnames)
            assert metric._documentation in DOCUMENT.read_text(), name
    of_jobs = {name: labels for name, labels in documented().items() if name.startswith("helixagent_job_")}
    assert documented() == found | of_jobs
    assert len(of_jobs) == 3


def test_a_job_pushes_its_figures_under_its_name():
    begin = time.time()
    with gateway() as (url, taken):
        push(MetricsSettings(pushgateway_url=url), "TopicModeling", RECORD)
    ((method, path, body),) = taken
    assert (method, path) == ("PUT", "/metrics/job/TopicModeling")
    figures = {metric.name: metric.samples[0].value for metric in text_string_to_metric_families(body)}
    assert set(figures) == {name for name in documented() if name.startswith("helixagent_job_")}
    assert figures["helixagent_job_duration_seconds"] == 12.5
    assert figures["helixagent_job_rows"] == 340
    assert begin - 1 <= figures["helixagent_job_last_success_timestamp_seconds"] <= time.time() + 1


@pytest.mark.parametrize("status", [400, 500])
def test_a_gateway_that_refuses_does_not_fail_the_job(status, capsys):
    with gateway(status) as (url, taken):
        push(MetricsSettings(pushgateway_url=url), "TopicModeling", RECORD)
    assert len(taken) == 1
    assert "metrics not pushed" in "".join(capsys.readouterr())


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "nonsense://x", "http://[", "127.0.0.1:1"])
def test_a_gateway_that_is_not_there_does_not_fail_the_job(url, capsys):
    push(MetricsSettings(pushgateway_url=url), "TopicModeling", RECORD)
    assert "metrics not pushed" in "".join(capsys.readouterr())


def test_a_gateway_that_says_nothing_costs_the_time_out(capsys):
    with socket.create_server(("127.0.0.1", 0)) as server:
        begin = time.monotonic()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        push(MetricsSettings(pushgateway_url=url, push_timeout_s=0.3), "TopicModeling", RECORD)
        assert 0.2 < time.monotonic() - begin < 3
    assert "metrics not pushed" in "".join(capsys.readouterr())


def test_without_a_gateway_nothing_is_pushed(capsys):
    push(MetricsSettings(), "TopicModeling", RECORD)
    assert capsys.readouterr() == ("", "")
