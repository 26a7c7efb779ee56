"""The lake's sink: executors decode and write Parquet, the driver commits the files of a batch at once.

Records that break the contract go to the `quarantine` table and to the dead-letter topic in the same pass. The
quarantine is committed first: the commit of the main table closes the batch, and says how far the table now holds the
partitions of the topic (`stores.lake_reach`).
"""

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import pyarrow as pa
from deltalake import DeltaTable
from pyspark.sql import DataFrame, Row

from helix_pipeline.contracts.rows import QUARANTINE
from helix_pipeline.contracts.tables import LAKE_QUARANTINE, LAKE_TABLES, LakeTable
from helix_pipeline.contracts.wire import Decoded
from helix_pipeline.settings import Settings
from helix_pipeline.spark.batch import BatchReport, BatchWriter, Report, parallelism, query_id
from helix_pipeline.spark.extents import Extents, extents, joined, packed, unpacked
from helix_pipeline.spark.source import read_batches
from helix_pipeline.stores.deadletter import publish_dead_letters
from helix_pipeline.stores.lake import DataFile, Lake, commit, open_lake, open_table, write_files
from helix_pipeline.stores.lake_reach import Filled

FILES = "table string, path string, partition string, size long, rows long, statistics string, extents string"
BUFFER_BYTES = 64 << 20


def lake_writer(
    settings: Settings, query: str, table: LakeTable, report: Report, topic_id: Callable[[], str]
) -> BatchWriter:
    """Return the writer of a lake table that is fed by the topic of this id."""
    lake = open_lake(settings)
    work = partial(_write, lake=lake, table=table.name, settings=settings)

    def write(records: DataFrame, batch_id: int) -> None:
        spark = records.sparkSession
        files = records.coalesce(parallelism(spark)).mapInArrow(work, FILES).collect()
        app_id = query_id(spark)
        filled = Filled(topic_id(), joined(unpacked(file.extents) for file in files))
        _commit(lake, LAKE_QUARANTINE.name, files, (app_id, batch_id, None))
        fresh = _commit(lake, table.name, files, (app_id, batch_id, filled))
        rows = {name: sum(f.rows for f in files if f.table == name) for name in (table.name, LAKE_QUARANTINE.name)}
        good, bad = rows[table.name], rows[LAKE_QUARANTINE.name]
        report(BatchReport(query, good, bad, replayed=bool(files) and not fresh, dead_letters=bad))

    return write


def _commit(lake: Lake, name: str, rows: list[Row], batch: tuple[str, int, Filled | None]) -> bool:
    files = [
        DataFile(row.path, json.loads(row.partition), row.size, row.rows, row.statistics)
        for row in rows
        if row.table == name
    ]
    return bool(files) and commit(_opened(lake.uri(name), lake, name), files, *batch)


_tables: dict[str, DeltaTable] = {}


def _opened(uri: str, lake: Lake, name: str) -> DeltaTable:
    if uri not in _tables:
        _tables[uri] = open_table(lake, name)
    return _tables[uri]


def _write(batches: Iterable[pa.RecordBatch], lake: Lake, table: str, settings: Settings) -> Iterator[pa.RecordBatch]:
    """Write the records of a task; yields one row of `FILES` for each file."""
    target = next(t for t in LAKE_TABLES if t.name == table)
    assert target.topic is not None
    good: list[pa.RecordBatch] = []
    bad: list[pa.RecordBatch] = []
    held: Extents = {}
    for raw, decoded in read_batches(batches, target.topic.name):
        held = joined([held, extents([raw])])
        good.append(decoded.rows)
        if decoded.rejected:
            bad.append(_quarantined(raw, decoded, target.topic.name))
        if _full(good, settings) or _full(bad, settings):
            yield from _flush(lake, target, good, bad, settings, held=held)
    yield from _flush(lake, target, good, bad, settings, held=held)


def _full(batches: list[pa.RecordBatch], settings: Settings) -> bool:
    rows = sum(batch.num_rows for batch in batches)
    size = sum(batch.nbytes for batch in batches)
    return bool(rows >= settings.lake.rows_per_file or size >= BUFFER_BYTES)


def _flush(
    lake: Lake,
    target: LakeTable,
    good: list[pa.RecordBatch],
    bad: list[pa.RecordBatch],
    settings: Settings,
    *,
    held: Extents,
) -> Iterator[pa.RecordBatch]:
    if bad:
        rejected = pa.Table.from_batches(bad)
        publish_dead_letters(settings, rejected)
        yield _described(LAKE_QUARANTINE, write_files(lake, LAKE_QUARANTINE, rejected), held)
    rows = pa.Table.from_batches(good, schema=target.schema)
    if rows.num_rows:
        yield _described(target, write_files(lake, target, rows), held)
    good.clear()
    bad.clear()


def _described(table: LakeTable, files: list[DataFile], held: Extents) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {
            "table": [table.name] * len(files),
            "path": [file.path for file in files],
            "partition": [json.dumps(file.partition) for file in files],
            "size": [file.size for file in files],
            "rows": [file.rows for file in files],
            "statistics": [file.statistics for file in files],
            "extents": [packed(held)] * len(files),
        }
    )


def _quarantined(raw: pa.RecordBatch, decoded: Decoded, topic: str) -> pa.RecordBatch:
    picked = raw.take(pa.array([rejection.index for rejection in decoded.rejected], pa.int64()))
    columns = {
        "topic": pa.array([topic] * picked.num_rows),
        "kafka_partition": picked.column("partition"),
        "kafka_offset": picked.column("offset"),
        "ingested_at": picked.column("timestamp"),
        "key": picked.column("key"),
        "value": picked.column("value"),
        "reason": pa.array([rejection.reason for rejection in decoded.rejected]),
    }
    return pa.RecordBatch.from_arrays([columns[f.name].cast(f.type) for f in QUARANTINE], schema=QUARANTINE)
