"""`verify` against real stores: all agree, and each way in which a store can be wrong is counted exactly."""

import json
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
import pytest
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
from helix_pipeline.contracts.rows import QUARANTINE
from helix_pipeline.contracts.tables import EVENT_TABLES, LAKE_QUARANTINE, LAKE_TABLES, LakeTable
from helix_pipeline.contracts.topics import CONVERSATIONS, DEBATES, TOPICS, topic_of
from helix_pipeline.contracts.wire import decoder
from helix_pipeline.domain.entities.extractor import load_extractor
from helix_pipeline.domain.graph_deltas import Deltas
from helix_pipeline.errors import StoreError
from helix_pipeline.services.verify import StoreCheck, VerifyReport, verify
from helix_pipeline.settings import Settings
from helix_pipeline.stores import bus, graph, lake, warehouse

pytestmark = pytest.mark.servers

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
    """Three conversations of eight messages, a debate and two provider calls."""
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
            for rows in self._new_rows(table):
                self.to_lake(table, _without(rows, skip_lake))
                self.to_house(table, _without(rows, skip_house))
                if table.topic is CONVERSATIONS:
                    self.to_graph(_without(rows, skip_graph))

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

    def to_graph(self, rows: pa.Table) -> None:
        extractor = load_extractor(self.settings.graph.extractor)
        deltas = Deltas(extractor.entity)
        for batch in rows.to_batches():
            deltas.rows(batch, extractor.extract_ids_batch([text or "" for text in batch["content"].to_pylist()]))
        with graph.driver(self.graph) as connection:
            self.batch += 1
            graph.apply(connection, self.graph, "test", self.batch, deltas.table())

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

    def _new_rows(self, table: LakeTable) -> Iterator[pa.Table]:
        assert table.topic is not None
        name = table.topic.name
        ranges = {p: (self.ends[name][p], end) for p, (_, end) in bus.record_ranges(self.settings, name).items()}
        self.ends[name] = {p: end for p, (_, end) in ranges.items()}
        for messages in bus.read_records(self.settings, name, ranges):
            values = [m.value() for m in messages]
            partitions = pa.array([m.partition() for m in messages], pa.int32())
            offsets = pa.array([m.offset() for m in messages], pa.int64())
            times = pa.array([m.timestamp()[1] for m in messages], pa.timestamp("ms", tz="UTC"))
            decoded = decoder(table.topic).decode(values, partitions, offsets, times)
            rejected = [(messages[r.index], r.reason) for r in decoded.rejected]
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


def _without(rows: pa.Table, ids: Collection[str]) -> pa.Table:
    return rows.filter(pc.invert(pc.is_in(rows["event_id"], pa.array(list(ids), pa.string()))))


def _event(rows: pa.Table, event_id: str) -> pa.Table:
    return rows.filter(pc.equal(rows["event_id"], event_id))


def _renamed(rows: pa.Table, event_id: str) -> pa.Table:
    field = rows.schema.field("event_id")
    return rows.set_column(rows.schema.get_field_index("event_id"), field, pa.array([event_id] * rows.num_rows))


@pytest.fixture
def pipeline(settings: Settings, tmp_path: Path) -> Pipeline:
    """Empty stores of this test's own: a lake, a database, a wiped graph, topics whose records are gone."""
    own = settings.model_copy(
        update={
            "lake": settings.lake.model_copy(update={"root": str(tmp_path / "lake")}),
            "clickhouse": settings.clickhouse.model_copy(update={"database": f"verify_{uuid4().hex}"}),
        }
    )
    bus.ensure_topics(own)
    warehouse.migrate(own)
    graph.ensure_schema(own)
    lake.create_tables(lake.open_lake(own), LAKE_TABLES)
    result = Pipeline(own)
    result.cypher("MATCH (n) DETACH DELETE n")
    for topic in TOPICS:
        result.forget(topic.name)
    return result


@pytest.fixture
def loaded(pipeline: Pipeline) -> Pipeline:
    """The corpus, in all stores."""
    pipeline.publish(corpus())
    pipeline.carry()
    return pipeline


def check(report: VerifyReport, store: str, subject: str) -> StoreCheck:
    return next(c for c in report.stores if (c.store, c.subject) == (store, subject))


