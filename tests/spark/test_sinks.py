"""The sinks on batches of raw records in a real Spark session, without servers; what Spark itself reads back."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StructField, StructType

from helix_pipeline.contracts.rows import PARTITION_COLUMNS, QUARANTINE, event_schema, partitioned
from helix_pipeline.contracts.tables import LAKE_CONVERSATIONS, LAKE_TABLES
from helix_pipeline.contracts.topics import CONVERSATIONS, DEBATES, KNOWLEDGE, PROVIDERS, Topic
from helix_pipeline.domain.graph.claims import statements_of
from helix_pipeline.domain.graph.deltas import (
    COMPLETED,
    CONVERSATION,
    ENTITY,
    MENTION,
    NAMING,
    PAIR,
    PARTICIPANT,
    SCHEMA,
    STATEMENT,
    add_up,
)
from helix_pipeline.domain.graph.labels import packed
from helix_pipeline.settings import Settings, load
from helix_pipeline.settings_sections import GraphSettings
from helix_pipeline.spark.batch import BatchReport
from helix_pipeline.spark.graph_sink import DELTAS, _of_conversations
from helix_pipeline.spark.lake_sink import _quarantined, lake_writer
from helix_pipeline.spark.source import read_batches
from helix_pipeline.spark.warehouse_sink import _selected
from helix_pipeline.stores.lake import Lake, count_rows, create_tables, open_lake, open_table
from helix_pipeline.stores.lake_reach import reach_in

pytestmark = pytest.mark.spark

AT = datetime(2026, 6, 1, 23, 59, 59, 999_999, tzinfo=UTC)
AT_MS = int(datetime(2026, 6, 1, 23, 59, 59, tzinfo=UTC).timestamp()) * 1000 + 999
ARRIVED = datetime(2026, 7, 1, tzinfo=UTC)
RECORDS = "key binary, value binary, partition int, offset long, timestamp timestamp"
TEXTS = ["We run Docker with Kubernetes", "Kubernetes and Docker and Docker", "nothing of note", "Grüße: \U0001f600"]
QUERY_ID = "sql.streaming.queryId"


def message(number: int, text: str, **changes: object) -> bytes:
    event = {
        "event_type": "message.added",
        "event_id": f"e{number}",
        "timestamp": (AT + timedelta(days=number // 2)).isoformat(),
        "conversation_id": f"c{number % 2}",
        "message_id": f"m{number}",
        "sequence": number,
        "role": "user",
        "content": text,
    }
    return json.dumps({**event, **changes}).encode()


END = json.dumps(
    {
        "event_type": "conversation.completed",
        "event_id": "end",
        "timestamp": AT.isoformat(),
        "conversation_id": "c0",
        "messages": 4,
        "metadata": {"k": [1]},
    }
).encode()
GOOD = [*(message(number, text, user_id="u", tokens=number) for number, text in enumerate(TEXTS)), END]
BAD: dict[bytes | None, str] = {
    b"\xff\xfe": "malformed",
    None: "truncated",
    message(9, "x", colour="red"): "unknown field `colour`",
}


def frame(spark: SparkSession, values: list[bytes | None], slices: int = 1) -> DataFrame:
    """The values as raw records of partition 3 from offset 100, as the source gives them, in so many tasks."""
    rows = [(b"key", value, 3, 100 + n, ARRIVED) for n, value in enumerate(values)]
    return spark.createDataFrame(spark.sparkContext.parallelize(rows, slices), RECORDS)


@pytest.fixture
def configured(tmp_path: Path) -> Settings:
    return load(environ={}, flags={"home": str(tmp_path)})


@pytest.fixture
def lake(configured: Settings) -> Lake:
    place = open_lake(configured)
    create_tables(place, LAKE_TABLES)
    return place


@pytest.fixture
def in_query(spark: SparkSession) -> Iterator[None]:
    """Within a micro-batch Spark names the query; a batch on its own has to be given a name."""
    spark.sparkContext.setLocalProperty(QUERY_ID, "query-1")
    yield
    spark.sparkContext.setLocalProperty(QUERY_ID, None)


def accepted(frame: DataFrame, topic: Topic) -> DataFrame:
    """What the records hold, as Spark takes it from the decoder."""
    name = topic.name

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return (decoded.rows for _, decoded in read_batches(batches, name))

    return frame.mapInArrow(read, from_arrow_schema(event_schema(topic)))


def rejected(frame: DataFrame, topic: Topic) -> DataFrame:
    name = topic.name

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return (_quarantined(raw, decoded, name) for raw, decoded in read_batches(batches, name) if decoded.rejected)

    return frame.mapInArrow(read, from_arrow_schema(QUARANTINE))


def types(schema: StructType) -> dict[str, str]:
    return {field.name: field.dataType.simpleString() for field in schema}


def test_good_records_become_rows_and_bad_ones_are_left_out(spark):
    rows = [r.asDict() for r in accepted(frame(spark, [GOOD[0], *BAD, *GOOD[1:]]), CONVERSATIONS).collect()]
    assert [row["event_id"] for row in rows] == ["e0", "e1", "e2", "e3", "end"]
    assert [row["content"] for row in rows] == [*TEXTS, None]
    assert [(row["kafka_partition"], row["kafka_offset"]) for row in rows] == [
        (3, n) for n in (100, 104, 105, 106, 107)
    ]
    assert [(row["tokens"], row["messages"]) for row in rows] == [(0, None), (1, None), (2, None), (3, None), (None, 4)]
    assert json.loads(rows[-1]["metadata"]) == {"k": [1]}
    assert rows[0]["timestamp"].astimezone(UTC) == AT
    assert rows[0]["ingested_at"].astimezone(UTC) == ARRIVED


def test_bad_records_keep_their_bytes_place_and_reason(spark):
    rows = rejected(frame(spark, [GOOD[0], *BAD, GOOD[1]]), CONVERSATIONS).collect()
    assert [row.value and bytes(row.value) for row in rows] == list(BAD)
    assert [(row.topic, row.kafka_partition, row.kafka_offset) for row in rows] == [
        (CONVERSATIONS.name, 3, offset) for offset in (101, 102, 103)
    ]
    assert all(bytes(row.key) == b"key" and row.ingested_at.astimezone(UTC) == ARRIVED for row in rows)
    for row, reason in zip(rows, BAD.values(), strict=True):
        assert reason in row.reason


def test_records_that_are_all_bad_give_no_rows(spark):
    assert accepted(frame(spark, list(BAD)), CONVERSATIONS).collect() == []


SOME_TYPES = {
    CONVERSATIONS: {"sequence": "bigint", "tokens": "int", "messages": "int", "content": "string"},
    DEBATES: {"round": "int", "participants": "array<string>", "margin": "double", "consensus_reached": "boolean"},
    PROVIDERS: {"latency_ms": "double", "tokens_prompt": "int", "success": "boolean", "cost": "double"},
    KNOWLEDGE: {"aliases": "array<string>", "ended": "boolean", "confidence": "double", "object_id": "string"},
}
EVERYWHERE = {
    "schema_version": "int",
    "timestamp": "timestamp",
    "metadata": "string",
    "kafka_partition": "int",
    "kafka_offset": "bigint",
    "ingested_at": "timestamp",
}


@pytest.mark.parametrize(("topic", "some"), SOME_TYPES.items(), ids=[topic.name for topic in SOME_TYPES])
def test_spark_takes_the_types_of_the_contract(spark, topic, some):
    """Also where there are no records: the decoder's empty batch has them too."""
    empty = accepted(frame(spark, []), topic)
    assert empty.count() == 0
    found = types(empty.schema)
    assert list(found) == event_schema(topic).names
    wanted = {**EVERYWHERE, **some}
    assert {name: found[name] for name in wanted} == wanted


