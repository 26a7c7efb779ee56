"""The warehouse's sink: executors decode and insert columns, each block once.

A task reads one Kafka partition. Query, batch, partition and first offset name a block, so that a replay sends the
same blocks under the same deduplication tokens, and the server drops those that it has.
"""

from collections.abc import Iterable, Iterator
from functools import cache, partial

import pyarrow as pa
import pyarrow.compute as pc
from clickhouse_connect.driver.client import Client
from pyspark.sql import DataFrame

from helix_pipeline.contracts.events import MessageAdded
from helix_pipeline.settings import Settings
from helix_pipeline.spark.batch import BatchReport, BatchWriter, Report, query_id
from helix_pipeline.spark.blocks import blocks
from helix_pipeline.spark.source import read_batches
from helix_pipeline.stores.warehouse import SOURCES, Warehouse, insert, open_warehouse

COUNTS = "written long, rejected long"
MESSAGE = MessageAdded.model_fields["event_type"].default


def warehouse_writer(settings: Settings, query: str, table: str, report: Report) -> BatchWriter:
    """Return the writer of a warehouse table."""
    house = open_warehouse(settings)

    def write(records: DataFrame, batch_id: int) -> None:
        token = f"{query_id(records.sparkSession)}/{batch_id}"
        counts = records.mapInArrow(partial(_insert, house=house, table=table, token=token), COUNTS).collect()
        report(BatchReport(query, sum(c.written for c in counts), sum(c.rejected for c in counts)))

    return write


def _insert(batches: Iterable[pa.RecordBatch], house: Warehouse, table: str, token: str) -> Iterator[pa.RecordBatch]:
    """Insert the records of a task; yields one row of `COUNTS`."""
    topic = SOURCES[table].topic
    assert topic is not None
    written = rejected = 0
    for block in blocks(batches):
        parts = [decoded for _, decoded in read_batches(block, topic.name)]
        rejected += sum(len(part.rejected) for part in parts)
        rows = _selected(pa.Table.from_batches([part.rows for part in parts]), table)
        if rows.num_rows:
            position = f"{block[0].column('partition')[0].as_py()}/{block[0].column('offset')[0].as_py()}"
            insert(_client(house), table, rows, f"{token}/{position}")
            written += rows.num_rows
    yield pa.RecordBatch.from_pydict({"written": [written], "rejected": [rejected]})


def _selected(rows: pa.Table, table: str) -> pa.Table:
    """Keep what the table is for: the hot copy of conversations holds messages alone."""
    if table != "conversation_messages":
        return rows
    return rows.filter(pc.equal(rows["event_type"], MESSAGE)).drop_columns(["messages"])


@cache
def _client(house: Warehouse) -> Client:
    """Return the client of this worker process."""
    return house.connect()
