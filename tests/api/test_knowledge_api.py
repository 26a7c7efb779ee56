"""/v1/knowledge over a real graph: what is related, found, known and between; statements; bad and hostile requests."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from graph_contents import Contents, mention, opened, said

from helix_pipeline.api.app import create_app
from helix_pipeline.api.knowledge_models import (
    ENTITY_EXAMPLES,
    RELATIONSHIP_EXAMPLES,
    SEARCH_EXAMPLES,
    Communities,
    Entity,
    EntityBody,
    EntitySearchBody,
    FoundEntities,
    Picture,
    RelatedEntities,
    RelationshipBody,
    ShortestPath,
)
from helix_pipeline.contracts.topics import KNOWLEDGE
from helix_pipeline.contracts.wire import decoder
from helix_pipeline.services.knowledge.upkeep import Upkeep
from helix_pipeline.settings import Settings
from helix_pipeline.stores.bus import read_records, record_ranges
from helix_pipeline.stores.lake import Lake

pytestmark = pytest.mark.servers

PREFIX = "/v1/knowledge"
TEXTS = [
    "Docker Kubernetes",
    "Docker Kubernetes",
    "Docker Kubernetes",
    "Kubernetes Helm",
    "Helm",
    "Go",
    "Go",
    "Go",
    "Go",
]
AT = {"at": "2026-06-01T00:00:10Z"}
HOSTILE = [
    'O\'Reilly "quoted" \\',
    "x'}) DETACH DELETE n //",
    "`); MATCH (n) DETACH DELETE n; //",
    "$ids {id: 1} \\u0027",
    'docker" OR name:* ~2 ^9 [a TO z] /.*/',
    '+-&|!(){}[]^"~*?:\\/',
    "tab\tand\nlines\r\n",
    "\u202eright to left \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea e\u0301",
    "\u0000",
    "a" * 200,
]


@pytest.fixture(scope="module")
def contents(settings: Settings) -> Iterator[Contents]:
    """A graph of four tools."""
    named = [mention(row, f"tech:{word.lower()}", word) for row, text in enumerate(TEXTS) for word in text.split()]
    with opened(settings) as found:
        found.apply(0, said([(f"c{row}", "u1", row) for row in range(len(TEXTS))], named))
        found.ask("CREATE (:Community {id: 7, size: 3, members: ['tech:docker', 'tech:helm']})")
        yield found


@pytest.fixture
def graph(contents: Contents, api_settings: Settings) -> TestClient:
    """The application on that graph; a busy machine has time to answer."""
    neo4j = api_settings.neo4j.model_copy(update={"read_timeout_s": 60.0})
    return client_of(api_settings.model_copy(update={"neo4j": neo4j}))


def client_of(settings: Settings) -> TestClient:
    return TestClient(create_app(settings), base_url="http://127.0.0.1", raise_server_exceptions=False)


def test_related_entities_come_strongest_first_with_their_evidence(graph: TestClient) -> None:
    answer = graph.get(f"{PREFIX}/related", params={"entity": "kubernetes", **AT})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    RelatedEntities.model_validate(found)
    assert found["entity"] == {"id": "tech:kubernetes", "name": "Kubernetes", "type": "TECH", "subtype": ""}
    assert [(one["name"], one["type"], one["distance"]) for one in found["related"]] == [
        ("Docker", "TECH", 1),
        ("Helm", "TECH", 1),
    ]
    assert found["related"][0]["strength"] > found["related"][1]["strength"] > 0
    assert found["related"][1]["evidence"] == [{"conversation_id": "c3", "message_id": None}]
    assert (found["source"], found["degraded"], found["as_of"], found["notes"]) == ("neo4j", False, None, [])


def test_the_same_by_id_with_bounds(graph: TestClient) -> None:
    by_id = graph.get(f"{PREFIX}/related/tech:docker", params={"depth": 2, **AT}).json()
    assert [(one["name"], one["distance"]) for one in by_id["related"]] == [("Kubernetes", 1), ("Helm", 2)]
    assert [one["name"] for one in by_id["related"][1]["via"]] == ["Kubernetes"]
    one = graph.get(f"{PREFIX}/related/tech:docker", params={"depth": 2, "limit": 1, **AT}).json()
    assert len(one["related"]) == 1
    none = graph.get(f"{PREFIX}/related/tech:docker", params={"types": "person, event", **AT}).json()
    assert none["related"] == []


def test_entities_are_found_begun_and_misspelt(graph: TestClient) -> None:
    for query in ("kuber", "Kubernetse", "KUBERNETES"):
        found = graph.post(f"{PREFIX}/search", json={"query": query, "types": ["tech"], "limit": 3})
        assert FoundEntities.model_validate(found.json()).found[0].id == "tech:kubernetes", found.text


def test_the_way_between_two_entities(graph: TestClient) -> None:
    found = graph.get(f"{PREFIX}/path", params={"from": "Docker", "to": "tech:helm", **AT}).json()
    ShortestPath.model_validate(found)
    assert [one["name"] for one in found["entities"]] == ["Docker", "Kubernetes", "Helm"]
    assert [one["frequency"] for one in found["relations"]] == [3, 1]
    missing = graph.get(f"{PREFIX}/path", params={"from": "docker", "to": "helm", "longest": 1})
    assert (missing.status_code, missing.json()["type"]) == (404, "urn:helix:problem:no-path")
    itself = graph.get(f"{PREFIX}/path", params={"from": "docker", "to": "docker"}).json()
    assert (len(itself["entities"]), itself["relations"]) == (1, [])


def test_what_is_known_of_an_entity(graph: TestClient) -> None:
    found = graph.get(f"{PREFIX}/entities/tech:docker").json()
    Entity.model_validate(found)
    assert (found["name"], found["mentions"], found["messages"]) == ("Docker", 3, 3)
    assert [one["conversation_id"] for one in found["conversations"]] == ["c2", "c1", "c0"]


def test_pictures_and_communities(graph: TestClient) -> None:
    found = graph.get(f"{PREFIX}/subgraph", params={"entity": ["tech:docker", "go"], "limit": 3, **AT}).json()
    Picture.model_validate(found)
    assert [one["id"] for one in found["nodes"]] == ["tech:docker", "tech:go", "tech:kubernetes"]
    assert [(one["source_id"], one["target_id"]) for one in found["relations"]] == [("tech:docker", "tech:kubernetes")]
    most = graph.get(f"{PREFIX}/subgraph", params={"limit": 2}).json()
    assert ([one["id"] for one in most["nodes"]], most["truncated"]) == (["tech:go", "tech:kubernetes"], True)
    clusters = Communities.model_validate(graph.get(f"{PREFIX}/communities").json()).communities
    assert [(one.id, one.size, [e.name for e in one.entities]) for one in clusters] == [(7, 3, ["Docker", "Helm"])]


@pytest.mark.parametrize("place", ["related/{}", "related?entity={}", "entities/{}", "path?from={}&to=docker"])
def test_an_unknown_entity_is_answered_with_near_names(graph: TestClient, place: str) -> None:
    answer = graph.get(f"{PREFIX}/{place.format('dokcer')}")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:helix:problem:unknown-entity")
    assert "Docker (tech:docker)" in answer.json()["detail"]
    assert "search" in answer.json()["hint"]


@pytest.mark.parametrize(
    "place",
    [
        "related",
        "related?entity=",
        "related?entity=docker&depth=0",
        "related?entity=docker&depth=4",
        "related?entity=docker&limit=201",
        "related?entity=docker&types=NOTHING",
        "related?entity=docker&at=yesterday",
        "related?entity=docker&unknown=1",
        f"related?entity={'a' * 10_000}",
        f"related/{'a' * 10_000}",
        f"entities/{'a' * 10_000}",
        "path?from=docker",
        "path?from=docker&to=helm&longest=7",
        "communities?limit=0",
        "subgraph?" + "&".join(["entity=a"] * 21),
    ],
)
def test_what_is_out_of_bounds_is_refused(graph: TestClient, place: str) -> None:
    answer = graph.get(f"{PREFIX}/{place}")
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:helix:problem:bad-request"), answer.text


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_are_values(graph: TestClient, contents: Contents, text: str) -> None:
    """They find nothing, break nothing, and change nothing."""
    before = contents.everything()
    for place in (f"{PREFIX}/related", f"{PREFIX}/path", f"{PREFIX}/subgraph"):
        answer = graph.get(place, params={"entity": text} if "path" not in place else {"from": text, "to": "docker"})
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:helix:problem:unknown-entity"), answer.text
    found = graph.post(f"{PREFIX}/search", json={"query": text})
    assert (found.status_code, found.json().get("found")) in ((200, []), (422, None)), found.text
    assert contents.everything() == before


def test_a_hostile_name_can_be_an_entity(graph: TestClient, contents: Contents) -> None:
    for number, text in enumerate(HOSTILE[:9]):
        contents.apply(100 + number, said([("c", "u", 20)], [mention(0, f"x/{text}", text)]))
        found = graph.get(f"{PREFIX}/related", params={"entity": f"x/{text}"})
        assert (found.status_code, found.json().get("entity", {}).get("id")) == (200, f"x/{text}"), found.text
        contents.ask("MATCH (e:Entity {id: $id}) DETACH DELETE e", id=f"x/{text}")
    contents.ask("MATCH (g:Graph {id: 'graph'}) SET g.messages = $n", n=len(TEXTS))


@pytest.mark.parametrize(
    "body", ['{"query": "\\ud800"}', '{"query": ""}', '{"query": " "}', "{", '{"query": "a", "x": 1}']
)
def test_bad_searches_are_refused(graph: TestClient, body: str) -> None:
    answer = graph.post(f"{PREFIX}/search", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422, answer.text
    assert graph.post(f"{PREFIX}/search", json={"query": "a" * 10_000}).status_code == 422


def published(settings: Settings, event_id: str) -> list[dict[str, Any]]:
    """The events of this id in Kafka, each of which the stream can read."""
    records = read_records(settings, KNOWLEDGE.name, record_ranges(settings, KNOWLEDGE.name))
    values = [message.value() for batch in records for message in batch]
    assert [decoder(KNOWLEDGE).reason(value) for value in values] == [None] * len(values)
    return [event for event in map(json.loads, values) if event["event_id"] == event_id]


def test_a_stated_entity_is_in_kafka_once(graph: TestClient, api_settings: Settings) -> None:
    event_id = uuid4().hex
    body = {"name": "k8s", "type": "tech", "aliases": ["kube"], "event_id": event_id, "source": "a person"}
    first, again = (graph.post(f"{PREFIX}/entities", json=body) for _ in range(2))
    assert first.status_code == again.status_code == 201, first.text
    assert first.json() == {
        "entity_id": "tech:kubernetes",
        "name": "Kubernetes",
        "type": "TECH",
        "event_id": event_id,
        "accepted": True,
        "stored": "kafka",
    }
    assert again.json() == first.json() | {"accepted": False}
    [event] = published(api_settings, event_id)
    assert (event["entity_id"], event["aliases"], event["source"]) == ("tech:kubernetes", ["kube"], "a person")


def test_a_stated_relationship_is_between_resolved_entities(graph: TestClient, api_settings: Settings) -> None:
    event_id = uuid4().hex
    body = {
        "subject": {"name": "Helmsman Tool", "type": "TECH"},
        "relation": "depends_on",
        "object": {"name": "kubernetes"},
        "confidence": 0.9,
        "timestamp": "2026-05-01T00:00:00+02:00",
        "conversation_id": "c1",
        "message_id": "m1",
        "event_id": event_id,
    }
    answer = graph.post(f"{PREFIX}/relationships", json=body)
    assert answer.status_code == 201, answer.text
    [event] = published(api_settings, event_id)
    assert (event["entity_id"], event["relation"], event["object_id"]) == (
        answer.json()["subject_id"],
        "depends_on",
        "tech:kubernetes",
    )
    assert (event["timestamp"], event["confidence"], event["message_id"]) == ("2026-04-30T22:00:00Z", 0.9, "m1")


NAMED = {"name": "docker"}


@pytest.mark.parametrize(
    ("place", "body", "status"),
    [
        ("entities", {"name": "x", "type": "DATE"}, 422),
        ("entities", {"name": "x", "type": "NOTHING"}, 422),
        ("entities", {"name": "x", "type": "TECH", "subtype": "function"}, 422),
        ("entities", {"name": "x" * 10_000, "type": "TECH"}, 422),
        ("entities", {"name": "x", "type": "TECH", "aliases": ["null \u0000"]}, 422),
        ("entities", {"name": "x", "type": "TECH", "timestamp": "1970-01-01T00:00:00Z"}, 422),
        ("relationships", {"subject": NAMED, "relation": "co_occurs_with", "object": NAMED}, 422),
        ("relationships", {"subject": NAMED, "relation": "Uses!", "object": NAMED}, 422),
        ("relationships", {"subject": NAMED, "relation": "uses", "object": NAMED, "confidence": 2}, 422),
        ("relationships", {"subject": NAMED, "relation": "uses", "object": {"name": "nobody"}}, 404),
    ],
)
def test_what_cannot_be_stated(graph: TestClient, place: str, body: dict[str, Any], status: int) -> None:
    answer = graph.post(f"{PREFIX}/{place}", json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_without_neo4j_the_last_snapshot_answers_and_the_api_stays_ready(
    contents: Contents, api_settings: Settings
) -> None:
    neo4j = api_settings.neo4j.model_copy(update={"port": 1, "uri": None})
    away = api_settings.model_copy(update={"neo4j": neo4j})
    Upkeep(api_settings, Lake(api_settings.lake_root)).snapshot()
    with client_of(away) as client:
        found = client.get(f"{PREFIX}/related", params={"entity": "Docker", **AT}).json()
        assert [one["name"] for one in found["related"]] == ["Kubernetes"]
        assert (found["source"], found["degraded"]) == ("snapshot", True)
        assert found["as_of"] is not None and "neo4j not used" in found["notes"][0]
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, "ready")
        assert ready.json()["checks"]["graph"].startswith("degraded: neo4j: no connection to ")


def test_without_neo4j_and_snapshot_the_graph_is_away(api_settings: Settings, tmp_path: Path) -> None:
    changed = {
        "neo4j": api_settings.neo4j.model_copy(update={"port": 1, "uri": None}),
        "lake": api_settings.lake.model_copy(update={"root": str(tmp_path)}),
    }
    answer = client_of(api_settings.model_copy(update=changed)).get(f"{PREFIX}/related?entity=docker")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:helix:problem:store-away")


def test_the_examples_are_what_the_api_takes() -> None:
    for model, examples in (
        (EntitySearchBody, SEARCH_EXAMPLES),
        (EntityBody, ENTITY_EXAMPLES),
        (RelationshipBody, RELATIONSHIP_EXAMPLES),
    ):
        for example in examples.values():
            model.model_validate(example["value"])
