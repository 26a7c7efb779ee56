"""The streams against real servers: each event once in each store, after restarts and replays, and bad input."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from helix_pipeline.contracts.events import (
    ConversationCompleted,
    DebateStarted,
    Event,
    MessageAdded,
    ProviderCalled,
)
from helix_pipeline.contracts.knowledge_events import EntityStated, RelationshipStated
from helix_pipeline.contracts.topics import CONVERSATIONS, DEADLETTER, topic_of
from helix_pipeline.errors import UsageError
from helix_pipeline.services.progress import read_progress
from helix_pipeline.services.streaming import run
from helix_pipeline.settings import Settings
from helix_pipeline.spark.queries import QUERIES, select
from helix_pipeline.stores import bus, graph, hot_copy, lake, warehouse
from helix_pipeline.stores.lake_reach import reach_in
from helix_pipeline.stores.log_reader import partition_of

pytestmark = [pytest.mark.spark, pytest.mark.servers]

AT = datetime(2026, 6, 1, 10, tzinfo=UTC)
TEXTS = [
    "We run Docker with Kubernetes",
    "Docker needs Redis here",
    "nothing of note",
    "Kubernetes and Docker and Docker",
]


@dataclass
class Bench:
    """Publishes events of one test and reads what reached the stores of them."""

    settings: Settings
    spark: object
    prefix: str = field(default_factory=lambda: uuid4().hex[:8])

    def publish(self, *events: Event | bytes) -> None:
        producer = bus.EventProducer(self.settings)
        for event in events:
            if isinstance(event, bytes):
                producer.publish(CONVERSATIONS.name, self.prefix, event)
            else:
                producer.publish(topic_of(event).name, event.key, event.model_dump_json(exclude_none=True).encode())
        producer.flush(30)

    def messages(self, count: int, start: int = 0, texts: list[str] = TEXTS) -> list[MessageAdded]:
        return [self.message(n, texts[n % len(texts)]) for n in range(start, start + count)]

    def message(self, number: int, text: str, days: int = 0) -> MessageAdded:
        return MessageAdded(
            event_id=f"{self.prefix}-{number}",
            timestamp=AT + timedelta(minutes=number, days=days),
            conversation_id=f"{self.prefix}-c{number % 3}",
            message_id=f"{self.prefix}-m{number}",
            sequence=number // 3,
            role="user",
            user_id=f"{self.prefix}-u",
            content=text,
        )

    def stream(self, *names: str) -> None:
        run(self.spark, self.settings, names, until_caught_up=True)

    def in_lake(self, table: str = "conversations", column: str = "event_id") -> list[str]:
        opened = lake.open_table(lake.open_lake(self.settings), table)
        values = opened.to_pyarrow_table(columns=[column])[column].to_pylist()
        return sorted(v for v in values if v.startswith(self.prefix))

    def in_warehouse(self, table: str = "conversation_messages") -> list[str]:
        with warehouse.client(warehouse.open_warehouse(self.settings)) as client:
            query = f"SELECT event_id FROM {table} WHERE startsWith(event_id, {{p:String}}) ORDER BY event_id"
            return [row[0] for row in client.query(query, parameters={"p": self.prefix}).result_rows]

    def in_graph(self) -> dict[str, int]:
        """Messages and mentions of the test's conversations."""
        place = graph.open_graph(self.settings)
        with graph.driver(place) as driver:
            messages = "MATCH (c:Conversation) WHERE c.id STARTS WITH $p RETURN c.id AS k, c.messages AS n"
            mentions = (
                "MATCH (e:Entity)-[m:MENTIONED_IN]->(c) WHERE c.id STARTS WITH $p "
                "RETURN e.name + ' ' + c.id AS k, m.count AS n"
            )
            return {
                r["k"]: r["n"] for q in (messages, mentions) for r in driver.execute_query(q, p=self.prefix).records
            }

    def ask(self, query: str, **values: object) -> list[list[object]]:
        """Ask the graph."""
        place = graph.open_graph(self.settings)
        with graph.driver(place) as driver:
            return [record.values() for record in driver.execute_query(query, values).records]

    def pair(self, a: str, b: str) -> int:
        place = graph.open_graph(self.settings)
        query = "MATCH ({name: $a})-[p:CO_OCCURS_WITH]-({name: $b}) RETURN sum(p.frequency) AS n"
        with graph.driver(place) as driver:
            return driver.execute_query(query, a=a, b=b).records[0]["n"]

    def forget_last_commits(self) -> None:
        """Make Spark believe that the last batch of each query never ended."""
        for query in QUERIES:
            commits = Path(self.settings.checkpoint_root) / query.name / "commits"
            last = max((int(p.name) for p in commits.glob("*") if p.name.isdigit()), default=None)
            if last is not None:
                (commits / str(last)).unlink()
                (commits / f".{last}.crc").unlink(missing_ok=True)