def wrong(report: VerifyReport) -> dict[tuple[str, str], tuple[int, int, int]]:
    return {(c.store, c.subject): (c.missing, c.duplicate, c.extra) for c in report.stores if not c.ok}


def test_stores_that_agree_pass_and_are_counted(loaded: Pipeline) -> None:
    report = loaded.verify()
    assert wrong(report) == {}
    assert report.ok and not report.examples
    assert check(report, "lake", "conversation events") == StoreCheck("lake", "conversation events", 25, 25)
    assert check(report, "clickhouse", "conversation events").expected == 24
    assert check(report, "lake", "debate events").found == 1
    assert check(report, "clickhouse", "request events").found == 2
    assert check(report, "graph", "messages per conversation").found == 24
    assert check(report, "graph", "mentions per entity").found == 3 * 2 * (3 + 3 + 4)
    assert check(report, "graph", "pair frequencies").found == 3 * 2 * (3 + 1 + 3)
    assert check(report, "graph", "completed conversations").found == 1


def test_empty_stores_agree(pipeline: Pipeline) -> None:
    report = pipeline.verify()
    assert report.ok
    assert {c.found for c in report.stores} == {0}


def test_rows_missing_from_lake_and_clickhouse(pipeline: Pipeline) -> None:
    pipeline.publish(corpus())
    pipeline.carry(skip_lake={"c1/3", "c1/4", "d0/start"}, skip_house={"c2/0", "r1"})
    report = pipeline.verify()
    assert wrong(report) == {
        ("lake", "conversation events"): (2, 0, 0),
        ("lake", "debate events"): (1, 0, 0),
        ("clickhouse", "conversation events"): (1, 0, 0),
        ("clickhouse", "request events"): (1, 0, 0),
    }
    examples = [("conversation", "c1"), ("conversation", "c2"), ("debate", "d0"), ("request", "r1")]
    assert [(e.kind, e.id) for e in report.examples] == examples
    assert report.examples[0].problems[0].startswith("lake, conversation events: 2 missing")


def test_rows_twice_or_too_many(loaded: Pipeline) -> None:
    table = EVENT_TABLES[0]
    rows = loaded.rows(table)
    for write, twice in ((loaded.to_lake, ["c0/1", "c0/1"]), (loaded.to_house, ["c0/2"])):
        for event_id in twice:
            write(table, _event(rows, event_id))
        write(table, _renamed(_event(rows, "c2/5"), "never published"))
    report = loaded.verify()
    assert wrong(report) == {
        ("lake", "conversation events"): (0, 2, 1),
        ("clickhouse", "conversation events"): (0, 1, 1),
    }
    assert [e.id for e in report.examples] == ["c0", "c2"]
    assert len(report.examples[0].problems) == 2


def test_clickhouse_keeps_messages_only(loaded: Pipeline) -> None:
    with warehouse.client(loaded.house) as client:
        rows = loaded.rows(EVENT_TABLES[0])
        end = _event(rows, "c0/end").to_pylist()[0]
        made = pa.Table.from_pylist([{**end, "message_id": "", "sequence": 0, "role": "", "content": ""}], rows.schema)
        warehouse.insert(client, "conversation_messages", made.drop_columns(["messages"]), "end")
    assert wrong(loaded.verify()) == {("clickhouse", "conversation events"): (0, 0, 1)}


def test_rows_past_their_time_to_live_may_be_gone(loaded: Pipeline) -> None:
    """As if months had passed: the shortest time to live, and broker times from two days ago."""
    past = pa.scalar(NOW - timedelta(days=2), pa.timestamp("us", tz="UTC"))
    for topic in TOPICS:
        loaded.forget(topic.name)
    for table in EVENT_TABLES:
        rows = loaded.rows(table)
        index = rows.schema.get_field_index("ingested_at")
        target = lake.open_table(loaded.lake, table.name)
        target.delete()
        aged = rows.set_column(index, rows.schema.field(index), pa.repeat(past, rows.num_rows))
        loaded.to_lake(table, aged)
        with warehouse.client(loaded.house) as client:
            client.command(f"TRUNCATE TABLE {HOUSE[table.name]}")
    assert wrong(loaded.verify()) != {}
    short = loaded.settings.clickhouse.model_copy(update={"ttl_days": 1})
    loaded.settings = loaded.settings.model_copy(update={"clickhouse": short})
    assert wrong(loaded.verify()) == {}


