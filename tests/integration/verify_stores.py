"""Real stores for the tests of `verify`, filled as the streams do, or wrongly where a test asks for it."""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
import typer
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from typer.testing import CliRunner, Result

from helix_pipeline.cli import verify as command
from helix_pipeline.contracts.events import (
    ConversationCompleted,
    DebateStarted,
    Event,
    MessageAdded,
    ProviderCalled,
)
from helix_pipeline.contracts.knowledge_events import EntityStated, RelationshipStated
from helix_pipeline.contracts.rows import QUARANTINE
from helix_pipeline.contracts.tables import EVENT_TABLES, LAKE_QUARANTINE, LAKE_TABLES, LakeTable
from helix_pipeline.contracts.topics import CONVERSATIONS, KNOWLEDGE, TOPICS, Topic, topic_of
from helix_pipeline.contracts.wire import decoder
from helix_pipeline.domain.graph import knowledge, messages
from helix_pipeline.domain.graph.deltas import add_up
from helix_pipeline.services.verify import StoreCheck, VerifyReport, verify
from helix_pipeline.settings import Settings
from helix_pipeline.stores import bus, graph, graph_writer, lake, warehouse, warehouse_migrations
from helix_pipeline.stores.extractors.extraction import load_extraction

NOW = datetime.now(UTC).replace(microsecond=0)
HOUSE = {table.name: name for name, table in warehouse.SOURCES.items()}
TEXTS = (
    "Kafka and PostgreSQL run on Kubernetes.",
    "Docker builds it; Kafka and Docker again.",
    "Nothing to see here.",
    "Redis before Kafka, Redis after PostgreSQL.",
)


def message(conversation: str, sequence: int, content: str = "") -> MessageAdded:
    return MessageAdded(
        event_id=f"{conversation}/{sequence}",
        timestamp=NOW,
        conversation_id=conversation,
        message_id=f"{conversation}/{sequence}",
        sequence=sequence,
        role="user",
        user_id=f"user-{sequence % 2}",
        content=content or TEXTS[sequence % len(TEXTS)],
    )


def corpus() -> list[Event]:
    """Three conversations of eight messages, a debate, two provider calls, and what is stated of two entities."""
    events: list[Event] = [message(f"c{c}", sequence) for c in range(3) for sequence in range(8)]
    events.append(ConversationCompleted(event_id="c0/end", timestamp=NOW, conversation_id="c0", messages=8))
    events.append(DebateStarted(event_id="d0/start", timestamp=NOW, debate_id="d0", topic="Tabs or spaces"))
    events += [
        ProviderCalled(
            event_id=f"r{n}", timestamp=NOW, request_id=f"r{n}", provider="p", model="m", latency_ms=1.0,
            tokens_prompt=1, tokens_completion=1, success=True, cost=0.0,
        )
        for n in range(2)
    ]  # fmt: skip
    about = {"timestamp": NOW, "entity_id": "tech:ledger"}
    events.append(EntityStated(event_id="k0", name="Ledger", type="TECH", aliases=["the ledger"], **about))
    written = {"relation": "written_in", "confidence": 0.5, **about}
    events += [RelationshipStated(event_id=f"k-{name}", object_id=f"tech:{name}", **written) for name in ("go", "rust")]
    return events


