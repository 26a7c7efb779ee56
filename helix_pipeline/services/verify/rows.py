"""The events of one topic as Kafka, lake and warehouse hold them, and what disagrees between them.

The reference of a topic is Kafka where it still retains the records, and the lake before that. A record is
known by its partition, its offset and the hash of its event id.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import or_

import pyarrow as pa
import pyarrow.dataset as ds
from clickhouse_connect.driver.client import Client

from helix_pipeline.contracts.events import MessageAdded
from helix_pipeline.contracts.tables import EVENT_TABLES, LakeTable
from helix_pipeline.contracts.topics import Topic
from helix_pipeline.services.verify.report import StoreCheck
from helix_pipeline.services.verify.workspace import Workspace
from helix_pipeline.stores import warehouse
from helix_pipeline.stores.bus import Ranges
from helix_pipeline.stores.lake import Lake, open_table

PAGE_ROWS = 200_000
SCAN_ROWS = 16_384
EXPIRY_MARGIN = timedelta(hours=1)
MESSAGE = MessageAdded.model_fields["event_type"].default


@dataclass(frozen=True)
class Entity:
    """One kind of thing that the pipeline carries, and where its events are; not all are in the warehouse."""

    kind: str
    topic: Topic
    lake: LakeTable
    warehouse: str | None

    @property
    def id_column(self) -> str:
        """Column that names the entity."""
        return self.topic.events[0].entity_field


def entities() -> list[Entity]:
    """Return what there is to verify, in the order of the topics."""
    house = {table.name: name for name, table in warehouse.SOURCES.items()}
    return [
        Entity(table.topic.events[0].entity_field.removesuffix("_id"), table.topic, table, house.get(table.name))
        for table in EVENT_TABLES
        if table.topic is not None
    ]


CREATE = """
CREATE OR REPLACE TABLE ends (part INTEGER, low BIGINT, high BIGINT, later BIGINT);
CREATE OR REPLACE TABLE kafka (
  part INTEGER, off BIGINT, id UHUGEINT, entity VARCHAR, type VARCHAR, ingested_at TIMESTAMPTZ
);
CREATE OR REPLACE TABLE lake AS FROM kafka;
CREATE OR REPLACE TABLE set_aside AS FROM kafka;
CREATE OR REPLACE TABLE unreadable (part INTEGER, off BIGINT);
CREATE OR REPLACE TABLE clickhouse (part INTEGER, off BIGINT, id UHUGEINT, entity VARCHAR);
"""

REFERENCE = """
CREATE OR REPLACE TABLE reference AS
FROM kafka
UNION ALL
SELECT part, off, id, any_value(entity), any_value(type), any_value(ingested_at)
FROM lake LEFT JOIN ends USING (part) WHERE off < coalesce(low, 0) GROUP BY part, off, id
"""

COMPARED = """
WITH held AS (
  SELECT part, off, id, any_value(entity) AS entity, count(*) AS n FROM {store} GROUP BY part, off, id
),
wanted AS (SELECT part, off, id, entity, {need} AS need FROM reference),
joined AS (
  SELECT coalesce(wanted.entity, held.entity) AS entity, coalesce(need, 'never') AS need, coalesce(n, 0) AS n
  FROM wanted FULL JOIN held USING (part, off, id) LEFT JOIN ends USING (part)
  WHERE need IS NOT NULL OR NOT coalesce(off >= high AND off < later, false)
)
SELECT entity,
  (need = 'always')::INT AS expected,
  n AS found,
  (need = 'always' AND n = 0)::INT AS missing,
  CASE WHEN need = 'always' THEN greatest(n - 1, 0) ELSE 0 END AS duplicate,
  CASE WHEN need = 'never' THEN n ELSE 0 END AS extra
FROM joined WHERE need <> 'maybe'
"""
"""`need`: whether a row must be in the store, must not be, or may be (its time to live is over)."""

HOT_COPY = """
CASE WHEN type <> $message AND $messages_only THEN 'never'
  WHEN ingested_at <= $cutoff THEN 'maybe' ELSE 'always' END