def test_the_lake_is_read_by_spark_as_the_stream_wrote_it(spark, configured, lake, in_query):
    reports: list[BatchReport] = []
    records = frame(spark, GOOD, slices=3)
    lake_writer(configured, "lake.conversations", LAKE_CONVERSATIONS, reports.append, lambda: "topic")(records, 0)
    assert reports == [BatchReport("lake.conversations", 5)]
    found = spark.read.format("delta").load(lake.spark_uri("conversations"))
    columns = LAKE_CONVERSATIONS.schema.names
    assert found.select(*columns).orderBy("kafka_offset").collect() == accepted(records, CONVERSATIONS).collect()
    days = {row.event_id: (row.year, row.month, row.day) for row in found.collect()}
    first, second = (2026, 6, 1), (2026, 6, 2)
    assert days == {"e0": first, "e1": first, "e2": second, "e3": second, "end": first}
    assert found.where("conversation_id = 'c1'").count() == 2
    assert found.where("timestamp = timestamp '2026-06-01 23:59:59.999999'").count() == 3
    assert found.where("year = 2026 and month = 6 and day = 2").count() == 2


def test_a_batch_written_again_is_reported_as_a_replay(spark, configured, lake, in_query):
    reports: list[BatchReport] = []
    for batch, values in ((0, GOOD[:2]), (0, GOOD[:2]), (1, GOOD[2:]), (2, [])):
        lake_writer(configured, "q", LAKE_CONVERSATIONS, reports.append, lambda: "topic")(frame(spark, values), batch)
    assert [(report.written, report.replayed) for report in reports] == [(2, False), (2, True), (3, False), (0, False)]
    table = open_table(lake, "conversations")
    assert count_rows(table) == len(GOOD)
    assert reach_in(table, "topic", 3) == (100, 103), "of both batches, which begin at 100 here"


