"""/metrics against real servers, ids of requests, and routes of components that are off."""

import re
from typing import Any
from uuid import uuid4

import httpx
import pytest
import structlog
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import LogCapture

from helix_pipeline.api.app import create_app
from helix_pipeline.domain.health import COMPONENTS
from helix_pipeline.settings import Settings

pytestmark = pytest.mark.servers


def scraped(client: TestClient) -> dict[tuple[str, ...], float]:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name.removeprefix("helixagent_"), *sample.labels.values()): sample.value
        for metric in text_string_to_metric_families(answer.text)
        for sample in metric.samples
    }


def grown(before: dict[tuple[str, ...], float], after: dict[tuple[str, ...], float]) -> dict[tuple[str, ...], float]:
    found = {key: value - before.get(key, 0) for key, value in after.items()}
    return {key: value for key, value in found.items() if value and not key[0].endswith(("_created", "_bucket"))}


def test_what_is_asked_is_counted_where_it_is_asked(client: TestClient) -> None:
    before = scraped(client)
    assert client.post("/v1/analytics/query", json={"sql": "SELECT count() FROM provider_metrics"}).status_code == 200
    assert client.post("/v1/analytics/query", json={"sql": "SELECT nothing FROM provider_metrics"}).status_code == 400
    assert client.get("/v1/knowledge/related", params={"entity": uuid4().hex}).status_code == 404
    found = grown(before, scraped(client))
    assert found["clickhouse_queries_total", "select", "failed"] == 1
    assert found["clickhouse_queries_total", "select", "ok"] >= 1
    asked = sum(found.get(("clickhouse_queries_total", "select", result), 0) for result in ("ok", "failed"))
    assert found["clickhouse_query_duration_seconds_count", "select"] == asked
    assert found["neo4j_queries_total", "read", "ok"] >= 1
    assert found["neo4j_query_duration_seconds_count", "read"] == found["neo4j_queries_total", "read", "ok"]
    for status, number in (("200", 1), ("400", 1)):
        assert found["http_requests_total", "POST", "/v1/analytics/query", status] == number
    assert found["http_request_duration_seconds_count", "POST", "/v1/analytics/query"] == 2
    assert found["http_requests_total", "GET", "/v1/knowledge/related", "404"] == 1


def test_messages_that_kafka_took_and_gave_are_counted(client: TestClient) -> None:
    before = scraped(client)
    id_ = uuid4().hex
    said = [{"role": "user", "content": f"hello {number}"} for number in range(3)]
    assert client.post("/v1/context/messages", json={"conversation_id": id_, "messages": said}).status_code == 201
    replay = {"conversation_id": id_, "compression_strategy": "none"}
    assert len(client.post("/v1/context/replay", json=replay).json()["messages"]) == 3
    found = grown(before, scraped(client))
    assert found["kafka_messages_produced_total", "helixagent.conversations"] == 3
    assert found["kafka_messages_consumed_total", "helixagent.conversations"] >= 3


def test_every_component_tells_whether_it_is_healthy_and_whether_it_is_on(api_settings: Settings) -> None:
    name, on = "bigdata_component_healthy", ("infinite_context", "knowledge_graph", "analytics")
    expected = {component: float(component in on) for component in COMPONENTS}
    well = scraped(TestClient(create_app(api_settings), base_url="http://127.0.0.1"))
    for one in (name, "bigdata_component_enabled"):
        assert {key[1]: value for key, value in well.items() if key[0] == one} == expected
    away = api_settings.model_copy(update={"neo4j": api_settings.neo4j.model_copy(update={"port": 1})})
    ill = scraped(TestClient(create_app(away), base_url="http://127.0.0.1"))
    assert (ill[name, "knowledge_graph"], ill[name, "analytics"]) == (0, 1)
    features = api_settings.features.model_copy(update={"analytics": False})
    without = create_app(api_settings.model_copy(update={"features": features}))
    off = scraped(TestClient(without, base_url="http://127.0.0.1"))
    assert (off[name, "analytics"], off["bigdata_component_enabled", "analytics"]) == (0, 0)
    assert (off[name, "infinite_context"], off["bigdata_component_enabled", "infinite_context"]) == (1, 1)


