"""Fifty clients at a time share the pooled connections to ClickHouse: each gets its own answer, none an error."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest
from analytics_events import events, put
from api_process import Api, running
from ports import free_ports

from helix_pipeline.contracts.tables import LAKE_TABLES
from helix_pipeline.settings import Settings
from helix_pipeline.stores import lake, warehouse, warehouse_migrations

pytestmark = pytest.mark.servers

CLIENTS, ROUNDS = 50, 6
SQL = "SELECT {own:String} AS own, {n:UInt32} * 2 AS twice, count() AS calls FROM provider_metrics"


@pytest.fixture(scope="module")
def api(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    (port,) = free_ports(1)
    changed = {
        "home": tmp_path_factory.mktemp("home"),
        "api": settings.api.model_copy(update={"port": port}),
        "clickhouse": settings.clickhouse.model_copy(update={"database": f"h{uuid4().hex}"}),
        "lake": settings.lake.model_copy(update={"root": str(tmp_path_factory.mktemp("lake"))}),
    }
    own = settings.model_copy(update=changed)
    warehouse_migrations.migrate(own)
    lake.create_tables(lake.open_lake(own), LAKE_TABLES)
    put(own, events(seed=4))
    with running(Api(own)) as found:
        yield found


def asks(api: Api, number: int) -> list[Any]:
    """What one client is told: its own values, and figures that are the same for all."""
    told = []
    with httpx.Client(base_url=f"{api.url}/v1/analytics", timeout=60) as client:
        for turn in range(ROUNDS):
            body = {"sql": SQL, "params": {"own": f"client-{number}", "n": number * 100 + turn}}
            found = client.post("/query", json=body)
            assert found.status_code == 200, found.text
            assert found.json()["rows"][0][:2] == [f"client-{number}", (number * 100 + turn) * 2]
            path = ("/providers?window=1w", "/debates/winners", "/conversations/trends")[turn % 3]
            answer = client.get(path)
            assert answer.status_code == 200, answer.text
            assert answer.json()["source"] == "clickhouse"
            told.append((path, found.json()["rows"][0][2], _steady(answer.json())))
    return told


def _steady(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name not in ("from", "to")}


def test_fifty_clients_get_their_own_answers(api: Api):
    with ThreadPoolExecutor(CLIENTS) as pool:
        told = list(pool.map(lambda number: asks(api, number), range(CLIENTS)))
    assert all(one == told[0] for one in told)
    with warehouse.client(warehouse.open_warehouse(api.settings)) as client:
        calls = client.query("SELECT count() FROM provider_metrics").result_rows[0][0]
    assert {row[1] for row in told[0]} == {calls}
