"""Entities found by what is said around them: vectors from a real lake in a real graph, and doing without."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from embedded_corpus import Corpus, changed
from fastapi.testclient import TestClient
from graph_contents import opened
from ports import free_ports
from web_server import answered, web_server

from helix_pipeline.api.app import create_app
from helix_pipeline.api.knowledge_models import FoundEntities
from helix_pipeline.errors import SettingsError, StoreError
from helix_pipeline.services.knowledge.questions import UnknownEntityError, related
from helix_pipeline.services.knowledge.stores import KnowledgeStores
from helix_pipeline.services.knowledge.upkeep import Upkeep
from helix_pipeline.settings import Settings
from helix_pipeline.stores.graph import ensure_schema
from helix_pipeline.stores.lake import open_lake

pytestmark = pytest.mark.servers

CONTAINERS, DATABASES, COFFEE = "container scheduling", "relational database", "breakfast beverages"
SAID = [
    ("Kubernetes", "We run our containers on a cluster; Kubernetes schedules the pods and restarts containers."),
    ("Nomad", "Nomad puts the containers onto the machines of a cluster and schedules them again."),
    ("MariaDB", "Rows and tables, SQL queries and transactions: MariaDB is our database for all of them."),
    ("PostgreSQL", "The database joins tables by SQL; PostgreSQL keeps rows and transactions."),
    ("Espresso", "In the morning I drink coffee, an Espresso with hot milk, sugar and bread."),
]


@pytest.fixture
def corpus(settings: Settings, tmp_path: Any) -> Iterator[Corpus]:
    """The five entities, in a graph and in a lake of their own."""
    own = changed(settings, lake={"root": str(tmp_path)}, graph={"embeddings": True}, neo4j={"read_timeout_s": 60.0})
    with opened(settings) as contents:
        contents.ask("DROP INDEX entity_embedding IF EXISTS")
        found = Corpus(contents, own)
        found.add(*SAID)
        yield found
        contents.ask("DROP INDEX entity_embedding IF EXISTS")


@contextmanager
def endpoint(settings: Settings, model: str = "topics", status: int = 200, seconds: float = 0) -> Iterator[Settings]:
    """Settings of an endpoint whose vectors say how much a text is of each of three topics."""

    def respond(request: BaseHTTPRequestHandler, body: bytes) -> None:
        time.sleep(seconds)
        rows = [{"index": n, "embedding": topics(text)} for n, text in enumerate(json.loads(body)["input"])]
        answered(request, json.dumps({"data": rows}).encode(), status)

    with web_server(respond) as url:
        yield changed(settings, context={"embeddings_base_url": url, "embeddings_model": model})


def topics(text: str) -> list[float]:
    return [0.1 + text.lower().count(word) for word in ("contain", "database", "coffee")]


def test_what_is_meant_is_found_by_vectors_and_not_by_names(corpus: Corpus) -> None:
    assert corpus.refresh().counts["embeddings"] == len(SAID)
    off = changed(corpus.settings, graph={"embeddings": False})
    for query, wanted in ((CONTAINERS, SAID[:2]), (DATABASES, SAID[2:4]), (COFFEE, SAID[4:])):
        assert corpus.names(query, off) == []
        found = corpus.search(query, limit=len(wanted))
        assert {one.name for one in found.value} == {name for name, _ in wanted}, query
        assert (found.source, found.notes) == ("neo4j", ())
    assert corpus.names(DATABASES, types=["PERSON"]) == []
    assert len(corpus.names(DATABASES)) == len(SAID)


def test_the_api_finds_what_is_meant_and_says_what_is_missing(corpus: Corpus) -> None:
    client = TestClient(create_app(corpus.settings), base_url="http://127.0.0.1")

    def asked() -> dict[str, Any]:
        answer = client.post("/v1/knowledge/search", json={"query": COFFEE, "types": ["TECH"], "limit": 1})
        assert answer.status_code == 200, answer.text
        FoundEntities.model_validate(answer.json())
        return dict(answer.json())

    before = asked()
    assert (before["found"], before["degraded"], len(before["notes"])) == ([], False, 1)
    corpus.refresh()
    after = asked()
    assert ([one["id"] for one in after["found"]], after["notes"]) == (["tech:espresso"], [])


def test_who_is_called_so_stays_first_and_what_is_meant_follows(corpus: Corpus) -> None:
    corpus.add(("Nomads", "A nomad, one nomad more, nomad: Nomads."), ("Yurt", "A nomad and a nomad, nomad: Yurt."))
    corpus.refresh()
    found = corpus.search("nomad").value
    assert [one.name for one in found[:2]] == ["Nomad", "Nomads"]
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert found[0].score == 1
    assert set(corpus.names("espress", limit=1)) == {"Espresso"}


def test_a_name_that_is_unknown_is_not_said_to_be_near_to_what_it_means(corpus: Corpus) -> None:
    corpus.refresh()
    with KnowledgeStores(corpus.settings) as stores:
        with pytest.raises(UnknownEntityError, match=r"^no entity 'breakfast' in the graph$"):
            related(stores, "breakfast")
        with pytest.raises(UnknownEntityError, match=r"near it are Espresso \(tech:espresso\)$"):
            related(stores, "Espreso")


def test_a_refresh_embeds_what_the_lake_names_anew_and_nothing_else(corpus: Corpus) -> None:
    corpus.refresh()
    before = corpus.contents.everything()
    assert corpus.refresh().counts["embeddings"] == 0
    assert corpus.contents.everything() == before
    again = ("Nomad", "Nomad keeps rows, tables and transactions of SQL: a database, a relational database.")
    corpus.count(again)
    assert corpus.refresh().counts["embeddings"] == 0
    corpus.keep(again)
    assert corpus.refresh().counts["embeddings"] == 1
    assert corpus.refresh().counts["embeddings"] == 0
    assert "Nomad" in corpus.names(DATABASES, limit=3)


def test_contexts_are_what_stands_around_the_name_in_characters_of_any_script(corpus: Corpus) -> None:
    far = " coffee, bread, milk, sugar, breakfast" * 40
    near = "Rows, tables, SQL queries: the relational database Tarantool."
    corpus.add(("Tarantool", f"{far}{'👩‍🚀' * 400}{near}{' ' * 240}{far}"), ("ꙮ", "🙂 ꙮ"))
    corpus.refresh()
    assert corpus.names(DATABASES, limit=1) == ["Tarantool"]
    assert corpus.names(COFFEE, limit=1) == ["Espresso"]
    assert "ꙮ" not in corpus.names(DATABASES)
    assert corpus.refresh().counts["embeddings"] == 0


def test_only_the_latest_messages_say_what_an_entity_is_about(corpus: Corpus) -> None:
    corpus.add(*[("Java", "A cup of hot coffee in the morning, with milk: Java for breakfast.")] * 30)
    corpus.refresh()
    assert "Java" in corpus.names(COFFEE, limit=2)
    corpus.add(*[("Java", "Java reads rows of tables by SQL queries of the relational database.")] * 16)
    corpus.refresh()
    assert "Java" in corpus.names(DATABASES, limit=1)
    assert corpus.names(COFFEE, limit=1) == ["Espresso"]


def test_aliases_answer_as_the_entity_that_they_are(corpus: Corpus) -> None:
    corpus.refresh()
    corpus.contents.ask("MATCH (a {id: 'tech:mariadb'}), (e {id: 'tech:postgresql'}) CREATE (a)-[:SAME_AS]->(e)")
    assert corpus.names(DATABASES)[0] == "PostgreSQL"
    assert "MariaDB" not in corpus.names(DATABASES)


def test_what_is_archived_or_deleted_is_not_found_until_it_is_back(corpus: Corpus) -> None:
    corpus.refresh()
    corpus.contents.ask("MATCH (e {id: 'tech:mariadb'}) DETACH DELETE e")
    corpus.contents.ask("MATCH (e {id: 'tech:postgresql'}) SET e.last_seen = e.last_seen - duration('P400D')")
    upkeep = Upkeep(corpus.settings, open_lake(corpus.settings))
    assert upkeep.archive(365).entities == 1
    assert corpus.refresh().counts["embeddings"] == 0
    assert {"MariaDB", "PostgreSQL"}.isdisjoint(corpus.names(DATABASES))
    assert upkeep.restore().entities == 1
    assert corpus.names("postgresql", limit=1) == ["PostgreSQL"] and "PostgreSQL" not in corpus.names(DATABASES)
    assert corpus.refresh().counts["embeddings"] == 1
    assert corpus.names(DATABASES, limit=1) == ["PostgreSQL"]


def test_before_the_first_refresh_names_are_found_and_a_note_says_so(corpus: Corpus) -> None:
    found = corpus.search("espresso")
    assert [one.name for one in found.value] == ["Espresso"]
    assert found.notes == ("found by name alone: the graph has no index of vectors: run `helix graph refresh`",)
    assert not found.degraded
    ensure_schema(corpus.settings)
    assert "no vectors of 'static embedding' yet: run" in corpus.search("espresso").notes[0]
    without = changed(corpus.settings, graph={"embeddings": False})
    assert corpus.search("espresso", without).notes == ()
    assert "embeddings" not in corpus.refresh(without).counts


def test_an_endpoint_gives_vectors_of_its_own_size(corpus: Corpus) -> None:
    corpus.refresh()
    vectors = corpus.contents.ask("MATCH (e:Entity) RETURN e.id, e.embedding, e.embedded_by ORDER BY e.id")
    with endpoint(corpus.settings) as other:
        with pytest.raises(SettingsError, match=r"^graph.embedding_size is 256, but .* 'topics' have 3 numbers: set"):
            corpus.refresh(other)
        assert (
            "the graph has vectors of 256 numbers, those of 'topics' have 3" in corpus.search("nomad", other).notes[0]
        )
        fitting = changed(other, graph={"embedding_size": 3})
        assert corpus.refresh(fitting).counts["embeddings"] == len(SAID)
        assert corpus.names("coffee database", fitting, limit=3) == ["Espresso", "MariaDB", "PostgreSQL"]
        assert corpus.refresh(fitting).counts["embeddings"] == 0
    with endpoint(fitting, model="others") as renamed:
        assert "the graph has no vectors of 'others' yet" in corpus.search("nomad", renamed).notes[0]
        assert corpus.refresh(renamed).counts["embeddings"] == len(SAID)
        assert corpus.search("nomad", renamed).notes == ()
    assert corpus.refresh().counts["embeddings"] == len(SAID)
    assert corpus.contents.ask("MATCH (e:Entity) RETURN e.id, e.embedding, e.embedded_by ORDER BY e.id") == vectors


def test_without_its_endpoint_a_query_finds_names_and_a_refresh_changes_nothing(corpus: Corpus) -> None:
    corpus.refresh()
    before = corpus.contents.everything()
    with endpoint(corpus.settings, status=500) as broken:
        with pytest.raises(StoreError, match="500"):
            corpus.refresh(broken)
        assert corpus.contents.everything() == before
        found = corpus.search("espreso", broken)
        assert [one.name for one in found.value] == ["Espresso"] and "500" in found.notes[0]
    with endpoint(corpus.settings, seconds=8) as slow:
        begin = time.monotonic()
        found = corpus.search("espreso", slow)
        assert [one.name for one in found.value] == ["Espresso"] and "does not answer" in found.notes[0]
        assert time.monotonic() - begin < 8


def test_a_snapshot_is_searched_by_name_and_says_so(corpus: Corpus) -> None:
    corpus.refresh()
    Upkeep(corpus.settings, open_lake(corpus.settings)).snapshot()
    away = changed(corpus.settings, neo4j={"uri": f"bolt://127.0.0.1:{free_ports(1)[0]}"})
    found = corpus.search("espresso", away)
    assert ([one.name for one in found.value], found.source) == (["Espresso"], "snapshot")
    assert found.notes[1] == "found by name alone: a snapshot of the graph has no vectors"
    assert corpus.names(COFFEE, away) == []
    without = changed(away, graph={"embeddings": False})
    assert len(corpus.search("espresso", without).notes) == 1