@pytest.fixture
def log() -> Any:
    """The lines of the log, as they are before they are written."""
    before = structlog.get_config()
    capture = LogCapture()
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, capture])
    yield capture.entries
    structlog.configure(**before)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("abc-1.2_3", True),
        ("x" * 64, True),
        ("x" * 65, False),
        ("a b", False),
        ("a\tb", False),
        ('"; drop', False),
        ("é", False),
        ("", False),
    ],
)
def test_an_id_that_is_sane_is_kept_and_every_line_has_it(
    client: TestClient, log: list[dict[str, Any]], given: str, kept: bool
) -> None:
    answer = client.get("/v1/spark/jobs/none/status", headers={"X-Request-ID": given.encode()})
    id_ = answer.headers["x-request-id"]
    assert (id_ == given) == kept
    assert re.fullmatch(r"[\w.-]{1,64}", id_)
    (line,) = [entry for entry in log if entry["event"] == "request"]
    assert (line["request_id"], line["status"], line["path"]) == (id_, 404, "/v1/spark/jobs/none/status")
    assert "request_id" not in structlog.contextvars.get_contextvars()


def test_lines_of_services_carry_the_id(api_settings: Settings, log: list[dict[str, Any]]) -> None:
    away = api_settings.model_copy(update={"neo4j": api_settings.neo4j.model_copy(update={"port": 1})})
    client = TestClient(create_app(away), base_url="http://127.0.0.1")
    client.get("/v1/knowledge/related", params={"entity": "Docker"}, headers={"X-Request-ID": "mine"})
    assert [line["request_id"] for line in log if line["event"] == "graph away"] == ["mine"]


def test_a_fault_has_the_id_too(api_settings: Settings, log: list[dict[str, Any]]) -> None:
    app = create_app(api_settings)

    def broken() -> None:
        raise ZeroDivisionError

    app.add_api_route("/broken", broken)
    client = TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)
    answer = client.get("/broken", headers={"X-Request-ID": "mine"})
    assert (answer.status_code, answer.headers["x-request-id"]) == (500, "mine")
    assert [line["request_id"] for line in log if line["event"] == "request failed"] == ["mine"]
    assert [(line["status"], line["request_id"]) for line in log if line["event"] == "request"] == [(500, "mine")]


CALLS = {
    "infinite_context": [
        ("POST", "/v1/context/messages"),
        ("POST", "/v1/context/replay"),
        ("GET", "/v1/context/stats/x"),
    ],
    "knowledge_graph": [("GET", "/v1/knowledge/communities"), ("GET", "/v1/knowledge/evidence"), ("GET", "/ui/graph")],
    "analytics": [("POST", "/v1/analytics/query"), ("GET", "/v1/analytics/query/functions")],
}


def asked(client: TestClient, component: str) -> list[httpx.Response]:
    return [client.request(method, path, json={} if method == "POST" else None) for method, path in CALLS[component]]


@pytest.mark.parametrize("component", CALLS)
def test_the_routes_of_what_is_off_are_a_problem_that_names_the_switch(api_settings: Settings, component: str) -> None:
    features = api_settings.features.model_copy(update={component: False})
    client = TestClient(create_app(api_settings.model_copy(update={"features": features})), base_url="http://127.0.0.1")
    switch = f"BIGDATA_ENABLE_{component.upper()}"
    for answer in asked(client, component):
        problem = answer.json()
        assert (answer.status_code, problem["type"]) == (404, "urn:helix:problem:component-off")
        assert (f"{switch} is false" in problem["detail"], f"set {switch}=true" in problem["hint"]) == (True, True)
    for other in set(CALLS) - {component}:
        assert all("component-off" not in answer.text for answer in asked(client, other))


def test_the_master_switch_leaves_jobs_and_health(api_settings: Settings) -> None:
    features = api_settings.features.model_copy(update={"enabled": False})
    client = TestClient(create_app(api_settings.model_copy(update={"features": features})), base_url="http://127.0.0.1")
    for component in CALLS:
        assert all("set BIGDATA_ENABLED=true" in answer.json()["hint"] for answer in asked(client, component))
    assert client.get("/v1/spark/job-types").status_code == 200
    assert client.get("/health").json()["status"] == "disabled"
