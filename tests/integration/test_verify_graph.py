"""`verify` of the graph: each kind of counter that is wrong is counted exactly."""

from pathlib import Path

import pytest
from verify_stores import Pipeline, corpus, empty_stores, message, wrong

from helix_pipeline.contracts.tables import LAKE_CONVERSATIONS, LAKE_KNOWLEDGE
from helix_pipeline.contracts.topics import TOPICS
from helix_pipeline.services.knowledge.rebuild import rebuild
from helix_pipeline.settings import Settings
from helix_pipeline.stores import bus

pytestmark = pytest.mark.servers


@pytest.fixture
def pipeline(settings: Settings, tmp_path: Path) -> Pipeline:
    return empty_stores(settings, tmp_path)


@pytest.fixture
def loaded(pipeline: Pipeline) -> Pipeline:
    """The corpus, in all stores."""
    pipeline.publish(corpus())
    pipeline.carry()
    return pipeline


def test_events_missing_from_the_graph(pipeline: Pipeline) -> None:
    pipeline.publish(corpus())
    pipeline.carry(skip_graph={"c0/0", "c0/end"})
    report = pipeline.verify()
    assert wrong(report) == {
        ("graph", "messages per conversation"): (1, 0, 0),
        ("graph", "completed conversations"): (1, 0, 0),
        ("graph", "messages per participant"): (1, 0, 0),
        ("graph", "mentions per entity"): (3, 0, 0),
        ("graph", "messages per entity"): (3, 0, 0),
        ("graph", "messages that name entities"): (1, 0, 0),
        ("graph", "stated relationships"): (2, 0, 0),
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
    "messages per entity": ("MATCH (e:Entity {name: 'Redis'}) SET e.messages = e.messages + 4", (0, 0, 4)),
    "names of entities": ("MATCH (e:Entity {name: 'Kubernetes'}) SET e.aliases = ['k8s']", (1, 0, 1)),
    "messages that name entities": ("MATCH (g:Graph) SET g.messages = g.messages - 1", (1, 0, 0)),
    "stated relationships": (
        "MATCH (:Entity {id: 'tech:ledger'})-[r:RELATED_TO]->() WHERE r.valid_to IS NULL"
        " SET r.valid_from = r.valid_from + duration('PT1S'), r.statements = 7",
        (1, 0, 7),
    ),
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
    assert {e.kind for e in report.examples} == {"conversation", "entity", "pair", "graph"}


def test_a_pair_in_the_wrong_direction(loaded: Pipeline) -> None:
    loaded.cypher(
        "MATCH (a)-[p:CO_OCCURS_WITH]->(b) WHERE 'Docker' IN [a.name, b.name]"
        " CREATE (b)-[:CO_OCCURS_WITH {frequency: p.frequency}]->(a) DELETE p"
    )
    assert wrong(loaded.verify()) == {("graph", "pair frequencies"): (6, 0, 6)}


def test_a_graph_that_is_rebuilt_agrees(loaded: Pipeline, tmp_path: Path) -> None:
    """What Kafka dropped comes from the lake, the rest from Kafka, as the streams read it with new checkpoints."""
    for topic in TOPICS:
        loaded.forget(topic.name)
    loaded.publish([message("c9", number, "I use Docker") for number in range(3)])
    loaded.carry()
    checkpoint = tmp_path / "checkpoints" / "graph.knowledge"
    checkpoint.mkdir(parents=True)
    loaded.cypher("MATCH (n) DETACH DELETE n")
    loaded.cypher("CREATE (:Entity {id: 'of an older version', mentions: 3})")
    home = loaded.settings.model_copy(update={"home": tmp_path})
    done = rebuild(home, lambda rows: None)
    assert (done.events, done.checkpoints, checkpoint.exists()) == (25 + 3, (), False)
    for table in (LAKE_CONVERSATIONS, LAKE_KNOWLEDGE):
        topic = table.topic.name
        loaded.ends[topic] = {part: low for part, (low, _) in bus.record_ranges(home, topic).items()}
        for rows in loaded.new_rows(table):
            loaded.to_graph(table.topic, rows)
    assert wrong(loaded.verify()) == {}
