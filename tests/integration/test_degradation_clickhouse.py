"""ClickHouse is killed, or hangs, under load: figures wait in files and come back once, the lake answers meanwhile."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from analytics_events import events, put
from fastapi.testclient import TestClient
from outage import hanging, kill
from ports import free_ports

from helix_pipeline.api.app import create_app
from helix_pipeline.contracts.figures import RequestRow
from helix_pipeline.contracts.tables import LAKE_PROVIDER_CALLS, LAKE_TABLES
from helix_pipeline.local import servers
from helix_pipeline.services.analytics.recorder import Recorder, figure_files
from helix_pipeline.services.analytics.reports import providers
from helix_pipeline.services.analytics.stores import AnalyticsStores
from helix_pipeline.settings import Settings, load
from helix_pipeline.stores import lake, warehouse, warehouse_migrations
from helix_pipeline.stores.figure_files import FigureFiles

pytestmark = pytest.mark.servers

WAIT_S = 60


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Settings]:
    """An installation with a ClickHouse of its own and a lake that hold the same events."""
    (port,) = free_ports(1)
    made = load(environ={}, flags={"home": str(tmp_path), "clickhouse.port": port})
    servers.up(made, ["clickhouse"])
    try:
        warehouse_migrations.migrate(made)
        lake.create_tables(lake.open_lake(made), LAKE_TABLES)
        put(made, events(seed=3))
        yield made
    finally:
        servers.down(made)


@pytest.fixture
def stores(own: Settings) -> Iterator[AnalyticsStores]:
    found = AnalyticsStores(own)
    yield found
    found.close()


def row(number: int) -> RequestRow:
    return RequestRow(datetime.now(UTC), f"r{number}", "GET", "/x", 200, 1.5)


def in_warehouse(own: Settings) -> list[str]:
    with warehouse.client(warehouse.open_warehouse(own)) as client:
        return [found[0] for found in client.query("SELECT request_id FROM usage_stats").result_rows]


def rolled_up(own: Settings) -> int:
    with warehouse.client(warehouse.open_warehouse(own)) as client:
        return int(client.query("SELECT sum(requests) FROM usage_stats_minutely").result_rows[0][0])


@contextmanager
def killed(own: Settings) -> Iterator[None]:
    """A server that is gone within the block."""
    kill(own, ["clickhouse"])
    yield
    servers.up(own, ["clickhouse"])


def wait_until(reached: bool | object, what: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while not reached():  # type: ignore[operator]
        assert time.monotonic() < deadline, f"waited {WAIT_S} s for {what}"
        time.sleep(0.05)


@contextmanager
def load_on(recorder: Recorder) -> Iterator[list[int]]:
    """Record a row each few milliseconds and flush often; yields what was recorded."""
    said: list[int] = []
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.002):
            recorder.record("usage_stats", row(len(said)))
            said.append(len(said))
            if len(said) % 50 == 0:
                recorder.flush()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield said
    finally:
        stop.set()
        thread.join(WAIT_S)


@pytest.mark.parametrize("away", [killed, partial(hanging, name="clickhouse")], ids=["killed", "hanging"])
def test_figures_are_neither_lost_nor_doubled_and_the_lake_answers_meanwhile(
    own: Settings, stores: AnalyticsStores, away: Callable[[Settings], AbstractContextManager[None]]
):
    health = TestClient(create_app(own), base_url="http://127.0.0.1")
    before = providers(stores, "1w")
    assert analytics(health) == {"status": "healthy"}
    recorder = stores.recorder
    with recorder, load_on(recorder) as said:
        wait_until(lambda: len(said) > 200, "rows")
        with away(own):
            there = len(said)
            wait_until(lambda: len(said) > there + 300, "rows without ClickHouse")
            meanwhile = providers(stores, "1w")
            assert recorder.kept().files > 0
            found = analytics(health)
            assert (found["status"], found["counts"]["figure_files"] > 0) == ("degraded", True)
            assert "the lake stands in" in found["detail"]
        wait_until(lambda: recorder.kept().files == 0, "the files to be drained")
        wait_until(lambda: not providers(stores, "1w").degraded, "ClickHouse to be asked again")
    assert (before.source, meanwhile.source) == ("clickhouse", "lake")
    assert requests(meanwhile) == requests(before) == len(events(seed=3)[LAKE_PROVIDER_CALLS])
    assert sorted(in_warehouse(own)) == sorted(f"r{number}" for number in said)
    assert rolled_up(own) == len(said)
    assert analytics(health) == {"status": "healthy"}


def analytics(health: TestClient) -> dict[str, Any]:
    """How the component is, without the time that asking took."""
    found = health.get("/v1/bigdata/health").json()["components"]["analytics"]
    return {name: value for name, value in found.items() if name != "latency_ms"}


def requests(found: object) -> int:
    return sum(one.total_requests for one in found.value.providers)  # type: ignore[attr-defined]


def test_a_file_that_is_drained_twice_counts_once(own: Settings, stores: AnalyticsStores):
    figure_files(own).keep("usage_stats", "token", [row(1), row(2)])
    [file] = figure_files(own).waiting()
    copy = file.path.read_bytes()
    stores.recorder.flush()
    file.path.write_bytes(copy)
    stores.recorder.flush()
    assert sorted(in_warehouse(own)) == ["r1", "r2"]
    assert stores.recorder.kept().files == 0


def test_what_the_queue_holds_at_the_end_is_kept(own: Settings, stores: AnalyticsStores):
    kill(own, ["clickhouse"])
    with stores.recorder as recorder:
        recorder.record("usage_stats", row(7))
    [file] = figure_files(own).waiting()
    assert [one.request_id for one in file.rows()] == ["r7"]


def test_the_oldest_files_make_room(tmp_path: Path):
    files = FigureFiles(tmp_path, most_bytes=1_000)
    lost = [files.keep("usage_stats", f"t{number}", [row(number)] * 3) for number in range(5)]
    assert sum(lost) == 3 * (5 - files.kept().files) > 0
    assert files.kept().bytes <= 1_000
    assert [one.token for one in files.waiting()][-1] == "t4"
