"""Both readers of the graph give the same answers: Neo4j, and its snapshot in memory. And what a refresh sets."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from graph_contents import START, Contents, claims, hubs, mention, opened, said

from helix_pipeline.contracts.job_tables.relationships import RELATIONSHIPS
from helix_pipeline.domain.knowledge.answers import KnowledgeReader, Related
from helix_pipeline.services.knowledge.upkeep import Upkeep
from helix_pipeline.settings import Settings
from helix_pipeline.stores.graph_memory import load_newest
from helix_pipeline.stores.graph_reader import Neo4jReader
from helix_pipeline.stores.graph_session import asker
from helix_pipeline.stores.lake import Lake

pytestmark = pytest.mark.servers

AT = START + timedelta(days=2)
IDS = [f"e{number}" for number in range(16)]


@pytest.fixture(scope="module")
def place(settings: Settings) -> Iterator[Contents]:
    with opened(settings) as found:
        yield found


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return Lake(str(tmp_path_factory.mktemp("lake")))


@pytest.fixture(scope="module")
def readers(place: Contents, settings: Settings, lake: Lake) -> tuple[KnowledgeReader, KnowledgeReader]:
    """A graph with counters, statements, aliases, communities and associations, and its snapshot."""
    place.empty()
    place.apply(0, hubs(7, 80, 24), claims(range(120)), named())
    derive(lake)
    upkeep = Upkeep(settings, lake)
    upkeep.refresh()
    upkeep.snapshot()
    place.ask("CALL db.awaitIndexes(60)")
    return Neo4jReader(asker(place.driver, place.place.database, 30)), load_newest(lake)


def named() -> pa.Table:
    surfaces = [
        "Docker",
        "Docker Compose",
        "docker-swarm",
        "Node.js",
        "O'Reilly",
        "東京タワー",
        "C++",
        "Ærø 💥",
        "Dock",
    ]
    rows = [mention(row % 3, f"t{row}", surface) for row, surface in enumerate(surfaces)]
    return said([("c1", "u1", 5), ("c2", "u1", 9), ("c3", "u2", 13)], sorted(rows, key=lambda row: row["row"]))


def derive(lake: Lake, strengths: tuple[float, float] = (0.9, 0.5)) -> None:
    """What the jobs would have written: e1 is e0, two communities, and two associations."""
    seen = {"first_seen": START, "last_seen": AT, "evidence": [{"conversation_id": 'c"1', "message_id": "m1"}]}
    pairs = [("e2", "e5", strengths[0]), ("e3", "t1", strengths[1])]
    rows = [{"a_id": a, "b_id": b, "strength": strength, "period": "all", **seen} for a, b, strength in pairs]
    write(lake, "relationships", rows, RELATIONSHIPS.stored)
    alias = {"entity_id": "e1", "into_id": "e0", "reason": "spelling", "confidence": 0.9, "period": "all"}
    write(lake, "entity_aliases", [alias, {**alias, "entity_id": "gone", "into_id": "e0"}])
    inside = [{"entity_id": id, "community": int(id[1:]) % 2, "size": 12, "period": "all"} for id in IDS]
    write(lake, "communities", inside)


def write(lake: Lake, table: str, rows: list[dict[str, Any]], schema: pa.Schema | None = None) -> None:
    write_deltalake(lake.uri(table), pa.Table.from_pylist(rows, schema), mode="overwrite")


def alike(one: Any, other: Any) -> bool:
    """Equal, numbers up to rounding."""
    if isinstance(one, float) and isinstance(other, float):
        return one == pytest.approx(other, abs=1e-9)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(alike(one[name], other[name]) for name in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(alike(*both) for both in zip(one, other, strict=True))
    return bool(one == other)


def difference(one: Any, other: Any) -> str:
    """The first parts that differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        return next(
            f"{name}: {difference(one[name], other[name])}" for name in one if not alike(one[name], other[name])
        )
    if isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        return next(difference(*both) for both in zip(one, other, strict=True) if not alike(*both))
    return f"{one} is not {other}"


def stated(answers: list[tuple[Related, ...]]) -> list[tuple[Related, ...]]:
    """Without the conversations that name both: each reader gives a few, and may choose."""
    return [
        tuple(replace(one, evidence=tuple(place for place in one.evidence if place.message_id)) for one in answer)
        for answer in answers
    ]


def same(found: list[Any]) -> Any:
    """The answer of both, if they agree."""
    first, second = ([asdict(one) for one in answer] if isinstance(answer, tuple) else answer for answer in found)
    first, second = (one if isinstance(one, list | None) else asdict(one) for one in (first, second))
    assert alike(first, second), difference(first, second)
    return first