@pytest.mark.parametrize("table", LAKE_TABLES, ids=lambda table: table.name)
def test_spark_sees_each_lake_table_with_the_schema_of_the_contract(spark, lake, table):
    found = spark.read.format("delta").load(lake.spark_uri(table.name))
    wanted = from_arrow_schema(partitioned(table.schema))
    assert types(found.schema) == types(wanted)
    assert all(field.nullable for field in found.schema)
    detail = spark.sql(f"DESCRIBE DETAIL delta.`{lake.spark_uri(table.name)}`").collect()[0]
    assert detail.partitionColumns == list(PARTITION_COLUMNS)


GRAPH = GraphSettings(extractor="gazetteer")


def deltas(frame: DataFrame) -> list[dict[str, Any]]:
    found = frame.mapInArrow(partial(_of_conversations, settings=GRAPH), DELTAS)
    return add_up([found.toArrow().cast(SCHEMA)]).to_pylist()


@pytest.mark.parametrize("slices", [1, 4])
def test_known_texts_give_known_deltas_however_many_tasks_there_are(spark, slices):
    docker, kubernetes = "tech:docker", "tech:kubernetes"
    later = AT_MS + 86_400_000
    found = deltas(frame(spark, [*GOOD, *BAD], slices))
    assert {(r["kind"], r["a"], r["b"]): (r["n"], r["first"], r["last"]) for r in found if r["kind"] != STATEMENT} == {
        (CONVERSATION, "c0", ""): (2, AT_MS, later),
        (CONVERSATION, "c1", ""): (2, AT_MS, later),
        (COMPLETED, "c0", ""): (1, AT_MS, AT_MS),
        (PARTICIPANT, "c0", "u"): (2, AT_MS, later),
        (PARTICIPANT, "c1", "u"): (2, AT_MS, later),
        (ENTITY, docker, "Docker"): (3, AT_MS, AT_MS),
        (ENTITY, kubernetes, "Kubernetes"): (2, AT_MS, AT_MS),
        (MENTION, docker, "c0"): (1, AT_MS, AT_MS),
        (MENTION, kubernetes, "c0"): (1, AT_MS, AT_MS),
        (MENTION, docker, "c1"): (2, AT_MS, AT_MS),
        (MENTION, kubernetes, "c1"): (1, AT_MS, AT_MS),
        (PAIR, docker, kubernetes): (2, AT_MS, AT_MS),
        (NAMING, "", ""): (2, AT_MS, AT_MS),
    }
    assert [(r["messages"], r["detail"]) for r in found if r["kind"] == ENTITY and r["a"] == docker] == [
        (2, packed("Docker", "TECH", "tool"))
    ]
    arrived = int(ARRIVED.timestamp()) * 1000
    stated = statements_of(r["detail"] for r in found if r["kind"] == STATEMENT)
    assert {(s.subject_id, s.relation, s.object_id, s.stated_at, s.learnt_at, s.message_id) for s in stated} == {
        ("user:u", "uses", thing, AT_MS, arrived, "m0") for thing in (docker, kubernetes)
    }


def test_deltas_have_the_types_of_the_domain(spark):
    wanted = StructType([StructField(f.name, f.dataType) for f in from_arrow_schema(SCHEMA)])
    assert spark.createDataFrame([], DELTAS).schema == wanted


def test_the_warehouse_keeps_messages_alone_and_debates_whole():
    columns = ["event_type", "content", "messages"]
    schema = pa.schema([event_schema(CONVERSATIONS).field(name) for name in columns])
    rows = pa.Table.from_pylist(
        [
            {"event_type": "message.added", "content": "a"},
            {"event_type": "conversation.completed", "messages": 1},
            {"event_type": "message.added", "content": "b"},
        ],
        schema=schema,
    )
    kept = _selected(rows, "conversation_messages", GRAPH)
    assert kept.to_pydict() == {"event_type": ["message.added"] * 2, "content": ["a", "b"]}
    assert _selected(rows, "debate_events", GRAPH) is rows