"""


INSERT = "INSERT INTO {table} SELECT kafka_partition, kafka_offset, md5_number(event_id), {columns} FROM batch"

PAGE = """
SELECT event_id, kafka_partition, kafka_offset, {column} FROM {table}
WHERE (kafka_partition, kafka_offset) > ({{part:Int32}}, {{off:Int64}})
ORDER BY kafka_partition, kafka_offset LIMIT {{rows:UInt32}} WITH TIES
"""


def create_tables(space: Workspace) -> None:
    """Create the empty tables of a topic, in place of those of the topic before."""
    space.run(CREATE)


def insert_sql(table: str, entity: Entity) -> str:
    """Return the statement that loads rows of the contract into a table of `CREATE`."""
    rest = "" if table == "clickhouse" else ", event_type, ingested_at"
    return INSERT.format(table=table, columns=entity.id_column + rest)


def record_ends(space: Workspace, ends: Ranges, later: Ranges) -> int:
    """Keep where each partition began and ended; return how many records arrived since."""
    for partition, (low, high) in ends.items():
        values = {"part": partition, "low": low, "high": high, "later": later.get(partition, (low, high))[1]}
        space.run("INSERT INTO ends VALUES ($part, $low, $high, $later)", values)
    return int(space.run("SELECT coalesce(sum(later - high), 0) FROM ends")[0][0])


def lake_rows(lake: Lake, entity: Entity) -> Iterator[pa.Table]:
    """Yield the rows of a lake table, without their contents."""
    columns = ["event_id", "event_type", "kafka_partition", "kafka_offset", "ingested_at", entity.id_column]
    yield from scan(lake, entity.lake.name, columns)


def scan(lake: Lake, table: str, columns: list[str]) -> Iterator[pa.Table]:
    """Yield some columns of a lake table in bounded batches."""
    dataset = open_table(lake, table).to_pyarrow_dataset()
    batches = dataset.to_batches(columns=columns, batch_size=SCAN_ROWS, batch_readahead=2, fragment_readahead=1)
    for batch in batches:
        yield pa.Table.from_batches([batch])


def lake_history(lake: Lake, entity: Entity, columns: list[str], ends: Ranges) -> Iterator[pa.Table]:
    """Yield the rows of a lake table that Kafka no longer retains; `ends` must show that there are some.

    The filter is not pushed into the scan: delta-rs drops files whose log has no statistics for the columns.
    """
    partition, offset = ds.field("kafka_partition"), ds.field("kafka_offset")
    dropped = [(partition == number) & (offset < low) for number, (low, _) in ends.items() if low]
    for batch in scan(lake, entity.lake.name, [*columns, "kafka_partition", "kafka_offset"]):
        yield batch.filter(reduce(or_, dropped)).select(columns)


def warehouse_rows(client: Client, entity: Entity) -> Iterator[pa.Table]:
    """Yield the rows of a warehouse table in pages: the embedded engine's replies are whole, not streamed."""
    query = PAGE.format(column=entity.id_column, table=entity.warehouse)
    place = {"part": -(2**31), "off": 0}
    while True:
        page = client.query_arrow(query, parameters={**place, "rows": PAGE_ROWS}, use_strings=True)
        if not page.num_rows:
            return
        yield page
        place = {"part": page["kafka_partition"][-1].as_py(), "off": page["kafka_offset"][-1].as_py()}


def kafka_check(space: Workspace, entity: Entity) -> StoreCheck:
    """Count the records of a topic, and the event ids that it holds again."""
    records, ids = space.run("SELECT count(*), count(DISTINCT id) FROM reference")[0]
    return StoreCheck("kafka", f"{entity.kind} events", records, records, duplicate=records - ids)


def lake_sql() -> str:
    """Return the comparison of the lake with the reference."""
    return COMPARED.format(store="lake", need="'always'")


def warehouse_sql(table: str, ttl_days: int) -> tuple[str, dict[str, object]]:
    """Return the comparison of the warehouse with the reference, and its parameters.

    Rows at the end of their time to live may be there or not: ClickHouse drops them when it merges.
    """
    cutoff = datetime.now(UTC) - timedelta(days=ttl_days) + EXPIRY_MARGIN
    hot = table == "conversation_messages"
    sql = COMPARED.format(store="clickhouse", need=HOT_COPY)
    return sql, {"message": MESSAGE, "messages_only": hot, "cutoff": cutoff}
