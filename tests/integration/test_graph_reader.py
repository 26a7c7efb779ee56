"""Reading a real graph that the stream's writer filled: strengths by hand, hubs, aliases, time, search, paths."""

import socket
from collections.abc import Iterator
from datetime import timedelta
from math import log
from pathlib import Path
from threading import Thread

import pytest
from graph_contents import START, Contents, mention, opened, said

from helix_pipeline.domain.graph.claims import statement_deltas
from helix_pipeline.domain.knowledge.answers import Evidence
from helix_pipeline.domain.relationships.intervals import Statement
from helix_pipeline.errors import StoreError
from helix_pipeline.services.knowledge.questions import UnknownEntityError, related
from helix_pipeline.services.knowledge.stores import KnowledgeStores
from helix_pipeline.services.knowledge.upkeep import Upkeep
from helix_pipeline.settings import Settings
from helix_pipeline.stores.graph_hubs import HUB, OF_A_TYPE, STRONGEST, note_strongest
from helix_pipeline.stores.graph_reader import Neo4jReader
from helix_pipeline.stores.graph_session import GraphAwayError, asker
from helix_pipeline.stores.lake import Lake

pytestmark = pytest.mark.servers

AT = START + timedelta(seconds=9)
LIMIT_S = 60.0


@pytest.fixture(scope="module")
def place(settings: Settings) -> Iterator[Contents]:
    with opened(settings) as found:
        yield found


@pytest.fixture
def contents(place: Contents) -> Contents:
    place.empty()
    return place


@pytest.fixture
def reader(contents: Contents) -> Neo4jReader:
    return Neo4jReader(asker(contents.driver, contents.place.database, LIMIT_S))


def write(contents: Contents, *named: str, batch: int = 0) -> None:
    """Messages a second apart, each naming these entities (words, by their lower case)."""
    talk = [(f"c{row % 2}", "u1", row) for row in range(len(named))]
    words = [mention(row, word.lower(), word) for row, text in enumerate(named) for word in text.split()]
    contents.apply(batch, said(talk, words))


def state(contents: Contents, *statements: Statement, batch: int = 1) -> None:
    contents.apply(batch, statement_deltas(list(statements)))


def stated(
    subject: str, relation: str, object: str, after_s: int, *, ended: bool = False, sure: float = 0.5
) -> Statement:
    at = int((START + timedelta(seconds=after_s)).timestamp() * 1000)
    name = f"{subject}-{relation}-{object}-{after_s}"
    return Statement(subject, relation, object, "tool", ended, at, name, at, 0.5, "cue", "c0", f"m{after_s}")


def test_strengths_are_those_of_the_formula(contents: Contents, reader: Neo4jReader) -> None:
    """Ten messages name an entity: A four, B four, both two. Half a year later half of the strength is left."""
    write(contents, "A", "A", "A B", "A B", "B", "B", "C", "C", "C", "C")
    [found] = reader.related("a", 1, 10, (), START + timedelta(seconds=3))
    npmi = log((2 / 10) / (4 / 10 * 4 / 10)) / -log(2 / 10)
    assert found.name == "B"
    assert found.strength == pytest.approx(npmi * 2 / 3 * 4 / 5)
    [later] = reader.related("a", 1, 10, (), START + timedelta(days=180, seconds=3))
    assert later.strength == pytest.approx(found.strength / 2)
    [relation] = found.relations
    assert (relation.type, relation.frequency, relation.strength) == (
        "co_occurs_with",
        2,
        pytest.approx(found.strength),
    )
    assert {one.conversation_id for one in found.evidence} == {"c0", "c1"}


def test_what_is_stated_adds_to_the_strength_while_it_holds(contents: Contents, reader: Neo4jReader) -> None:
    write(contents, "A", "A", "A B", "A B", "B", "B", "C", "C", "C", "C")
    counted = reader.related("a", 1, 10, (), AT)[0].strength
    state(contents, stated("a", "uses", "b", 9), stated("a", "uses", "b", 20, ended=True))
    [found] = reader.related("a", 1, 10, (), AT)
    assert found.strength == pytest.approx(1 - (1 - counted) * (1 - 0.5))
    assert [one.type for one in found.relations] == ["uses", "co_occurs_with"]
    assert found.evidence[0].message_id == "m9"
    for outside_s in (8, 20):
        assert reader.related("a", 1, 10, (), START + timedelta(seconds=outside_s))[0].strength < 0.1
    details = reader.entity("b")
    assert details is not None
    [past] = details.timeline
    assert (past.source_id, past.target_id, past.valid_from, past.closed_by) == ("a", "b", AT, Evidence("c0", "m20"))


