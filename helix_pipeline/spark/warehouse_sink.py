"""The warehouse's sink: executors decode and insert columns, each block once.

Query, batch, Kafka partition and first offset name a block, so that a replay sends the same blocks under the same
deduplication tokens, and the server drops those that it has. The rows of a batch become visible bit by bit;
`stream_progress` says which batches are whole. What a debate came to follows each block of its events.
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
from helix_pipeline.contracts.topics import CONVERSATIONS, Topic
from helix_pipeline.domain.analytics.named import named
from helix_pipeline.domain.graph.messages import nodes
from helix_pipeline.settings import Settings
from helix_pipeline.settings_sections import GraphSettings
from helix_pipeline.spark.batch import BatchReport, BatchWriter, Report, parallelism, query_id
from helix_pipeline.spark.blocks import blocks
from helix_pipeline.spark.extents import Extents, extents, joined, packed, unpacked
from helix_pipeline.spark.extraction import shared_extraction
from helix_pipeline.spark.source import read_batches
from helix_pipeline.stores.debate_outcomes import settle
from helix_pipeline.stores.warehouse import SOURCES, Warehouse, insert, open_warehouse, record_progress

COUNTS = "written long, rejected long, extents string, inserts array<double>"
_COUNTED = pa.schema(
    {"written": pa.int64(), "rejected": pa.int64(), "extents": pa.string(), "inserts": pa.list_(pa.float64())}
)
MESSAGE = MessageAdded.model_fields["event_type"].default
MESSAGES, DEBATES, ENTITIES = "conversation_messages", "debate_events", "entity_extraction_metrics"

TOPICS_OF: dict[str, Topic] = {name: table.topic for name, table in SOURCES.items() if table.topic} | {
    ENTITIES: CONVERSATIONS
}
"""Each table that the streams fill, with the topic that it is filled from."""


def warehouse_writer(
    settings: Settings, query: str, table: str, report: Report, topic_id: Callable[[], str]
) -> BatchWriter:
    """Return the writer of a warehouse table that is fed by the topic of this id."""
    house, graph = open_warehouse(settings), settings.graph

    def write(records: DataFrame, batch_id: int) -> None:
        spark = records.sparkSession
        token = f"{query_id(spark)}/{batch_id}"
        work = partial(_insert, house=house, table=table, token=token, settings=graph)
        counts = records.coalesce(parallelism(spark)).mapInArrow(work, COUNTS).collect()
        held = joined(unpacked(count.extents) for count in counts)
        record_progress(_client(house), table, topic_id(), query_id(spark), held)
        inserts = tuple(seconds for count in counts for seconds in count.inserts)
        report(BatchReport(query, sum(c.written for c in counts), sum(c.rejected for c in counts), inserts=inserts))

    return write


def _insert(
    batches: Iterable[pa.RecordBatch], house: Warehouse, table: str, token: str, settings: GraphSettings
) -> Iterator[pa.RecordBatch]:
    """Insert the records of a task, a block while the next is decoded; yields one row of `COUNTS`."""
    written = rejected = 0
    held: Extents = {}
    inserts: list[float] = []
    with ThreadPoolExecutor(1) as sender:
        sent: Future[float] | None = None
        for block in blocks(batches):
            rows, refused = _decoded(block, table, settings)
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


def _decoded(block: list[pa.RecordBatch], table: str, settings: GraphSettings) -> tuple[pa.Table, int]:
    """Return the rows of a block that the table is for, and how many records were rejected."""
    parts = [decoded for _, decoded in read_batches(block, TOPICS_OF[table].name)]
    rows = pa.Table.from_batches([part.rows for part in parts])
    return _selected(rows, table, settings), sum(len(part.rejected) for part in parts)


def _send(house: Warehouse, table: str, rows: pa.Table, token: str) -> float:
    """Insert a block, and what its debates came to; return the seconds that this took."""
    begin = time.monotonic()
    insert(_client(house), table, rows, token)
    if table == DEBATES:
        settle(_client(house), sorted(rows["debate_id"].unique().to_pylist()))
    return time.monotonic() - begin


def _position(block: list[pa.RecordBatch]) -> str:
    return f"{block[0].column('partition')[0].as_py()}/{block[0].column('offset')[0].as_py()}"


def _selected(rows: pa.Table, table: str, settings: GraphSettings) -> pa.Table:
    """Keep what the table is for: the hot copy of conversations holds messages alone, or what they name is kept."""
    if table not in (MESSAGES, ENTITIES):
        return rows
    said = rows.filter(pc.equal(rows["event_type"], MESSAGE)).drop_columns(["messages"])
    if table == MESSAGES:
        return said
    return named(said, nodes(shared_extraction(settings).mentions(said["content"].to_pylist())))


@cache
def _client(house: Warehouse) -> Client:
    """Return the client of this worker process."""
    return house.connect()
