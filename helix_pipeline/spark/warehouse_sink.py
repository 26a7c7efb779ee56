"""The warehouse's sink: executors decode and insert columns, each block once.

Query, batch, Kafka partition and first offset name a block, so that a replay sends the same blocks under the same
deduplication tokens, and the server drops those that it has. The rows of a batch become visible bit by bit;
`stream_progress` says which batches are whole.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache, partial

import pyarrow as pa
import pyarrow.compute as pc
from clickhouse_connect.driver.client import Client
from pyspark.sql import DataFrame

from helix_pipeline.contracts.events import MessageAdded
from helix_pipeline.settings import Settings
from helix_pipeline.spark.batch import BatchReport, BatchWriter, Report, parallelism, query_id
from helix_pipeline.spark.blocks import blocks
from helix_pipeline.spark.extents import Extents, extents, joined, packed, unpacked
from helix_pipeline.spark.source import read_batches
from helix_pipeline.stores.warehouse import SOURCES, Warehouse, insert, open_warehouse, record_progress

COUNTS = "written long, rejected long, extents string, inserts array<double>"
_COUNTED = pa.schema(
    {"written": pa.int64(), "rejected": pa.int64(), "extents": pa.string(), "inserts": pa.list_(pa.float64())}
)
MESSAGE = MessageAdded.model_fields["event_type"].default


def warehouse_writer(
    settings: Settings, query: str, table: str, report: Report, topic_id: Callable[[], str]
) -> BatchWriter:
    """Return the writer of a warehouse table that is fed by the topic of this id."""
    house = open_warehouse(settings)

    def write(records: DataFrame, batch_id: int) -> None:
        spark = records.sparkSession
        work = partial(_insert, house=house, table=table, token=f"{query_id(spark)}/{batch_id}")
        counts = records.coalesce(parallelism(spark)).mapInArrow(work, COUNTS).collect()
        held = joined(unpacked(count.extents) for count in counts)
        record_progress(_client(house), table, topic_id(), query_id(spark), held)
        inserts = tuple(seconds for count in counts for seconds in count.inserts)
        report(BatchReport(query, sum(c.written for c in counts), sum(c.rejected for c in counts), inserts=inserts))

    return write


def _insert(batches: Iterable[pa.RecordBatch], house: Warehouse, table: str, token: str) -> Iterator[pa.RecordBatch]:
    """Insert the records of a task, a block while the next is decoded; yields one row of `COUNTS`."""
    written = rejected = 0
    held: Extents = {}
    inserts: list[float] = []
    with ThreadPoolExecutor(1) as sender:
        sent: Future[float] | None = None
        for block in blocks(batches):
            rows, refused = _decoded(block, table)
            written, rejected = written + rows.num_rows, rejected + refused
            held = joined([held, extents(block)])
            if sent:
                inserts.append(sent.result())
            place = f"{token}/{_position(block)}"
            sent = sender.submit(_send, house, table, rows, place) if rows.num_rows else None
        if sent:
            inserts.append(sent.result())
    counts = {"written": written, "rejected": rejected, "extents": packed(held), "inserts": inserts}
    yield pa.RecordBatch.from_pylist([counts], _COUNTED)


def _decoded(block: list[pa.RecordBatch], table: str) -> tuple[pa.Table, int]:
    """Return the rows of a block that the table is for, and how many records were rejected."""
    topic = SOURCES[table].topic
    assert topic is not None
    parts = [decoded for _, decoded in read_batches(block, topic.name)]
    rows = pa.Table.from_batches([part.rows for part in parts])
    return _selected(rows, table), sum(len(part.rejected) for part in parts)


def _send(house: Warehouse, table: str, rows: pa.Table, token: str) -> float:
    """Insert a block; return the seconds that this took."""
    begin = time.monotonic()
    insert(_client(house), table, rows, token)
    return time.monotonic() - begin


def _position(block: list[pa.RecordBatch]) -> str:
    return f"{block[0].column('partition')[0].as_py()}/{block[0].column('offset')[0].as_py()}"


def _selected(rows: pa.Table, table: str) -> pa.Table:
    """Keep what the table is for: the hot copy of conversations holds messages alone."""
    if table != "conversation_messages":
        return rows
    return rows.filter(pc.equal(rows["event_type"], MESSAGE)).drop_columns(["messages"])


@cache
def _client(house: Warehouse) -> Client:
    """Return the client of this worker process."""
    return house.connect()