def test_a_way_is_as_strong_as_all_its_relations_together(contents: Contents, reader: Neo4jReader) -> None:
    write(contents, "A B", "A B", "B C", "B C", "C D", "X", "X", "X", "Y", "Y")
    found = {one.id: one for one in reader.related("a", 3, 10, (), AT)}
    assert [found[id].distance for id in "bcd"] == [1, 2, 3]
    strengths = [reader.related(one, 1, 10, (), AT) for one in "abc"]
    steps = [next(one.strength for one in found if one.id == to) for found, to in zip(strengths, "bcd", strict=True)]
    assert found["d"].strength == pytest.approx(steps[0] * steps[1] * steps[2])
    assert [one.name for one in found["d"].via] == ["B", "C"]
    assert [one.id for one in reader.related("a", 3, 1, (), AT)] == ["b"]
    assert reader.related("a", 3, 10, ("PERSON",), AT) == ()


def test_a_hub_has_the_same_strongest_relations_before_and_after_they_are_noted(
    contents: Contents, reader: Neo4jReader
) -> None:
    around = HUB + 100
    names = [f"x{number}" for number in range(around)]
    write(
        contents,
        *(f"hub {name}" for name in names),
        *(name for number, name in enumerate(names) for _ in range(number % 7)),
        *["other"] * 3000,
    )
    before = reader.related("hub", 1, 50, (), AT)
    assert note_strongest(contents.driver, contents.place, AT) == 1
    [[noted]] = contents.ask("MATCH (e:Entity) WHERE e.strongest IS NOT NULL RETURN size(e.strongest)")
    assert noted == max(STRONGEST, OF_A_TYPE) < around
    assert [(one.id, one.strength) for one in reader.related("hub", 1, 50, (), AT)] == [
        (one.id, one.strength) for one in before
    ]
    weakest = len(reader.related("hub", 1, around, (), AT))
    assert weakest <= noted
    before, weakest = _of_persons(contents, reader)
    assert note_strongest(contents.driver, contents.place, AT) == 1
    assert [one.id for one in reader.related("hub", 1, 50, ("PERSON",), AT)] == before
    assert not {one.id for one in reader.related("hub", 1, around, (), AT)} & set(weakest)
    contents.ask("MATCH (:Entity {id: 'hub'})-[r:CO_OCCURS_WITH]-(x) WHERE x.id > 'x3' DELETE r")
    assert note_strongest(contents.driver, contents.place, AT) == 0
    assert contents.ask("MATCH (e:Entity) WHERE e.strongest IS NOT NULL RETURN e") == []


def _of_persons(contents: Contents, reader: Neo4jReader) -> tuple[list[str], list[str]]:
    """Make persons of the weakest of a hub, and return those that are found among all, and their ids."""
    contents.ask("MATCH (e:Entity {id: 'hub'}) REMOVE e.strongest")
    weakest = [one.id for one in reader.related("hub", 1, HUB + 100, (), AT)][-20:]
    contents.ask("MATCH (e:Entity) WHERE e.id IN $ids SET e.type = 'PERSON'", ids=weakest)
    return [one.id for one in reader.related("hub", 1, 50, ("PERSON",), AT)], weakest


def test_aliases_of_one_entity_answer_as_one(contents: Contents, reader: Neo4jReader) -> None:
    write(contents, "Kubernetes Docker", "Kubernetes Docker", "Kubernets Docker", "Z", "Z", "Z", "Z")
    contents.ask(
        "MATCH (a:Entity {id: 'kubernets'}), (e:Entity {id: 'kubernetes'}) SET a.same_as = e.id"
        " CREATE (a)-[:SAME_AS {reason: 'spelling', confidence: 0.9}]->(e)"
    )
    assert reader.find("KUBERNETS") == reader.find("kubernetes")
    [found] = reader.related("docker", 1, 10, (), AT)
    assert (found.id, [one.frequency for one in found.relations]) == ("kubernetes", [3])
    assert [one.id for one in reader.related("kubernetes", 1, 10, (), AT)] == ["docker"]
    details = reader.entity("kubernets")
    assert details is not None
    assert (details.id, details.mentions) == ("kubernetes", 3)
    [alias] = (one for one in details.aliases if one.id)
    assert (alias.name, alias.reason, alias.confidence) == ("Kubernets", "spelling", 0.9)
    assert {one.id for one in reader.search("kubern", (), 10)} == {"kubernetes"}


