"""/v1/analytics: shapes, bounds, empty results, and the lake in ClickHouse's place."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from analytics_events import Rows, events, put
from fastapi.testclient import TestClient
from ports import free_ports

from helix_pipeline.api.app import create_app
from helix_pipeline.contracts.tables import LAKE_DEBATES, LAKE_PROVIDER_CALLS, LAKE_TABLES
from helix_pipeline.settings import Settings, load
from helix_pipeline.stores import lake, warehouse_migrations

pytestmark = pytest.mark.servers

PREFIX = "/v1/analytics"


@pytest.fixture(scope="module")
def rows() -> Rows:
    return events(seed=2)


@pytest.fixture(scope="module")
def own(settings: Settings, tmp_path_factory: pytest.TempPathFactory, rows: Rows) -> Settings:
    """Settings with a database and a lake of their own that hold the events."""
    made = _settings(settings, {"lake.root": str(tmp_path_factory.mktemp("lake"))})
    warehouse_migrations.migrate(made)
    lake.create_tables(lake.open_lake(made), LAKE_TABLES)
    put(made, rows)
    return made


def _settings(settings: Settings, flags: dict[str, Any]) -> Settings:
    fixed = {"home": str(settings.home), "clickhouse.port": settings.clickhouse.port}
    return load(environ={}, flags=fixed | {"clickhouse.database": f"h{uuid4().hex}"} | flags)


def app_of(settings: Settings) -> TestClient:
    return TestClient(create_app(settings), base_url="http://127.0.0.1", raise_server_exceptions=False)


@pytest.fixture(scope="module")
def client(own: Settings) -> TestClient:
    return app_of(own)


@pytest.fixture(scope="module")
def without(own: Settings) -> TestClient:
    """The API while nothing listens where ClickHouse should be."""
    (port,) = free_ports(1)
    return app_of(own.model_copy(update={"clickhouse": own.clickhouse.model_copy(update={"port": port})}))


@pytest.fixture(scope="module")
def empty(settings: Settings) -> Iterator[TestClient]:
    made = _settings(settings, {})
    warehouse_migrations.migrate(made)
    yield app_of(made)


def get(client: TestClient, path: str) -> dict[str, Any]:
    answer = client.get(f"{PREFIX}/{path}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_providers_have_the_shape_of_the_requirements(client: TestClient, rows: Rows):
    found = get(client, "providers?window=1w&bucket=day")
    assert {"window", "from", "to", "providers", "series", "source", "degraded", "notes"} == found.keys()
    assert sum(one["total_requests"] for one in found["providers"]) == len(rows[LAKE_PROVIDER_CALLS])
    for one in found["providers"]:
        assert one["p50_response_time_ms"] < one["p95_response_time_ms"] < one["p99_response_time_ms"]
        assert 0 < one["avg_confidence"] < 1
        low, high = one["win_rate_interval"]
        assert 0 <= low <= one["win_rate"] <= high <= 1
    assert datetime.fromisoformat(found["to"]) > datetime.now(UTC)
    assert sum(one["requests"] for one in found["series"]) == len(rows[LAKE_PROVIDER_CALLS])


def test_one_provider_is_the_sum_of_its_models(client: TestClient):
    found = get(client, "provider/anthropic?window=1w")
    assert found["series"] is None
    assert sum(one["total_requests"] for one in found["models"]) == found["figures"]["total_requests"] > 0
    failures = found["figures"]["error_rate"] * found["figures"]["total_requests"]
    assert sum(found["errors"].values()) == pytest.approx(failures)
    nobody = get(client, "provider/no%2Fbody?window=1w")
    assert (nobody["provider"], nobody["figures"]["total_requests"], nobody["models"]) == ("no/body", 0, [])


def test_debates_name_their_winners(client: TestClient, rows: Rows):
    found = get(client, "debates/winners?limit=1&window=1w")
    assert len(found["top_winners"]) == 1
    top = found["top_winners"][0]
    assert top["percentage"] == pytest.approx(100 * top["wins"] / found["decided"])
    ended = next(one for one in rows[LAKE_DEBATES] if one["event_type"] == "debate.completed" and one["winner"])
    debate = get(client, f"debate/{ended['debate_id']}")
    assert debate["status"] == "completed"
    assert debate["winner"] == ended["winner"]
    assert [one["participant"] for one in debate["participants"] if one["won"]] == [ended["winner"]]
    assert debate["turns"] == 6
    assert debate["duration_s"] == pytest.approx(480)
    missing = client.get(f"{PREFIX}/debate/nothing")
    assert (missing.status_code, missing.json()["type"]) == (404, "urn:helix:problem:not-found")


def test_winners_have_a_series_where_a_bucket_is_named(client: TestClient):
    assert get(client, "debates/winners?window=1w")["series"] is None
    for limit in (1, 10):
        found = get(client, f"debates/winners?window=1w&bucket=day&limit={limit}")
        assert {"time", "provider", "model", "wins", "debates"} == found["series"][0].keys()
        assert {one["time"][10:] for one in found["series"]} == {"T00:00:00Z"}
        for top in found["top_winners"]:
            mine = [one for one in found["series"] if one["model"] == top["model"]]
            assert sum(one["wins"] for one in mine) == top["wins"] > 0
            assert sum(one["debates"] for one in mine) == top["debates"]
        assert len({one["model"] for one in found["series"]}) == len(found["top_winners"])


def test_winners_by_minute_are_refused_with_the_reason(client: TestClient):
    answer = client.get(f"{PREFIX}/debates/winners?window=1h&bucket=minute")
    assert answer.status_code == 422
    assert "query.bucket: who won is kept by hour" in answer.json()["detail"]


def test_days_without_conversations_are_there_too(client: TestClient):
    found = get(client, "conversations/trends?days=9")["daily_stats"]
    assert len(found) == 9
    assert found[-1]["date"] == datetime.now(UTC).date().isoformat()
    assert found[0] == {
        "date": found[0]["date"],
        "count": 0,
        "avg_messages": 0.0,
        "avg_duration_min": 0.0,
        "messages": 0,
        "tokens": 0,
        "entity_density": None,
    }
    assert sum(one["count"] for one in found) >= 15


EMPTY = {
    "providers?bucket=hour": ("providers", []),
    "provider/x?bucket=minute": ("models", []),
    "debates/winners": ("top_winners", []),
    "debates/winners?bucket=hour": ("series", []),
    "compression/stats": ("strategies", []),
    "entities/trends": ("top_entities", []),
}


@pytest.mark.parametrize("path", EMPTY)
def test_an_empty_warehouse_gives_well_formed_answers(empty: TestClient, path: str):
    name, value = EMPTY[path]
    found = get(empty, path)
    assert found[name] == value
    assert found["source"] == "clickhouse"


def test_the_days_of_an_empty_warehouse_are_zeros(empty: TestClient):
    assert [one["count"] for one in get(empty, "conversations/trends?days=3")["daily_stats"]] == [0, 0, 0]
    days = get(empty, "entities/trends?days=3")["daily_stats"]
    assert [one["total_extractions"] for one in days] == [0, 0, 0]
    assert get(empty, "compression/stats")["total"]["ratio"] is None


BAD = {
    "providers?window=0h": 422,
    "providers?window=24": 422,
    "providers?window=9999w": 422,
    "providers?window=30d&bucket=minute": 422,
    "providers?bucket=week": 422,
    "providers?windows=24h": 422,
    "conversations/trends?days=0": 422,
    "conversations/trends?days=367": 422,
    "debates/winners?limit=0": 422,
    "debates/winners?bucket=week": 422,
    "debates/winners?window=90d&bucket=hour": 422,
    f"debate/{'x' * 600}": 422,
    f"provider/{'x' * 600}": 422,
}


@pytest.mark.parametrize("path", BAD)
def test_what_is_out_of_bounds_is_refused(client: TestClient, path: str):
    answer = client.get(f"{PREFIX}/{path}")
    assert answer.status_code == BAD[path]
    assert answer.json()["type"] == "urn:helix:problem:bad-request"


ALIKE = (
    "providers?window=1w",
    "provider/openai?window=1w",
    "conversations/trends?days=7",
    "debates/winners?window=1w",
    "debates/winners?window=1w&bucket=hour",
)


@pytest.mark.parametrize("path", ALIKE)
def test_without_clickhouse_the_lake_gives_the_same_sums(client: TestClient, without: TestClient, path: str):
    found, other = get(client, path), get(without, path)
    assert (other["source"], other["degraded"]) == ("lake", True)
    assert "ClickHouse" in other["notes"][0]
    assert counts(found) == counts(other)


def counts(value: Any) -> Any:
    """What of an answer is counted, not approximated."""
    if isinstance(value, dict):
        kept = {name: part for name, part in value.items() if name not in ("from", "to", "source", "degraded", "notes")}
        return {name: counts(part) for name, part in kept.items() if not name.startswith("p") or name == "provider"}
    if isinstance(value, list):
        return [counts(part) for part in value]
    return None if isinstance(value, float) else value


@pytest.mark.parametrize("path", ["entities/trends", "compression/stats"])
def test_without_clickhouse_what_the_lake_lacks_is_a_problem(without: TestClient, path: str):
    answer = without.get(f"{PREFIX}/{path}")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:helix:problem:store-away")
    assert "lake" in answer.json()["detail"]


def test_the_system_answers_with_and_without_clickhouse(client: TestClient, without: TestClient):
    found, other = get(client, "system"), get(without, "system")
    assert found["memory"]["total"] == other["memory"]["total"] > found["memory"]["process"] > 0
    assert (found["degraded"], other["degraded"]) == (False, True)
    assert other["requests_per_minute"] is None