@pytest.fixture
def bench(settings, spark) -> Bench:
    return Bench(settings, spark)


def test_each_event_reaches_each_store_once(bench):
    bench.stream()  # what other tests have left in Kafka
    sent = bench.messages(12)
    before = bench.pair("Docker", "Kubernetes")
    end = ConversationCompleted(
        event_id=f"{bench.prefix}-end", timestamp=AT, conversation_id=f"{bench.prefix}-c0", messages=4
    )
    bench.publish(*sent, end)
    bench.stream()
    ids = sorted(e.event_id for e in sent)
    assert bench.in_warehouse() == ids
    assert bench.in_lake() == sorted([*ids, end.event_id])
    found = bench.in_graph()
    assert {k: n for k, n in found.items() if k.startswith(bench.prefix)} == {
        f"{bench.prefix}-c{i}": 4 for i in range(3)
    }
    docker = sum(n for k, n in found.items() if k.startswith("Docker "))
    assert docker == sum(e.content.count("Docker") for e in sent)
    assert bench.pair("Docker", "Kubernetes") - before == sum(
        "Docker" in e.content and "Kubernetes" in e.content for e in sent
    )


def test_a_second_run_goes_on_where_the_first_ended(bench):
    bench.publish(*bench.messages(6))
    bench.stream()
    bench.publish(*bench.messages(6, start=6))
    bench.stream()
    assert len(bench.in_lake()) == len(set(bench.in_lake())) == 12
    assert len(bench.in_warehouse()) == 12
    assert sum(n for k, n in bench.in_graph().items() if k.startswith(bench.prefix)) == 12


def test_the_stores_say_up_to_where_they_hold_the_log(bench):
    """What the context service builds on: from the first record to the last, over several batches and runs."""
    for start in (0, 6):
        bench.publish(*bench.messages(6, start=start), b"no event")
        bench.stream("lake.conversations", "warehouse.conversation_messages")
    topic_id = bus.topic_ids(bench.settings)[CONVERSATIONS.name]
    keys = {message.key.encode() for message in bench.messages(6)}
    mine = {partition_of(key, CONVERSATIONS.partitions) for key in keys}
    ranges = bus.record_ranges(bench.settings, CONVERSATIONS.name)
    with warehouse.client(warehouse.open_warehouse(bench.settings)) as client:
        held = hot_copy.held(client, topic_id)
    table = lake.open_table(lake.open_lake(bench.settings), "conversations")
    for partition in mine:
        assert ranges[partition] in held[partition]
        assert reach_in(table, topic_id, partition) == ranges[partition]


def test_a_replayed_batch_changes_nothing(bench):
    bench.publish(*bench.messages(9))
    bench.stream()
    lake_before, house_before, graph_before = bench.in_lake(), bench.in_warehouse(), bench.in_graph()
    pair_before = bench.pair("Docker", "Kubernetes")
    bench.forget_last_commits()
    bench.stream()
    assert bench.in_lake() == lake_before
    assert bench.in_warehouse() == house_before
    assert bench.in_graph() == graph_before
    assert bench.pair("Docker", "Kubernetes") == pair_before
    replayed = {s["query"]: s.get("replayed", 0) for s in read_progress(bench.settings)}
    assert replayed["lake.conversations"] >= 1


