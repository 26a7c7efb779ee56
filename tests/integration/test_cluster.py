"""The streams on a Spark cluster with executors of their own: the code comes as a wheel, each event arrives once."""

import subprocess
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cluster import ROOT, Cluster, build_wheel, cluster
from pydantic import SecretStr

from helix_pipeline.contracts.events import Event, MessageAdded
from helix_pipeline.contracts.tables import EVENT_TABLES
from helix_pipeline.contracts.topics import topic_of
from helix_pipeline.domain.entities import types
from helix_pipeline.domain.sample.corpus import generate
from helix_pipeline.local.jars import jar_paths
from helix_pipeline.settings import ENVIRONMENT, Settings
from helix_pipeline.stores import bus, graph, lake, warehouse, warehouse_migrations
from helix_pipeline.stores.extractors.extraction import load_extraction

pytestmark = [pytest.mark.spark, pytest.mark.servers]

MESSAGES = "MATCH (c:Conversation) WHERE c.id STARTS WITH $p RETURN c.id AS id, c.messages AS n"
MENTIONS = "MATCH (e:Entity)-[m:MENTIONED_IN]->(c) WHERE c.id STARTS WITH $p RETURN c.id AS id, sum(m.count) AS n"


@pytest.fixture
def own(settings: Settings, tmp_path: Path) -> Settings:
    """The running servers, with lake, checkpoints and a database of the test's own."""
    house = settings.clickhouse.model_copy(update={"database": f"cluster_{uuid4().hex}"})
    made = settings.model_copy(update={"home": tmp_path / "home", "clickhouse": house})
    warehouse_migrations.migrate(made)
    return made


@pytest.fixture
def spark_cluster(tmp_path: Path) -> Iterator[Cluster]:
    folder = tmp_path / "cluster"
    folder.mkdir()
    with cluster(folder) as running:
        yield running


def test_all_streams_run_on_two_workers_with_the_code_of_the_wheel(own, spark_cluster, tmp_path):
    assert not knows_the_project(spark_cluster.python)
    prefix = uuid4().hex[:12]
    sent = publish(own, prefix)
    done = spark_cluster.submit(
        ROOT / "jobs" / "stream_all.py",
        "--until-caught-up",
        f"--config={impatient(tmp_path)}",
        wheel=build_wheel(tmp_path / "wheel"),
        jars=",".join(str(path) for path in jar_paths("spark")),
        environment=environment_of(own),
    )
    assert done.code == 0, done.output
    assert len(done.tasks) == 2, done.tasks
    assert in_lake(own, prefix) == by_topic(sent)
    assert in_warehouse(own, prefix) == by_topic([e for e in sent if e.event_type != "conversation.completed"])
    said = [event for event in sent if isinstance(event, MessageAdded)]
    assert in_graph(own, prefix, MESSAGES) == Counter(message.conversation_id for message in said)
    assert in_graph(own, prefix, MENTIONS) == mentions(own, said)


def knows_the_project(python: Path) -> bool:
    """Whether this Python can import helix_pipeline; pyspark it has to."""
    code = "import pyspark, importlib.util as u; print(u.find_spec('helix_pipeline') is not None)"
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip() == "True"


def impatient(folder: Path) -> Path:
    """A settings file that lets a query fail twice at most, so that a broken one soon says so."""
    path = folder / "settings.yaml"
    path.write_text("bigdata: {streams: {restart_limit: 1}}")
    return path


def environment_of(settings: Settings) -> dict[str, str]:
    """The environment variables that tell a job of these settings."""
    found: dict[str, str] = {}
    for name, key in ENVIRONMENT.items():
        value: Any = settings
        for part in key.split("."):
            value = getattr(value, part)
        if value is not None:
            found[name] = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
    return found


def publish(settings: Settings, prefix: str) -> list[Event]:
    """Publish a small corpus whose ids begin with the prefix."""
    events = [renamed(event, prefix) for event in generate(conversations=10, debates=4, provider_calls=60)]
    with bus.EventProducer(settings) as producer:
        for event in events:
            producer.publish(topic_of(event).name, event.key, event.model_dump_json(exclude_none=True).encode())
        producer.flush(30)
    return events


def renamed(event: Event, prefix: str) -> Event:
    return event.model_copy(update={name: f"{prefix}-{v}" for name, v in event if name.endswith("_id") and v})


def by_topic(events: list[Event]) -> dict[str, list[str]]:
    """Event ids for each topic, sorted."""
    ordered = sorted(events, key=lambda event: (topic_of(event).name, event.event_id))
    return {name: [e.event_id for e in group] for name, group in groupby(ordered, lambda event: topic_of(event).name)}


def in_lake(settings: Settings, prefix: str) -> dict[str, list[str]]:
    place = lake.open_lake(settings)
    found = {}
    for table in EVENT_TABLES:
        read = lake.open_table(place, table.name).to_pyarrow_table(columns=["event_id"])["event_id"].to_pylist()
        found[table.topic.name] = sorted(event_id for event_id in read if event_id.startswith(prefix))
    return {name: ids for name, ids in found.items() if ids}


def in_warehouse(settings: Settings, prefix: str) -> dict[str, list[str]]:
    query = "SELECT event_id FROM {table:Identifier} WHERE startsWith(event_id, {p:String}) ORDER BY event_id"
    found = {}
    with warehouse.client(warehouse.open_warehouse(settings)) as client:
        for name, table in warehouse.SOURCES.items():
            rows = client.query(query, parameters={"p": prefix, "table": name}).result_rows
            found[table.topic.name] = [row[0] for row in rows]
    return found


def in_graph(settings: Settings, prefix: str, query: str) -> dict[str, int]:
    with graph.driver(graph.open_graph(settings)) as driver:
        return {row["id"]: row["n"] for row in driver.execute_query(query, p=prefix).records}


def mentions(settings: Settings, messages: list[MessageAdded]) -> dict[str, int]:
    """How often entities of the graph are mentioned in each conversation that mentions any."""
    found = load_extraction(settings.graph).mentions([message.content for message in messages]).to_pylist()
    nodes = [mention for mention in found if types.in_graph(mention["type"], mention["subtype"])]
    return dict(Counter(messages[mention["row"]].conversation_id for mention in nodes))