@pytest.mark.parametrize("text", ["e0", "E0S", "e1", " docker ", "DOCKER COMPOSE", "東京タワー", "nobody", "", "'})"])
def test_names(readers: tuple[KnowledgeReader, KnowledgeReader], text: str) -> None:
    same([reader.find(text) for reader in readers])


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("at", [AT, START, AT + timedelta(days=400), datetime(1970, 1, 1, tzinfo=UTC)])
def test_related(readers: tuple[KnowledgeReader, KnowledgeReader], depth: int, at: datetime) -> None:
    found = [
        same(stated([reader.related(id, depth, 10, (), at) for reader in readers])) for id in [*IDS, "t0", "nobody"]
    ]
    assert any(one["relations"] for related in found for one in related)
    same([reader.related("e2", depth, 10, ("PERSON",), at) for reader in readers])


def test_conversations_that_name_both(readers: tuple[KnowledgeReader, KnowledgeReader]) -> None:
    """Those given are of both entities, and as many from either reader."""
    for answers in zip(*(reader.related("e2", 1, 10, (), AT) for reader in readers), strict=True):
        given = [[one.conversation_id for one in answer.evidence if not one.message_id] for answer in answers]
        assert len(given[0]) == len(given[1])
        ends = [readers[0].entity(id) for id in ("e2", answers[0].id)]
        of_both = [{one.conversation_id for one in end.conversations} for end in ends if end]
        assert set(given[0]) | set(given[1]) <= of_both[0] & of_both[1]


def test_details(readers: tuple[KnowledgeReader, KnowledgeReader]) -> None:
    found = [same([reader.entity(id) for reader in readers]) for id in [*IDS, "t1"]]
    assert same([reader.entity("nobody") for reader in readers]) is None
    assert any(one["timeline"] for one in found) and any(one["conversations"] for one in found)
    assert ("e1", "spelling") in {(alias["id"], alias["reason"]) for alias in found[0]["aliases"]}
    assert alike(found[1], found[0])


def test_paths(readers: tuple[KnowledgeReader, KnowledgeReader]) -> None:
    lengths = set()
    for target in [*IDS, "t0", "t5", "nobody"]:
        for longest in (1, 4):
            answers = [reader.path("e9", target, longest, AT) for reader in readers]
            assert [one is None for one in answers] in ([True, True], [False, False]), target
            if answers[0] and answers[1]:
                strengths = [[one.strength for one in answer.relations] for answer in answers if answer]
                assert strengths[0] == pytest.approx(strengths[1])
                lengths.add(len(strengths[0]))
    assert {0, 1, 2} <= lengths


def test_communities(readers: tuple[KnowledgeReader, KnowledgeReader]) -> None:
    found = same([reader.communities(5) for reader in readers])
    assert {one["id"] for one in found} == {0, 1}


def test_pictures(readers: tuple[KnowledgeReader, KnowledgeReader]) -> None:
    for ids, depth, limit in (((), 1, 5), (("e0", "e3"), 1, 12), (("e5",), 2, 40), (("t0", "nobody"), 1, 5)):
        same([reader.subgraph(ids, depth, limit, AT) for reader in readers])


QUERIES = ["docker", "dokcer", "dock", "docker com", "compose docker", "node", "node.js", "o'reilly", "東京", "ærø"]


@pytest.mark.parametrize("query", [*QUERIES, "e", "E1", "💥", "c++", "", " ", "(", "docker AND NOT x", "a" * 300])
def test_search(readers: tuple[KnowledgeReader, KnowledgeReader], query: str) -> None:
    found = same([reader.search(query, (), 8) for reader in readers])
    assert found or query not in QUERIES
    same([reader.search(query, ("TECH", "PERSON"), 3) for reader in readers])


def test_a_second_refresh_changes_nothing_and_what_the_lake_has_no_more_is_removed(
    readers: tuple[KnowledgeReader, KnowledgeReader], place: Contents, settings: Settings, lake: Lake
) -> None:
    before = place.everything()
    again = Upkeep(settings, lake).refresh()
    assert {name: n for name, n in again.counts.items() if n} == {}
    assert place.everything() == before
    [[npmi, strength]] = place.ask(
        "MATCH (:Entity {id: 't0'})-[r:CO_OCCURS_WITH]-(:Entity {id: 't3'}) RETURN r.npmi, r.strength"
    )
    assert npmi > 0 and strength > 0
    derive(lake, strengths=(0.4, 0.0))
    write(
        lake,
        "entity_aliases",
        [{"entity_id": "e4", "into_id": "e0", "reason": "x", "confidence": 0.5, "period": "all"}],
    )
    changed = Upkeep(settings, lake).refresh().counts
    assert (changed["relationships_set"], changed["relationships_removed"]) == (1, 1)
    assert (changed["entity_aliases_set"], changed["entity_aliases_removed"]) == (1, 1)
    assert place.ask("MATCH (e:Entity) WHERE e.same_as IS NOT NULL RETURN e.id, e.same_as") == [["e4", "e0"]]