def test_debates_and_provider_calls_have_their_tables(bench):
    debate = DebateStarted(
        event_id=f"{bench.prefix}-d",
        timestamp=AT,
        debate_id=f"{bench.prefix}-debate",
        topic="t",
        participants=["a", "b"],
    )
    call = ProviderCalled(
        event_id=f"{bench.prefix}-p",
        timestamp=AT,
        request_id=f"{bench.prefix}-r",
        provider="claude",
        model="m",
        latency_ms=12.5,
        tokens_prompt=1,
        tokens_completion=2,
        success=True,
        cost=0.5,
    )
    bench.publish(debate, call)
    bench.stream("lake", "warehouse")
    assert bench.in_lake("debates") == bench.in_warehouse("debate_events") == [debate.event_id]
    assert bench.in_lake("provider_calls") == bench.in_warehouse("provider_metrics") == [call.event_id]
    with warehouse.client(warehouse.open_warehouse(bench.settings)) as client:
        row = client.query(
            "SELECT participants FROM debate_events WHERE event_id = {e:String}",
            parameters={"e": debate.event_id},
        ).result_rows[0]
    assert row == (["a", "b"],)


def stated(bench: Bench, number: int, name: str, **changes: object) -> EntityStated:
    about = {"entity_id": f"tech:{bench.prefix}-{number}", "name": name, "type": "TECH", "subtype": "tool"}
    return EntityStated(event_id=f"{bench.prefix}-e{number}", timestamp=AT, **{**about, **changes})


def related(bench: Bench, number: int, ends: tuple[int, int], minutes: int, **changes: object) -> RelationshipStated:
    subject, object = (f"tech:{bench.prefix}-{end}" for end in ends)
    about = {"entity_id": subject, "relation": "written_in", "object_id": object, "confidence": 0.75}
    at = AT + timedelta(minutes=minutes)
    return RelationshipStated(event_id=f"{bench.prefix}-r{number}", timestamp=at, **{**about, **changes})


def test_what_is_stated_reaches_lake_and_graph_once(bench):
    """The later of two values closes the earlier, whichever comes first; a second run changes nothing."""
    events = [
        stated(bench, 0, f"{bench.prefix} Tool", aliases=[f"{bench.prefix}t"]),
        *(stated(bench, n, f"{bench.prefix} {n}", subtype="language") for n in (1, 2)),
        related(bench, 2, (0, 2), 20, conversation_id="c", message_id="m"),
        related(bench, 1, (0, 1), 10),
    ]
    bench.publish(*events)
    bench.stream("lake.knowledge", "graph.knowledge")
    bench.forget_last_commits()
    bench.stream("lake.knowledge", "graph.knowledge")
    assert bench.in_lake("knowledge") == sorted(event.event_id for event in events)
    query = "MATCH (e:Entity {id: $id}) RETURN e.name, e.type, e.subtype, e.aliases, e.mentions, e.messages"
    about = [f"{bench.prefix} Tool", "TECH", "tool", [f"{bench.prefix}t", f"{bench.prefix} Tool"], 0, 0]
    assert bench.ask(query, id=f"tech:{bench.prefix}-0") == [about]
    held = bench.ask(
        "MATCH (:Entity {id: $id})-[r:RELATED_TO]->(o) RETURN o.name, r.type, r.valid_from.minute, r.valid_to.minute,"
        " r.closed_by, r.statements, r.confidence, r.evidence ORDER BY r.valid_from",
        id=f"tech:{bench.prefix}-0",
    )
    at = int(AT.timestamp()) * 1000
    first = f'[{at + 600_000},"{bench.prefix}-r1","",""]'
    second = f'[{at + 1_200_000},"{bench.prefix}-r2","c","m"]'
    assert held == [
        [f"{bench.prefix} 1", "written_in", 10, 20, second, 1, 0.75, [first]],
        [f"{bench.prefix} 2", "written_in", 20, None, None, 1, 0.75, [second]],
    ]


def test_what_messages_state_is_related_to_their_users(bench):
    bench.publish(bench.message(0, "I use Docker"), bench.message(1, "I no longer use Docker"))
    bench.stream("graph.conversations")
    query = (
        "MATCH (:User {id: $id})-[r:RELATED_TO]->(o) RETURN o.id, r.type, r.valid_from.minute, r.valid_to.minute,"
        " r.learnt_at <= r.closed_at"
    )
    assert bench.ask(query, id=f"{bench.prefix}-u") == [["tech:docker", "uses", 0, 1, True]]


