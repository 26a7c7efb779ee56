"""The time to live of the warehouse's tables: what each has, and setting another number of days."""

import re
from collections.abc import Mapping

from helix_pipeline.settings import Settings
from helix_pipeline.stores.warehouse import client, open_warehouse
from helix_pipeline.stores.warehouse_migrations import migrations

_MADE = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+)")
_TTL = re.compile(r" TTL (?P<since>.+) \+ toIntervalDay\((?P<days>\d+)\)(?: SETTINGS |$)")
_ENGINES = """
SELECT name, engine_full FROM system.tables
WHERE database = currentDatabase() AND name IN {names:Array(String)} AND engine_full LIKE '% TTL %' ORDER BY name
"""


def days_kept(settings: Settings) -> dict[str, int]:
    """Return for how many days each table of the migrations keeps rows; those that keep all are left out.

    Raises StoreError where the warehouse does not answer.
    """
    return {table: int(found["days"]) for table, found in _found(settings).items()}


def keep_days(settings: Settings, days: int) -> list[str]:
    """Set the days of each table that has another number, and return the names of those tables.

    Parts that are there get their new end without being written anew; merges then drop what is past it.
    """
    differing = {table: found["since"] for table, found in _found(settings).items() if int(found["days"]) != days}
    with client(open_warehouse(settings)) as connection:
        for table, since in differing.items():
            connection.command(f"ALTER TABLE {table} MODIFY SETTING materialize_ttl_recalculate_only = 1")
            connection.command(
                f"ALTER TABLE {table} MODIFY TTL {since} + toIntervalDay({days:d})",
                settings={"materialize_ttl_after_modify": 1},
            )
    return list(differing)


def _found(settings: Settings) -> Mapping[str, re.Match[str]]:
    """Return what the expression of each table says: the column that it counts from, and the days."""
    statements = [text for migration in migrations(settings) for text in migration.statements]
    names = [found[1] for text in statements if (found := _MADE.match(text))]
    with client(open_warehouse(settings)) as connection:
        rows = connection.query(_ENGINES, {"names": names}).result_rows
    return {name: found for name, engine in rows if (found := _TTL.search(engine))}
