"""What the streams count, beside what the stores themselves say."""

import time
from datetime import UTC, datetime
from uuid import uuid4

import pytest
import structlog
from prometheus_client import REGISTRY

from helix_pipeline.contracts.events import MessageAdded
from helix_pipeline.contracts.topics import CONVERSATIONS, DEADLETTER
from helix_pipeline.errors import UsageError
from helix_pipeline.services.progress import read_progress
from helix_pipeline.services.streaming import run
from helix_pipeline.settings import Settings
from helix_pipeline.spark.queries import Query, start
from helix_pipeline.stores import bus, graph
from helix_pipeline.stores.warehouse_migrations import migrate

pytestmark = [pytest.mark.spark, pytest.mark.servers]

QUERIES = ("lake.conversations", "warehouse.conversation_messages", "graph.conversations")
MESSAGES = 5
NODES, RELATIONSHIPS = "MATCH (n) RETURN count(n) AS n", "MATCH ()-[r]->() RETURN count(r) AS n"


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"helixagent_{name}", labels) or 0.0


def counts(settings: Settings) -> dict[str, float]:
    """What should grow, by its metric; the graph's own numbers beside."""
    place = graph.open_graph(settings)
    with graph.driver(place) as driver:
        asked = {
            name: driver.execute_query(query).records[0]["n"]
            for name, query in (("nodes", NODES), ("relationships", RELATIONSHIPS))
        }
    return {
        "produced": metric("kafka_messages_produced_total", topic=CONVERSATIONS.name),
        "dead": metric("kafka_messages_produced_total", topic=DEADLETTER.name),
        "consumed": metric("kafka_messages_consumed_total", topic=CONVERSATIONS.name),
        "rows": metric("clickhouse_rows_inserted_total", table="conversation_messages"),
        "inserts": metric("clickhouse_queries_total", kind="insert", result="ok"),
        "timed": metric("clickhouse_query_duration_seconds_count", kind="insert"),
        "writes": metric("neo4j_queries_total", kind="write", result="ok"),
        "nodes created": metric("neo4j_nodes_created_total"),
        "relationships created": metric("neo4j_relationships_created_total"),
        **asked,
    }


def publish(settings: Settings) -> None:
    name = uuid4().hex[:8]
    with bus.EventProducer(settings) as producer:
        for number in range(MESSAGES):
            event = MessageAdded(
                event_id=f"{name}-{number}",
                timestamp=datetime.now(UTC),
                conversation_id=f"{name}-c",
                message_id=f"{name}-m{number}",
                sequence=number,
                role="user",
                user_id=f"{name}-u",
                content="We run Docker with Kubernetes",
            )
            producer.publish(CONVERSATIONS.name, event.key, event.model_dump_json(exclude_none=True).encode())
        producer.publish(CONVERSATIONS.name, name, b"no event")
        producer.flush(30)


def test_what_the_executors_did_is_counted_in_the_driver(settings, spark):
    migrate(settings)
    run(spark, settings, QUERIES, until_caught_up=True)
    before, begin = counts(settings), time.time()
    publish(settings)
    published = time.time()
    run(spark, settings, QUERIES, until_caught_up=True)
    after = counts(settings)
    grown = {name: after[name] - before[name] for name in after}
    assert (grown["produced"], grown["dead"]) == (MESSAGES + 1, 1)
    assert grown["consumed"] == len(QUERIES) * (MESSAGES + 1)
    assert grown["rows"] == MESSAGES
    assert grown["inserts"] == grown["timed"] >= 1
    assert grown["writes"] >= 1
    assert grown["nodes created"] == grown["nodes"] >= 2
    assert grown["relationships created"] == grown["relationships"] >= 2
    for query in QUERIES:
        newest = metric("stream_newest_record_timestamp_seconds", query=query)
        assert begin - 1 <= newest <= published + 1, query
        assert 0 <= metric("stream_freshness_seconds", query=query) <= time.time() - begin + 1, query


def test_the_queries_of_what_is_off_do_not_run(settings, spark, tmp_path):
    features = settings.features.model_copy(update={"knowledge_graph": False, "analytics": False})
    streams = settings.streams.model_copy(update={"checkpoint_root": str(tmp_path / "checkpoints")})
    lake = settings.lake.model_copy(update={"root": str(tmp_path / "lake")})
    changed = settings.model_copy(update={"features": features, "streams": streams, "lake": lake, "home": tmp_path})
    run(spark, changed, ("warehouse", "graph"), until_caught_up=True)
    assert [state["query"] for state in read_progress(changed)] == ["warehouse.conversation_messages"]
    with pytest.raises(UsageError, match="BIGDATA_ENABLE_KNOWLEDGE_GRAPH"):
        run(spark, changed, ("graph",), until_caught_up=True)


def test_lines_that_a_sink_logs_name_its_query_and_batch(settings, spark, tmp_path):
    streams = settings.streams.model_copy(update={"checkpoint_root": str(tmp_path)})
    seen = []

    def write(records, batch_id):
        seen.append((batch_id, structlog.contextvars.get_contextvars()))

    query = Query("probe", CONVERSATIONS, lambda settings, report: write)
    publish(settings)
    changed = settings.model_copy(update={"streams": streams})
    started = start(spark, changed, query, lambda report: None, until_caught_up=True)
    assert started.awaitTermination(120)
    assert seen[0] == (0, {"query": "probe", "query_id": str(started.id), "batch_id": 0})