def test_events_missing_from_the_graph(pipeline: Pipeline) -> None:
    pipeline.publish(corpus())
    pipeline.carry(skip_graph={"c0/0", "c0/end"})
    report = pipeline.verify()
    assert wrong(report) == {
        ("graph", "messages per conversation"): (1, 0, 0),
        ("graph", "completed conversations"): (1, 0, 0),
        ("graph", "messages per participant"): (1, 0, 0),
        ("graph", "mentions per entity"): (3, 0, 0),
        ("graph", "mentions per conversation"): (3, 0, 0),
        ("graph", "pair frequencies"): (3, 0, 0),
    }
    assert report.examples[0].id == "c0"


TAMPERED = {
    "messages per conversation": (
        "MATCH (c:Conversation {id: 'c1'}) SET c.messages = c.messages - 3"
        " CREATE (:Conversation {id: 'c8', messages: 7})",
        (3, 0, 7),
    ),
    "completed conversations": (
        "MATCH (c:Conversation {id: 'c2'}) SET c.completed_at = datetime()",
        (0, 0, 1),
    ),
    "messages per participant": (
        "MATCH (u:User {id: 'user-1'})-[p:PARTICIPATED_IN]->(c) SET p.messages = p.messages - 1"
        " CREATE (u)-[:PARTICIPATED_IN {messages: 1}]->(c)",
        (0, 3, 0),
    ),
    "mentions per entity": ("MATCH (e:Entity {name: 'Docker'}) SET e.mentions = e.mentions - 2", (2, 0, 0)),
    "mentions per conversation": (
        "MATCH (:Entity {name: 'Docker'})-[m:MENTIONED_IN]->(:Conversation {id: 'c1'}) SET m.count = 1",
        (3, 0, 0),
    ),
    "pair frequencies": (
        "MATCH (:Entity {name: 'Docker'})-[p:CO_OCCURS_WITH]-() SET p.frequency = p.frequency + 1",
        (0, 0, 1),
    ),
}
"""Counter of the graph -> a statement that makes it wrong, and what verify should count."""


def test_counters_of_the_graph(loaded: Pipeline) -> None:
    for statement, _ in TAMPERED.values():
        loaded.cypher(statement)
    report = loaded.verify()
    assert wrong(report) == {("graph", subject): counts for subject, (_, counts) in TAMPERED.items()}
    assert {e.kind for e in report.examples} == {"conversation", "entity", "pair"}


def test_a_pair_in_the_wrong_direction(loaded: Pipeline) -> None:
    loaded.cypher(
        "MATCH (a)-[p:CO_OCCURS_WITH]->(b) WHERE 'Docker' IN [a.name, b.name]"
        " CREATE (b)-[:CO_OCCURS_WITH {frequency: p.frequency}]->(a) DELETE p"
    )
    assert wrong(loaded.verify()) == {("graph", "pair frequencies"): (6, 0, 6)}


def test_what_kafka_dropped_is_not_missing(loaded: Pipeline) -> None:
    for topic in TOPICS:
        loaded.forget(topic.name)
    loaded.publish([message("c0", 8), message("c9", 0)])
    loaded.carry()
    report = loaded.verify()
    assert wrong(report) == {}
    assert check(report, "lake", "conversation events").expected == 27
    assert check(report, "graph", "messages per conversation").expected == 26


def test_what_kafka_dropped_is_compared_with_the_lake(loaded: Pipeline) -> None:
    loaded.forget(CONVERSATIONS.name)
    with warehouse.client(loaded.house) as client:
        client.command("DELETE FROM conversation_messages WHERE event_id = 'c1/1'")
    loaded.cypher("MATCH (c:Conversation {id: 'c2'}) SET c.messages = 1")
    assert wrong(loaded.verify()) == {
        ("clickhouse", "conversation events"): (1, 0, 0),
        ("graph", "messages per conversation"): (7, 0, 0),
    }


def test_an_event_published_twice_is_shown_and_agrees(pipeline: Pipeline) -> None:
    pipeline.publish([*corpus(), message("c0", 0)])
    pipeline.carry()
    report = pipeline.verify()
    assert check(report, "kafka", "conversation events").duplicate == 1
    assert report.ok


