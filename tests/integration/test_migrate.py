"""`helix migrate`: what is missing is said, made once, and may be made again; not while a stream writes."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from analytics_events import events, put
from typer.testing import CliRunner, Result

from helix_pipeline.cli import app
from helix_pipeline.contracts.tables import LAKE_TABLES
from helix_pipeline.settings import Settings
from helix_pipeline.settings_export import variables, write
from helix_pipeline.stores import lake, warehouse
from helix_pipeline.stores.warehouse_migrations import apply, migrations

pytestmark = pytest.mark.servers

STREAM = {"query": "warehouse.provider_metrics", "state": "running"}


@pytest.fixture
def own(settings: Settings, tmp_path: Path) -> Iterator[Settings]:
    """The session's servers with a database that does not exist yet, and a home without streams."""
    changed = {
        "home": tmp_path,
        "clickhouse": settings.clickhouse.model_copy(update={"database": f"h{uuid4().hex}"}),
        "lake": settings.lake.model_copy(update={"root": str(tmp_path / "lake")}),
    }
    found = settings.model_copy(update=changed)
    yield found
    with warehouse.client_of_server(warehouse.open_warehouse(found)) as server:
        server.command(f"DROP DATABASE IF EXISTS {found.clickhouse.database}")


@pytest.fixture
def migrate(own: Settings) -> Callable[..., Result]:
    """Run `helix migrate` with these settings."""
    write(own, own.home / "settings.yaml")
    environment = variables(own, own.home / "settings.yaml")
    return lambda *arguments: CliRunner().invoke(app, ["migrate", *arguments], env=environment)


def made(own: Settings) -> dict[str, Any]:
    """The statement of each table and view, and the rows in it."""
    database = own.clickhouse.database
    statements = "SELECT name, create_table_query FROM system.tables WHERE database = {database:String}"
    with warehouse.client_of_server(warehouse.open_warehouse(own)) as server:
        tables = dict(server.query(statements, {"database": database}).result_rows)
        counts = {
            name: server.command(f"SELECT count() FROM {database}.{name}{' FINAL' if _merged(text) else ''}")
            for name, text in tables.items()
        }
    return {name: (text, counts[name]) for name, text in tables.items()}


def _merged(text: str) -> bool:
    return "ENGINE = ReplacingMergeTree" in text or "ENGINE = AggregatingMergeTree" in text


def test_a_dry_run_says_what_is_missing_and_changes_nothing(own: Settings, migrate: Callable[..., Result]) -> None:
    names = [one.name for one in migrations(own)]
    said = migrate("--dry-run").stdout.splitlines()
    assert [line.partition(":")[0] for line in said] == names
    assert any("fills provider_stats_minutely, " in line for line in said)
    assert [one["name"] for one in json.loads(migrate("--dry-run", "--json").stdout)["warehouse"]] == names
    assert made(own) == {}


def test_what_is_missing_is_made_once(own: Settings, migrate: Callable[..., Result]) -> None:
    done = json.loads(migrate("--json").stdout)
    assert done["warehouse"] == [one.name for one in migrations(own)]
    assert migrate().stdout == "warehouse: up to date; topics and graph: ready\n"
    assert migrate("--dry-run").stdout == "warehouse: up to date\n"


def test_each_migration_may_be_applied_again(own: Settings, migrate: Callable[..., Result]) -> None:
    migrate()
    lake.create_tables(lake.open_lake(own), LAKE_TABLES)
    put(own, events(seed=6))
    before = made(own)
    assert before["provider_stats_minutely"][1] != 0
    apply(own, migrations(own))
    assert made(own) == before


def test_views_are_not_filled_while_a_stream_writes(own: Settings, migrate: Callable[..., Result]) -> None:
    (own.home / "streams").mkdir()
    state = own.home / "streams" / "warehouse.provider_metrics.json"
    state.write_text(json.dumps(STREAM | {"pid": os.getpid()}))
    refused = migrate()
    assert str(refused.exception).startswith(
        "warehouse.provider_metrics runs while 0001_events.sql is to fill views: stop"
    )
    assert made(own) == {}
    state.write_text(json.dumps(STREAM | {"state": "stopped", "pid": os.getpid()}))
    assert migrate().exit_code == 0
