"""POST /v1/analytics/query: an answer, and each way to fail as a problem with its status."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from ports import free_ports

from helix_pipeline.api.analytics_query import EXAMPLES, QueryAnswer, QueryFunctions
from helix_pipeline.api.app import create_app
from helix_pipeline.services.analytics import query as service
from helix_pipeline.settings import Settings

pytestmark = pytest.mark.servers

PATH = "/v1/analytics/query"


def test_an_answer_has_columns_types_rows_and_what_they_cost(client: TestClient) -> None:
    sql = "SELECT {n:UInt32} AS n, {names:Array(String)} AS names, 0 / 0 AS nothing"
    found = client.post(PATH, json={"sql": sql, "params": {"n": 3, "names": ["it's", "ü"]}})
    assert found.status_code == 200, found.text
    answer = QueryAnswer.model_validate_json(found.content)
    assert (answer.columns, answer.rows) == (["n", "names", "nothing"], [[3, ["it's", "ü"], None]])
    assert answer.types == ["UInt32", "Array(String)", "Float64"]
    assert not answer.truncated
    assert answer.sql.endswith("LIMIT 1001")


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_of_the_docs_run(client: TestClient, name: str) -> None:
    found = client.post(PATH, json=EXAMPLES[name]["value"])
    assert found.status_code == 200, found.text


def test_more_rows_than_the_limit_are_cut(client: TestClient) -> None:
    found = client.post(PATH, json={"sql": "SELECT arrayJoin([1, 2, 3]) AS n", "limit": 2}).json()
    assert (found["rows"], found["truncated"]) == ([[1], [2]], True)


@pytest.mark.parametrize(
    ("body", "status", "kind", "said"),
    [
        ({"sql": "DROP TABLE provider_metrics"}, 400, "refused-query", "'DROP' does not begin a SELECT"),
        ({"sql": "SELECT * FROM system.tables"}, 400, "refused-query", "database 'system' is not allowed"),
        ({"sql": "SELECT * FROM file('/etc/passwd')"}, 400, "refused-query", "table function"),
        ({"sql": "SELECT {n:UInt8}"}, 400, "refused-query", "'n' (UInt8) has no value"),
        ({"sql": "SELECT nothing FROM provider_metrics"}, 400, "wrong-query", "nothing"),
        ({"sql": "SELECT {n:UInt8}", "params": {"n": "x"}}, 400, "wrong-query", "ClickHouse refuses the query"),
        ({"sql": ""}, 422, "bad-request", "body.sql"),
        ({"sql": "SELECT 1", "limit": 10_001}, 422, "bad-request", "body.limit"),
        ({"sql": "SELECT 1", "params": {"a b": 1}}, 422, "bad-request", "body.params"),
        ({"sql": "SELECT 1", "params": {"a": {"b": 1}}}, 422, "bad-request", "body.params"),
        ({"sql": "SELECT 1", "settings": {"readonly": 0}}, 422, "bad-request", "body.settings"),
        ({"sql": "SELECT '" + "a" * 20_000 + "'"}, 422, "bad-request", "body.sql"),
    ],
)
def test_a_bad_query_is_a_problem(client: TestClient, body: dict[str, Any], status: int, kind: str, said: str) -> None:
    found = client.post(PATH, json=body)
    problem = found.json()
    assert (found.status_code, problem["type"]) == (status, f"urn:helix:problem:{kind}"), problem
    assert said in problem["detail"]
    assert problem["hint"]


def test_a_query_that_needs_too_long_is_stopped_and_said(api_settings: Settings) -> None:
    house = api_settings.clickhouse.model_copy(update={"query_timeout_s": 0.2})
    app = create_app(api_settings.model_copy(update={"clickhouse": house}))
    digits = "arrayJoin([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])"
    parts = ", ".join(f"(SELECT {digits} AS d) AS t{n}" for n in range(12))
    total = " + ".join(f"t{n}.d" for n in range(12))
    body = {"sql": f"SELECT max(sipHash64({total})) FROM {parts}"}
    found = TestClient(app, base_url="http://127.0.0.1").post(PATH, json=body)
    assert found.status_code == 504, found.text
    assert "Timeout exceeded" in found.json()["detail"]


def test_a_warehouse_that_is_away_is_a_problem(api_settings: Settings) -> None:
    house = api_settings.clickhouse.model_copy(update={"port": free_ports(1)[0]})
    app = create_app(api_settings.model_copy(update={"clickhouse": house}))
    found = TestClient(app, base_url="http://127.0.0.1").post(PATH, json={"sql": "SELECT 1"})
    assert (found.status_code, found.json()["type"]) == (503, "urn:helix:problem:store-away")


def test_what_may_be_named_is_listed(client: TestClient) -> None:
    listed = QueryFunctions.model_validate_json(client.get(f"{PATH}/functions").content)
    assert "provider_metrics" in listed.tables
    assert "quantile" in listed.functions["aggregate"]
    assert set(listed.tables) == service.TABLES
