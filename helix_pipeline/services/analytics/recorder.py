"""Figures that the API records of itself, gathered and inserted in batches, or kept in files while ClickHouse is away.

Recording never waits and never fails: rows stand in a queue of bounded length, and a thread inserts them.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from threading import Event, Lock, Thread
from typing import Self
from uuid import uuid4

import structlog

from helix_pipeline.contracts.figures import CompressionRow, Row, as_table
from helix_pipeline.domain.context.result import CompressionStats
from helix_pipeline.errors import StoreError
from helix_pipeline.settings import Settings
from helix_pipeline.stores.figure_files import FigureFiles, Kept
from helix_pipeline.stores.warehouse import insert
from helix_pipeline.stores.warehouse_standing import StandingWarehouse
from helix_pipeline.telemetry import FIGURES

MOST_WAITING = 100_000
"""Rows that stand in the queue; more are dropped and counted."""

FOLDER = "figures"
"""Folder of the files under the home of an installation."""

_log = structlog.get_logger(__name__)


def figure_files(settings: Settings) -> FigureFiles:
    """Return the files of an installation."""
    return FigureFiles(settings.home / FOLDER, settings.clickhouse.figures_max_mb << 20)


class Recorder:
    """Records rows of figures; use as a context manager around the time in which its thread runs."""

    def __init__(self, settings: Settings, warehouse: StandingWarehouse) -> None:
        self._files = figure_files(settings)
        self._warehouse = warehouse
        self._batch, self._interval_s = settings.clickhouse.batch_size, settings.clickhouse.flush_interval_s
        self._rows: list[tuple[str, Row]] = []
        self._lock = Lock()
        self._full, self._stop = Event(), Event()
        self._thread = Thread(target=self._run, name="figures", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Insert what stands in the queue, or keep it in files."""
        self._stop.set()
        self._full.set()
        self._thread.join()

    def record(self, table: str, row: Row) -> None:
        """Take a row of a table of `contracts.figures`; while the thread does not run, nothing is recorded."""
        if not self._thread.is_alive():
            return
        with self._lock:
            if len(self._rows) >= MOST_WAITING:
                FIGURES.labels(table, "dropped").inc()
                return
            self._rows.append((table, row))
            if len(self._rows) >= self._batch:
                self._full.set()

    def kept(self) -> Kept:
        """Return what waits in files."""
        return self._files.kept()

    def flush(self) -> None:
        """Insert what stands in the queue and then what waits in files; what cannot be inserted is kept in files."""
        with self._lock:
            rows, self._rows = self._rows, []
        by_table: dict[str, list[Row]] = defaultdict(list)
        for table, row in rows:
            by_table[table].append(row)
        for table, found in by_table.items():
            for batch in _cut(found, self._batch):
                self._send(table, batch)
        self._drain()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._full.wait(self._interval_s)
            self._full.clear()
            self.flush()

    def _send(self, table: str, rows: list[Row]) -> None:
        token = uuid4().hex
        try:
            self._insert(table, token, rows)
            FIGURES.labels(table, "inserted").inc(len(rows))
        except StoreError as error:
            _log.warning("figures kept in a file", table=table, rows=len(rows), error=str(error))
            self._keep(table, token, rows)

    def _keep(self, table: str, token: str, rows: list[Row]) -> None:
        try:
            lost = self._files.keep(table, token, rows)
        except StoreError as error:
            _log.error("figures dropped", table=table, rows=len(rows), error=str(error))
            FIGURES.labels(table, "dropped").inc(len(rows))
            return
        FIGURES.labels(table, "kept").inc(len(rows))
        FIGURES.labels(table, "dropped").inc(lost)

    def _drain(self) -> None:
        if self._warehouse.is_away:
            return
        for file in self._files.waiting():
            try:
                rows = file.rows()
                self._insert(file.table, file.token, rows)
            except FileNotFoundError:
                continue
            except StoreError as error:
                _log.warning("figures wait in files", error=str(error))
                return
            self._files.drop(file)
            FIGURES.labels(file.table, "drained").inc(len(rows))

    def _insert(self, table: str, token: str, rows: list[Row]) -> None:
        self._warehouse.ask(lambda client: insert(client, table, as_table(table, rows), token))


def compression_row(conversation_id: str, cached: bool, seconds: float, stats: CompressionStats) -> CompressionRow:
    """Return the row of a conversation that was compressed for a caller in so many seconds."""
    return CompressionRow(
        timestamp=datetime.now(UTC),
        conversation_id=conversation_id,
        strategy=stats.strategy,
        cached=cached,
        original_messages=stats.original_messages,
        original_tokens=stats.original_tokens,
        compressed_tokens=stats.compressed_tokens,
        quality_score=stats.quality_score,
        duration_ms=seconds * 1000,
    )


def _cut(rows: list[Row], size: int) -> Iterable[list[Row]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))