def test_ids_and_names_are_values_whatever_they_hold(bench):
    names = [
        'O\'Reilly "q" \\ `b`',
        "'}) DETACH DELETE n //",
        "tab\tand\r\nlines",
        "\u202e\u05e9\u05dc\u05d5\u05dd",
        "\U0001f468\u200d\U0001f469 \u0301",
    ]
    ids = [f"{bench.prefix}{name}" for name in names]
    messages = [
        bench.message(n, "Docker " + "x" * 10_000).model_copy(update={"conversation_id": id, "user_id": id})
        for n, id in enumerate(ids)
    ]
    entities = [stated(bench, n, id, entity_id=f"tech:{id}", aliases=[f"{id}!"]) for n, id in enumerate(ids)]
    bench.publish(*messages, *entities)
    bench.stream("graph")
    held = bench.ask(
        "MATCH (u:User)-->(c:Conversation)<-[m:MENTIONED_IN]-(:Entity) WHERE c.id IN $ids RETURN u.id, c.id, m.count",
        ids=ids,
    )
    assert sorted(held) == sorted([id, id, 1] for id in ids)
    named = bench.ask("MATCH (e:Entity) WHERE e.name IN $ids RETURN e.id, e.name, e.aliases", ids=ids)
    assert sorted(named) == sorted([f"tech:{id}", id, [id, f"{id}!"]] for id in ids)


def test_a_batch_over_several_days_lands_in_its_partitions(bench):
    bench.publish(*(bench.message(n, "text", days=n) for n in range(4)))
    bench.stream("lake.conversations")
    table = lake.open_table(lake.open_lake(bench.settings), "conversations")
    rows = table.to_pyarrow_table(columns=["event_id", "year", "month", "day"]).to_pylist()
    mine = {r["event_id"]: (r["year"], r["month"], r["day"]) for r in rows if r["event_id"].startswith(bench.prefix)}
    assert mine == {f"{bench.prefix}-{n}": (2026, 6, 1 + n) for n in range(4)}
    assert any("year=2026/month=06/day=03/" in path for path in table.file_uris())


def test_bad_records_are_put_aside_with_their_bytes_and_counted(bench):
    good = bench.messages(3)
    bad = {
        b"\xff\xfe broken": "malformed",
        b"": "truncated",
        json.dumps({"event_type": "message.added"}).encode(): "missing required field",
        good[0].model_dump_json().replace('"schema_version":1', '"schema_version":9').encode(): "schema_version",
        good[0].model_dump_json().replace('"user"', "7").encode(): "$.role",
        good[0].model_dump_json().replace("2026-06", "0999-06").encode(): "not within 2000",
    }
    bench.publish(good[0], *bad, *good[1:])
    bench.stream("lake", "warehouse", "graph")
    assert bench.in_lake() == bench.in_warehouse() == sorted(e.event_id for e in good)
    table = lake.open_table(lake.open_lake(bench.settings), "quarantine").to_pyarrow_table()
    mine = {r["value"] or b"": r["reason"] for r in table.to_pylist() if r["key"] == bench.prefix.encode()}
    assert set(mine) == set(bad)
    for value, reason in bad.items():
        assert reason in mine[value]
    assert sum(s.get("rejected", 0) for s in read_progress(bench.settings) if s["query"] == "lake.conversations") >= 6
    assert dead_letters(bench.settings) >= 6


def test_a_message_of_two_megabytes_goes_through(bench):
    bench.publish(bench.message(0, "Docker " * (2 << 17)))
    bench.stream("lake", "warehouse", "graph")
    assert len(bench.in_lake()) == len(bench.in_warehouse()) == 1
    assert max(bench.in_graph().values()) == 2 << 17


def test_unknown_queries_are_named():
    with pytest.raises(UsageError, match="unknown query 'lakes'"):
        select(["lakes"])
    assert [q.name for q in select(["graph"])] == ["graph.conversations", "graph.knowledge"]


def dead_letters(settings: Settings) -> int:
    ranges = bus.record_ranges(settings, DEADLETTER.name)
    return sum(end - start for start, end in ranges.values())
