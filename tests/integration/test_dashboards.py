"""Every query of the dashboards, asked of a real ClickHouse and of a real Prometheus with the project's metrics."""

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from dashboard_rows import fill
from grafana import CLICKHOUSE, DASHBOARDS, DOCKER, PROMETHEUS, Query, Range, panels, promql, queries, sql, variables
from prometheus_server import Prometheus, metrics_in, scraping

from helix_pipeline.settings import Settings, load
from helix_pipeline.stores import warehouse, warehouse_migrations

LENGTHS = (timedelta(hours=6), timedelta(days=60))


@pytest.fixture(scope="module")
def house(settings: Settings) -> Iterator[Client]:
    """A database of its own with all tables and some rows in each."""
    flags = {"clickhouse.port": settings.clickhouse.port, "clickhouse.database": "dashboards"}
    own = load(environ={}, flags=flags)
    warehouse_migrations.migrate(own)
    with warehouse.client(warehouse.open_warehouse(own)) as connection:
        fill(connection, datetime.now(UTC))
        yield connection
        connection.command("DROP DATABASE dashboards")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with scraping(tmp_path_factory.mktemp("prometheus")) as found:
        yield found


def test_the_files_are_what_their_source_makes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, DOCKER / "grafana" / "source", tmp_path], check=True, timeout=60)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    kept = {path.name: path.read_bytes() for path in (DOCKER / "grafana" / "dashboards").iterdir()}
    assert made == kept, "run `make dashboards`"


def test_the_four_dashboards_are_there() -> None:
    titles = {dashboard["title"] for dashboard in DASHBOARDS.values()}
    assert titles == {"Provider Performance", "Conversation Analytics", "Entity Growth", "System Health"}


@pytest.mark.parametrize("name", DASHBOARDS)
def test_each_panel_says_what_it_shows_and_stands_alone(name: str) -> None:
    assert all(panel["title"] and panel["description"].endswith(".") for panel in panels(name))
    cells = [
        (place["x"] + x, place["y"] + y)
        for panel in DASHBOARDS[name]["panels"]
        for place in [panel["gridPos"]]
        for x in range(place["w"])
        for y in range(place["h"])
    ]
    assert len(cells) == len(set(cells)) and max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in DASHBOARDS[name]["panels"]}) == len(DASHBOARDS[name]["panels"])


@pytest.mark.servers
@pytest.mark.parametrize("query", queries(CLICKHOUSE), ids=lambda query: query.name)
def test_each_query_of_clickhouse_finds_rows_that_its_panel_can_draw(house: Client, query: Query) -> None:
    for length in LENGTHS:
        for chosen in ({}, _first_values(house, query.dashboard)):
            found = house.query(sql(query, Range(datetime.now(UTC), length, chosen)))
            assert found.result_rows, f"nothing over {length} of {chosen or 'all'}"
            if query.target["queryType"] == "timeseries":
                _assert_series(found.column_names, [kind.name for kind in found.column_types])
            else:
                assert any(value is not None for row in found.result_rows for value in row)


def _first_values(house: Client, dashboard: str) -> dict[str, list[str]]:
    """Return, for each variable of a dashboard, the first of its values."""
    own = [variable for name, variable in variables(CLICKHOUSE) if name == dashboard]
    return {one["name"]: [house.query(one["query"]).result_rows[0][0]] for one in own}


def _assert_series(names: tuple[str, ...], kinds: list[str]) -> None:
    """What makes rows lines: the time, then a name at most, then numbers."""
    assert names[0] == "time" and kinds[0].startswith("DateTime")
    numbers = [bool(re.search(r"Int\d|Float|Decimal", kind)) for kind in kinds[1:]]
    assert numbers[-1] and numbers in ([True] * len(numbers), [False, True])


def test_minutes_and_hours_add_up_to_the_same(house: Client) -> None:
    query = next(one for one in queries(CLICKHOUSE) if one.name == "provider-performance/Requests/A")
    found = [house.query(sql(query, Range(datetime.now(UTC), length, {}))).result_rows for length in LENGTHS]
    assert found[0] == found[1] == [(60,)]


@pytest.mark.parametrize("query", queries(PROMETHEUS), ids=lambda query: query.name)
def test_each_query_of_prometheus_finds_series_of_metrics_that_are_exported(server: Prometheus, query: Query) -> None:
    values = {"query": server.ask("label/query/values")}
    expression = promql(query.target, query.panel, Range(datetime.now(UTC), LENGTHS[0], values))
    found = server.query(expression)
    assert metrics_in(expression) <= server.metrics()
    assert found or "ALERTS" in expression, expression
    legends = re.findall(r"\{\{(\w+)\}\}", query.target["legendFormat"])
    assert all(set(legends) <= set(series["metric"]) for series in found)


def test_variables_of_prometheus_have_values(server: Prometheus) -> None:
    for _, variable in variables(PROMETHEUS):
        metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"]).groups()
        assert server.ask(f"label/{label}/values", **{"match[]": metric})