def test_what_does_not_decode_must_be_in_quarantine(loaded: Pipeline) -> None:
    loaded.publish_raw(b"{broken")
    loaded.publish_raw(b"\xff", DEBATES.name)
    before = loaded.verify()
    assert wrong(before) == {
        ("quarantine", "conversation records"): (1, 0, 0),
        ("quarantine", "debate records"): (1, 0, 0),
    }
    assert before.examples[0].kind == CONVERSATIONS.name
    loaded.carry()
    after = loaded.verify()
    assert wrong(after) == {}
    assert check(after, "quarantine", "conversation records").found == 1
    for topic in TOPICS:
        loaded.forget(topic.name)
    assert wrong(loaded.verify()) == {}


def test_quarantined_records_twice_elsewhere_or_in_the_lake(loaded: Pipeline) -> None:
    loaded.publish_raw(b"{broken")
    loaded.carry()
    place = loaded.rows(LAKE_QUARANTINE)
    loaded.to_lake(LAKE_QUARANTINE, place)
    offset = place.schema.get_field_index("kafka_offset")
    elsewhere = place.set_column(offset, place.schema.field(offset), pc.add(place["kafka_offset"], 1000))
    loaded.to_lake(LAKE_QUARANTINE, elsewhere)
    rows = _renamed(_event(loaded.rows(EVENT_TABLES[0]), "c0/0"), "broken")
    for name in ("kafka_partition", "kafka_offset"):
        rows = rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), place[name].slice(0, 1))
    loaded.to_lake(EVENT_TABLES[0], rows)
    assert wrong(loaded.verify()) == {
        ("quarantine", "conversation records"): (0, 1, 1),
        ("lake", "conversation events"): (0, 0, 1),
    }


def test_a_readable_record_in_quarantine_waits_until_it_is_sent_again(loaded: Pipeline) -> None:
    """An earlier version could not read it; this one can."""
    late = message("c5", 0)
    ends = {p: end for p, (_, end) in bus.record_ranges(loaded.settings, CONVERSATIONS.name).items()}
    loaded.publish([late])
    ranges = {p: (ends[p], end) for p, (_, end) in bus.record_ranges(loaded.settings, CONVERSATIONS.name).items()}
    records = [m for batch in bus.read_records(loaded.settings, CONVERSATIONS.name, ranges) for m in batch]
    loaded.quarantine(CONVERSATIONS.name, [(record, "not known to the last version") for record in records])
    loaded.ends[CONVERSATIONS.name] = {p: end for p, (_, end) in ranges.items()}
    waiting = loaded.verify()
    assert (waiting.ok, waiting.waiting) == (True, 1)
    loaded.publish([late])
    loaded.carry()
    sent = loaded.verify()
    assert (sent.ok, sent.waiting, wrong(sent)) == (True, 0, {})


def test_the_command_ends_with_what_was_found(loaded: Pipeline) -> None:
    agree = loaded.invoke("--json")
    document = json.loads(agree.stdout)
    assert (agree.exit_code, document["ok"], document["examples"]) == (0, True, [])
    assert {check["store"] for check in document["stores"]} == {"kafka", "lake", "clickhouse", "quarantine", "graph"}
    loaded.cypher("MATCH (c:Conversation {id: 'c1'}) SET c.messages = 5")
    differ = loaded.invoke()
    assert differ.exit_code == 1
    assert "graph, messages per conversation: 3 missing" in differ.stdout
    assert "the stores disagree" in differ.stdout


@pytest.mark.parametrize(
    ("section", "change", "name"),
    [
        ("kafka", {"bootstrap_servers": "127.0.0.1:9"}, "Kafka"),
        ("clickhouse", {"host": "127.0.0.1", "port": 9}, "ClickHouse"),
        ("neo4j", {"uri": "bolt://127.0.0.1:9"}, "Neo4j"),
        ("lake", {"root": "/nowhere/at/all"}, "lake"),
    ],
)
def test_a_store_that_does_not_answer_is_named(
    pipeline: Pipeline, section: str, change: dict[str, object], name: str
) -> None:
    pipeline.publish([message("c0", 0)])
    broken = getattr(pipeline.settings, section).model_copy(update=change)
    pipeline.settings = pipeline.settings.model_copy(update={section: broken})
    with pytest.raises(StoreError, match=name):
        pipeline.verify()