NAMES = ["Docker"] * 3 + ["Docker-Compose"] * 9 + ["Kubernetes", "Zürich", "C++", "O'Reilly", "東京タワー"]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("docker", "Docker"),
        ("dokcer", "Docker"),
        ("kub", "Kubernetes"),
        ("Kubernetse", "Kubernetes"),
        ("compose", "Docker-Compose"),
        ("zurich", "Zürich"),
        ("c++", "C++"),
        ("o'reilly", "O'Reilly"),
        ("東京", "東京タワー"),
    ],
)
def test_search_finds_names_begun_and_misspelt(place: Contents, reader: Neo4jReader, query: str, first: str) -> None:
    write(place, *NAMES)
    place.ask("CALL db.index.fulltext.awaitEventuallyConsistentIndexRefresh()")
    found = reader.search(query, (), 5)
    assert found[0].name == first
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert reader.search(query, ("PERSON",), 5) == ()


@pytest.mark.parametrize(
    "query", ['"', "\\", "*", "docker OR kubernetes OR x", "name:docker", "{!x}", "]])~", "\x01", "💥"]
)
def test_no_part_of_a_query_is_syntax(contents: Contents, reader: Neo4jReader, query: str) -> None:
    write(contents, *NAMES)
    assert reader.search(query, (), 5) == ()
    assert reader.find(query) is None


def test_the_strongest_of_the_shortest_ways_is_found(contents: Contents, reader: Neo4jReader) -> None:
    write(contents, "A B", "A B", "B D", "B D", "A C", "C D", "C", "C", "D E", "X", "X", "X", "X")
    found = reader.path("a", "e", 3, AT)
    assert found is not None
    assert [one.id for one in found.entities] == ["a", "b", "d", "e"]
    assert [(one.source_id, one.target_id) for one in found.relations] == [("a", "b"), ("b", "d"), ("d", "e")]
    assert reader.path("a", "e", 2, AT) is None
    assert reader.path("a", "x", 6, AT) is None
    state(contents, stated("a", "uses", "x", 5), stated("a", "uses", "x", 8, ended=True))
    assert reader.path("a", "x", 6, AT) is None
    assert reader.path("a", "x", 6, START + timedelta(seconds=6)) is not None


def test_a_query_ends_after_its_time(contents: Contents) -> None:
    ask = asker(contents.driver, contents.place.database, 0.5)
    with pytest.raises(StoreError, match=r"longer than 0\.5 s") as raised:
        ask("UNWIND range(1, 100000) AS a UNWIND range(1, 100000) AS b RETURN sum(a * b)")
    assert not isinstance(raised.value, GraphAwayError)


def test_a_server_that_hangs_is_asked_once_and_the_snapshot_answers(
    contents: Contents, settings: Settings, tmp_path: Path
) -> None:
    write(contents, "A B", "A B", "C", "C")
    lake = settings.lake.model_copy(update={"root": str(tmp_path)})
    Upkeep(settings.model_copy(update={"lake": lake}), Lake(str(tmp_path))).snapshot()
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        callers: list[socket.socket] = []
        Thread(target=lambda: _accept(hanging, callers), daemon=True).start()
        changed = {"port": hanging.getsockname()[1], "read_timeout_s": 0.2, "uri": None}
        neo4j = settings.neo4j.model_copy(update=changed)
        with KnowledgeStores(settings.model_copy(update={"neo4j": neo4j, "lake": lake})) as stores:
            found = [related(stores, "A", at=AT) for _ in range(5)]
            with pytest.raises(UnknownEntityError, match="no entity 'nobody'"):
                related(stores, "nobody")
            with pytest.raises(GraphAwayError):
                stores.ping(1.0)
        assert len(callers) <= 2  # the question, and the sign of life
    assert all(one.degraded and one.source == "snapshot" and one.as_of for one in found)
    assert all("neo4j not used" in one.notes[0] for one in found)
    assert [one.id for one in found[0].value.related] == ["b"]


def _accept(server: socket.socket, callers: list[socket.socket]) -> None:
    """Take every connection, and say nothing."""
    while True:
        try:
            callers.append(server.accept()[0])
        except OSError:
            return


def test_without_a_snapshot_the_error_names_both(settings: Settings, tmp_path: Path) -> None:
    neo4j = settings.neo4j.model_copy(update={"port": 1, "uri": None})
    lake = settings.lake.model_copy(update={"root": str(tmp_path)})
    with (
        KnowledgeStores(settings.model_copy(update={"neo4j": neo4j, "lake": lake})) as stores,
        pytest.raises(StoreError, match=r"Neo4j at .*there is no snapshot"),
    ):
        related(stores, "a")