class Pipeline:
    """Publishes events and carries them into the stores as the streams do, or wrongly where a test asks."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.lake = lake.open_lake(settings)
        self.graph = graph.open_graph(settings)
        self.house = warehouse.open_warehouse(settings)
        self.batch = 0
        self.ends: dict[str, dict[int, int]] = {
            topic.name: {p: end for p, (_, end) in bus.record_ranges(settings, topic.name).items()} for topic in TOPICS
        }

    def publish(self, events: list[Event]) -> None:
        with bus.EventProducer(self.settings) as producer:
            for event in events:
                value = event.model_dump_json(exclude_none=True).encode()
                producer.publish(topic_of(event).name, event.key.encode(), value)
            producer.flush()

    def publish_raw(self, value: bytes, topic: str = CONVERSATIONS.name) -> None:
        with bus.EventProducer(self.settings) as producer:
            producer.publish(topic, b"key", value)
            producer.flush()

    def carry(
        self,
        skip_lake: Collection[str] = (),
        skip_house: Collection[str] = (),
        skip_graph: Collection[str] = (),
    ) -> None:
        """Carry what was published since the last call into the stores, but for these event ids."""
        for table in EVENT_TABLES:
            for rows in self.new_rows(table):
                self.to_lake(table, without(rows, skip_lake))
                if table.name in HOUSE:
                    self.to_house(table, without(rows, skip_house))
                if table.topic in (CONVERSATIONS, KNOWLEDGE):
                    self.to_graph(table.topic, without(rows, skip_graph))

    def rows(self, table: LakeTable) -> pa.Table:
        columns = table.schema.names
        return lake.open_table(self.lake, table.name).to_pyarrow_dataset().to_table(columns=columns).cast(table.schema)

    def to_lake(self, table: LakeTable, rows: pa.Table) -> None:
        self.batch += 1
        if rows.num_rows:
            files = lake.write_files(self.lake, table, rows)
            assert lake.commit(lake.open_table(self.lake, table.name), files, "test", self.batch)

    def to_house(self, table: LakeTable, rows: pa.Table) -> None:
        name = HOUSE[table.name]
        if name == "conversation_messages":
            rows = rows.filter(pc.equal(rows["event_type"], "message.added")).drop_columns(["messages"])
        if rows.num_rows:
            with warehouse.client(self.house) as client:
                warehouse.insert(client, name, rows, uuid4().hex)

    def to_graph(self, topic: Topic, rows: pa.Table) -> None:
        extraction = load_extraction(self.settings.graph)
        batch = pa.RecordBatch.from_arrays([c.combine_chunks() for c in rows.columns], schema=rows.schema)
        found = messages.said(batch, extraction) if topic is CONVERSATIONS else knowledge.deltas(batch)
        with graph.driver(self.graph) as connection:
            self.batch += 1
            graph_writer.apply(connection, self.graph, "test", self.batch, add_up([found]))

    def cypher(self, statement: str) -> None:
        with graph.driver(self.graph) as connection:
            connection.execute_query(statement, database_=self.graph.database)

    def forget(self, topic: str) -> None:
        """Let Kafka's retention drop all that a topic holds."""
        admin = AdminClient({"bootstrap.servers": self.settings.kafka.address})
        ends = [TopicPartition(topic, p, end) for p, (_, end) in bus.record_ranges(self.settings, topic).items()]
        for future in admin.delete_records(ends, request_timeout=20).values():
            future.result(20)

    def verify(self) -> VerifyReport:
        return verify(self.settings, lambda step, total=None: lambda rows: None)

    def invoke(self, *arguments: str) -> Result:
        """Run `helix verify`, told by the environment where the stores are."""
        app = typer.Typer()
        command.register(app)
        app.callback()(lambda: None)
        house, neo4j = self.settings.clickhouse, self.settings.neo4j
        environment = {
            "HELIX_LAKE_ROOT": self.settings.lake_root,
            "KAFKA_BOOTSTRAP_SERVERS": self.settings.kafka.address,
            "CLICKHOUSE_HOST": house.address[0],
            "CLICKHOUSE_PORT": str(house.address[1]),
            "CLICKHOUSE_DATABASE": house.database,
            "CLICKHOUSE_PASSWORD": house.password.get_secret_value(),
            "NEO4J_URI": neo4j.address,
            "NEO4J_PASSWORD": neo4j.password.get_secret_value(),
            "COLUMNS": "300",
        }
        return CliRunner().invoke(app, ["verify", *arguments], env=environment)

    def new_rows(self, table: LakeTable) -> Iterator[pa.Table]:
        """Read what was published to the topic of a table since the last call."""
        assert table.topic is not None
        name = table.topic.name
        ranges = {p: (self.ends[name][p], end) for p, (_, end) in bus.record_ranges(self.settings, name).items()}
        self.ends[name] = {p: end for p, (_, end) in ranges.items()}
        for records in bus.read_records(self.settings, name, ranges):
            values = [m.value() for m in records]
            partitions = pa.array([m.partition() for m in records], pa.int32())
            offsets = pa.array([m.offset() for m in records], pa.int64())
            times = pa.array([m.timestamp()[1] for m in records], pa.timestamp("ms", tz="UTC"))
            decoded = decoder(table.topic).decode(values, partitions, offsets, times)
            rejected = [(records[r.index], r.reason) for r in decoded.rejected]
            self.quarantine(name, rejected)
            yield pa.Table.from_batches([decoded.rows])

    def quarantine(self, topic: str, rejected: list) -> None:
        rows = [
            {
                "topic": topic,
                "kafka_partition": m.partition(),
                "kafka_offset": m.offset(),
                "ingested_at": datetime.fromtimestamp(m.timestamp()[1] / 1000, UTC),
                "key": m.key(),
                "value": m.value(),
                "reason": reason,
            }
            for m, reason in rejected
        ]
        self.to_lake(LAKE_QUARANTINE, pa.Table.from_pylist(rows, QUARANTINE))


def without(rows: pa.Table, ids: Collection[str]) -> pa.Table:
    return rows.filter(pc.invert(pc.is_in(rows["event_id"], pa.array(list(ids), pa.string()))))


def only(rows: pa.Table, event_id: str) -> pa.Table:
    return rows.filter(pc.equal(rows["event_id"], event_id))


def renamed(rows: pa.Table, event_id: str) -> pa.Table:
    field = rows.schema.field("event_id")
    return rows.set_column(rows.schema.get_field_index("event_id"), field, pa.array([event_id] * rows.num_rows))


def empty_stores(settings: Settings, folder: Path) -> Pipeline:
    """Return empty stores of a test's own: a lake, a database, a wiped graph, topics whose records are gone."""
    own = settings.model_copy(
        update={
            "lake": settings.lake.model_copy(update={"root": str(folder / "lake")}),
            "clickhouse": settings.clickhouse.model_copy(update={"database": f"verify_{uuid4().hex}"}),
        }
    )
    bus.ensure_topics(own)
    warehouse_migrations.migrate(own)
    graph.ensure_schema(own)
    lake.create_tables(lake.open_lake(own), LAKE_TABLES)
    result = Pipeline(own)
    result.cypher("MATCH (n) DETACH DELETE n")
    for topic in TOPICS:
        result.forget(topic.name)
    return result


def check(report: VerifyReport, store: str, subject: str) -> StoreCheck:
    return next(c for c in report.stores if (c.store, c.subject) == (store, subject))


def wrong(report: VerifyReport) -> dict[tuple[str, str], tuple[int, int, int]]:
    """Missing, duplicate and extra of the checks that fail."""
    return {(c.store, c.subject): (c.missing, c.duplicate, c.extra) for c in report.stores if not c.ok}
