"""The warehouse's numbered migrations: SQL files that are applied in order, once each.

A file that was interrupted is applied again from its beginning: each statement may run twice. A view that a file makes
is filled with what its source holds; nothing may be inserted meanwhile.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import resources

from clickhouse_connect.driver.client import Client

from helix_pipeline.settings import Settings
from helix_pipeline.stores.warehouse import client, client_of_server, open_warehouse

FOLDER = "migrations/clickhouse"
PATIENCE_S = 3600.0
"""Seconds that one statement may take: filling the views of a large table."""

_VIEW = re.compile(r"CREATE MATERIALIZED VIEW IF NOT EXISTS (\w+) TO (\w+)")
_COMMENT = re.compile(r"^\s*--.*$", re.MULTILINE)
_FILL = {"max_partitions_per_insert_block": 0, "max_bytes_before_external_group_by": 1 << 30}


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its number, its name, and the statements with the values of the settings."""

    number: int
    name: str
    statements: tuple[str, ...]

    @property
    def views(self) -> list[tuple[str, str]]:
        """The views that it makes, each with the table that it writes to, in order."""
        return [found.groups() for text in self.statements if (found := _VIEW.match(text))]  # type: ignore[misc]


def migrations(settings: Settings) -> list[Migration]:
    """Return all migrations in order."""
    folder = resources.files("helix_pipeline.stores").joinpath(FOLDER)
    names = sorted(entry.name for entry in folder.iterdir() if re.match(r"\d{4}_\w+\.sql$", entry.name))
    texts = [folder.joinpath(name).read_text(encoding="utf-8") for name in names]
    return [
        Migration(int(name[:4]), name, _statements(text, settings)) for name, text in zip(names, texts, strict=True)
    ]


def missing(settings: Settings) -> list[Migration]:
    """Return the migrations that the warehouse lacks. Raises StoreError where it does not answer."""
    done = _applied(settings)
    return [one for one in migrations(settings) if one.number not in done]


def apply(settings: Settings, todo: Sequence[Migration]) -> None:
    """Apply migrations that are missing, in this order; makes the database where there is none.

    Raises StoreError where the warehouse does not answer or refuses a statement.
    """
    warehouse = replace(open_warehouse(settings), timeout_s=PATIENCE_S)
    with client_of_server(warehouse) as server:
        server.command(f"CREATE DATABASE IF NOT EXISTS `{warehouse.database}`")
    with client(warehouse) as connection:
        connection.command(
            "CREATE TABLE IF NOT EXISTS schema_migrations"
            " (number UInt32, name String, applied_at DateTime DEFAULT now())"
            " ENGINE = ReplacingMergeTree ORDER BY number"
        )
        for migration in todo:
            _apply(connection, migration)


def migrate(settings: Settings) -> None:
    """Apply all migrations that are missing; running it again applies none."""
    apply(settings, missing(settings))


def refill(connection: Client, view: str, target: str) -> None:
    """Make the target of a view anew from what the view's source holds now; nothing may be inserted meanwhile."""
    found = connection.query(
        "SELECT as_select FROM system.tables WHERE database = currentDatabase() AND name = {view:String}",
        {"view": view},
    )
    columns = ", ".join(row[0] for row in connection.query(f"DESCRIBE TABLE {view}").result_rows)
    connection.command(f"TRUNCATE TABLE {target}")
    connection.command(f"INSERT INTO {target} ({columns}) {found.result_rows[0][0]}", settings=_FILL)


def _apply(connection: Client, migration: Migration) -> None:
    for statement in migration.statements:
        connection.command(statement)
    for view, target in migration.views:
        refill(connection, view, target)
    connection.insert("schema_migrations", [[migration.number, migration.name]], column_names=["number", "name"])


def _applied(settings: Settings) -> set[int]:
    warehouse = open_warehouse(settings)
    with client_of_server(warehouse) as server:
        exists = server.query(
            "SELECT count() FROM system.tables WHERE database = {database:String} AND name = 'schema_migrations'",
            {"database": warehouse.database},
        )
        if not exists.result_rows[0][0]:
            return set()
    with client(warehouse) as connection:
        return {row[0] for row in connection.query("SELECT number FROM schema_migrations FINAL").result_rows}


def _statements(text: str, settings: Settings) -> tuple[str, ...]:
    filled = _COMMENT.sub("", text).replace("{ttl_days}", str(settings.retention.clickhouse_days))
    return tuple(part.strip() for part in filled.split(";") if part.strip())
