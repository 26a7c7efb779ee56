"""The scratch database of a verification: DuckDB in a temporary folder, within a fixed amount of memory.

What the stores hold is loaded in Arrow batches and compared in SQL; what does not fit into memory spills.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from helix_pipeline.errors import StoreError

SETTINGS = {"memory_limit": "1GB", "preserve_insertion_order": "false", "TimeZone": "UTC"}

PAGE_ROWS = 10_000

Parameters = Mapping[str, object]
"""Values of a statement's `$name` places."""

Advance = Callable[[int], None]
"""Told how many rows were just loaded."""


class Workspace:
    """SQL over what the stores hold. Tables are made by the modules that own them."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def run(self, sql: str, parameters: Parameters | None = None) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows."""
        return self._connection.execute(sql, dict(parameters or {})).fetchall()

    def stream(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query while other statements may run."""
        cursor = self._connection.cursor()
        cursor.execute(sql)
        while page := cursor.fetchmany(PAGE_ROWS):
            yield from page

    def load(self, batch: pa.Table, sql: str, parameters: Parameters | None = None) -> None:
        """Run a statement that reads the Arrow rows `batch`."""
        self._connection.register("batch", batch)
        try:
            self._connection.execute(sql, dict(parameters or {}))
        finally:
            self._connection.unregister("batch")

    def select(self, batch: pa.Table, sql: str, parameters: Parameters) -> pa.Table:
        """Return the rows of a query over the Arrow rows `batch`."""
        self._connection.register("batch", batch)
        try:
            rows: pa.Table = self._connection.sql(sql, params=dict(parameters)).to_arrow_table()
            return rows
        finally:
            self._connection.unregister("batch")

    def load_all(self, batches: Iterable[pa.Table], sql: str, advance: Advance) -> None:
        """Run a statement on each of the batches."""
        for batch in batches:
            self.load(batch, sql)
            advance(batch.num_rows)


@contextmanager
def workspace() -> Iterator[Workspace]:
    """Open an empty workspace and remove it afterwards. Raises StoreError where the disk is full."""
    with tempfile.TemporaryDirectory(prefix="helix-verify-") as folder, _database(folder) as connection:
        try:
            yield Workspace(connection)
        except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
            detail = str(error).splitlines()[0]
            raise StoreError(f"no room to compare the stores in {folder}: {detail}; set TMPDIR") from None


def _database(folder: str) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(str(Path(folder) / "verify.duckdb"))
    for name, value in {**SETTINGS, "temp_directory": folder}.items():
        connection.execute(f"SET {name} = $value", {"value": value})
    return connection
