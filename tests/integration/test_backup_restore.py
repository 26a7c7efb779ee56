"""Backup and restore of each store with the commands of docs/OPERATIONS.md: its marked blocks are run as they stand."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from ports import PORT_KEYS, free_ports
from psycopg import sql

from helix_pipeline.contracts.topics import TOPICS
from helix_pipeline.local import servers
from helix_pipeline.settings import ENVIRONMENT, Settings, load
from helix_pipeline.stores import bus
from helix_pipeline.stores.graph import driver, empty, open_graph
from helix_pipeline.stores.lake import open_lake, open_table, table_names
from helix_pipeline.stores.warehouse import client, open_warehouse

pytestmark = pytest.mark.servers
DOCUMENT = Path(__file__).parents[2] / "docs" / "OPERATIONS.md"
BLOCK = re.compile(r"<!-- run: (\w+ \w+) -->\n```bash\n(.*?)```", re.DOTALL)
TIMEOUT_S = 300
SMALL = "--conversations 6 --debates 3 --provider-calls 40"


@dataclass(frozen=True)
class Installation:
    """Servers of the test's own, filled by the streams, and the environment in which the commands run."""

    settings: Settings
    environment: dict[str, str]

    def run(self, script: str) -> str:
        """Run a script in bash, which ends with the first command that fails."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            check=False,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done.stdout


def blocks() -> dict[str, str]:
    """The commands of the document, by what they do, such as `lake backup`."""
    return dict(BLOCK.findall(DOCUMENT.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation whose stores hold a small corpus, and of which there is a backup."""
    home, backup = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("backup")
    home.parent.parent.chmod(0o755)
    ports = dict(zip(PORT_KEYS, map(str, free_ports(len(PORT_KEYS))), strict=True))
    wanted = {"home": str(home), "streams.metrics_port": "0", **ports}
    found = {variable: wanted[key] for variable, key in ENVIRONMENT.items() if key in wanted}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, **found, "PATH": path, "BACKUP": str(backup)}
    installation = Installation(load(environ=environment), environment)
    try:
        installation.run(f"helix up && helix sample {SMALL} --out {backup}/corpus && helix ingest {backup}/corpus")
        installation.run("helix stream --until-caught-up")
        for store in STORES:
            installation.run(blocks()[f"{store} backup"])
        yield installation
    finally:
        servers.down(installation.settings)


def lake_contents(settings: Settings) -> dict[str, Any]:
    tables = {name: open_table(open_lake(settings), name) for name in table_names(open_lake(settings))}
    folder = Path(settings.checkpoint_root)
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: [table.version(), *table.to_pyarrow_table().to_pylist()] for name, table in tables.items()} | files


def lose_lake(settings: Settings) -> None:
    shutil.rmtree(settings.lake_root)
    shutil.rmtree(settings.checkpoint_root)


def clickhouse_contents(settings: Settings) -> dict[str, Any]:
    names = "SELECT name, engine FROM system.tables WHERE database = currentDatabase()"
    with client(open_warehouse(settings)) as connection:
        engines = dict(connection.query(names).result_rows)
        rows = {
            name: sorted(connection.raw_query(f"SELECT * FROM {name} FORMAT TSV", settings={"final": 1}).splitlines())
            for name, engine in engines.items()
            if engine.endswith("MergeTree")
        }
    return {"engines": engines, **rows}


def lose_clickhouse(settings: Settings) -> None:
    with client(open_warehouse(settings)) as connection:
        connection.command(f"DROP DATABASE {settings.clickhouse.database} SYNC")


def neo4j_contents(settings: Settings) -> dict[str, Any]:
    graph = open_graph(settings)
    with driver(graph) as connection:
        nodes = connection.execute_query("MATCH (n) RETURN elementId(n), labels(n), properties(n)").records
        lines = connection.execute_query(
            "MATCH (a)-[r]->(b) RETURN elementId(a), elementId(b), type(r), properties(r)"
        ).records
        indexes = connection.execute_query("SHOW INDEXES YIELD name RETURN name").records
    found = {"nodes": nodes, "relationships": lines, "indexes": indexes}
    return {name: sorted(repr(record.values()) for record in records) for name, records in found.items()}


def postgres_contents(settings: Settings) -> dict[str, Any]:
    with psycopg.connect(settings.postgres.address) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        tables = {
            name: sql.SQL("SELECT * FROM {}").format(sql.Identifier(name)).as_string(connection) for (name,) in names
        }
        return {name: sorted(map(repr, connection.execute(query).fetchall())) for name, query in tables.items()}


def lose_postgres(settings: Settings) -> None:
    with psycopg.connect(settings.postgres.address) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")


def kafka_contents(settings: Settings) -> dict[str, Any]:
    found: dict[str, Any] = {"cluster": bus.cluster_id(settings), "ids": bus.topic_ids(settings)}
    for topic in TOPICS:
        batches = bus.read_records(settings, topic.name, bus.record_ranges(settings, topic.name))
        records = [(one.partition(), one.offset(), one.key(), one.value()) for batch in batches for one in batch]
        found[topic.name] = sorted(records, key=lambda record: record[:2])
    return found


def lose_kafka(settings: Settings) -> None:
    servers.down(settings, ["kafka"])
    shutil.rmtree(settings.home / "kafka")


Contents = Callable[[Settings], dict[str, Any]]
STORES: dict[str, tuple[Contents, Callable[[Settings], None]]] = {
    "lake": (lake_contents, lose_lake),
    "clickhouse": (clickhouse_contents, lose_clickhouse),
    "neo4j": (neo4j_contents, empty),
    "kafka": (kafka_contents, lose_kafka),
    "postgres": (postgres_contents, lose_postgres),
}


@pytest.mark.parametrize("store", STORES)
def test_what_was_destroyed_is_back(place: Installation, store: str) -> None:
    contents, lose = STORES[store]
    before = contents(place.settings)
    assert sum(len(part) for part in before.values() if isinstance(part, list)) > 10
    lose(place.settings)
    place.run(blocks()[f"{store} restore"])
    after = contents(place.settings)
    assert after.keys() == before.keys()
    assert [part for part in before if after[part] != before[part]] == []


def test_streams_go_on_from_what_was_restored_and_count_nothing_twice(place: Installation) -> None:
    corpus = f"{place.environment['BACKUP']}/more"
    again = place.run(f"helix ingest --json {place.environment['BACKUP']}/corpus")
    assert json.loads(again)["accepted"] == 0
    place.run(f"helix sample {SMALL} --seed 2 --out {corpus} && helix ingest {corpus}")
    place.run("helix stream --until-caught-up && helix verify")


def test_every_store_has_its_commands() -> None:
    assert set(blocks()) == {f"{store} {what}" for store in STORES for what in ("backup", "restore")}
