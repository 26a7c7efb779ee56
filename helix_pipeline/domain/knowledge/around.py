"""What is around entities, whichever store knows their relations: the related ones, and a part of the graph to draw."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain, pairwise
from typing import NamedTuple, Protocol

from helix_pipeline.domain.knowledge.answers import EntityName, Evidence, Node, Related, Relation, Subgraph
from helix_pipeline.domain.knowledge.spreading import Way, ways

RELATIONS_PER_NODE = 4
"""Pairs of entities that are drawn as related, for each node: the strongest."""

Pair = tuple[str, str]
"""Two ids, the smaller first."""


class Neighbour(NamedTuple):
    """`source` is related to `id`, an entity of this type, so strongly."""

    source: str
    id: str
    type: str
    strength: float


class Link(NamedTuple):
    """What two entities have to do with each other.

    Their names in the order of the pair, the relations that hold, strongest first, and a few conversations that name
    both.
    """

    ends: tuple[EntityName, EntityName]
    relations: Sequence[Relation]
    conversations: tuple[Evidence, ...]


class Relations(Protocol):
    """What a store knows of entities by their ids; those that are the same answer as one, under the canonical id."""

    def neighbours(self, ids: Sequence[str], at: datetime, types: Sequence[str] = ()) -> Iterable[Neighbour]:
        """Return the neighbours of entities, as of an instant, each pair once.

        Where an entity has very many, these are the strongest; and if types are wanted, the strongest of each type.
        """
        ...

    def between(self, pairs: Iterable[Pair], at: datetime) -> Mapping[Pair, Sequence[Relation]]:
        """Return the relations that hold between the two of each pair, strongest first; none for most pairs."""
        ...

    def links(self, pairs: Iterable[Pair], at: datetime) -> Mapping[Pair, Link]:
        """Return what the two of each pair have to do with each other; pairs of unknown ids are left out."""
        ...

    def nodes(self, ids: Sequence[str]) -> Sequence[Node]:
        """Return entities as they are drawn, in this order; unknown ids are left out."""
        ...

    def connected(self, ids: Sequence[str]) -> Iterable[Pair]:
        """Return the pairs of these entities between which there is any relation, whenever it holds."""
        ...

    def most_mentioned(self, limit: int) -> list[str]:
        """Return the ids of the most mentioned entities, without those that stand for another."""
        ...


def pair(a: str, b: str) -> Pair:
    """Return two ids as a pair."""
    return (a, b) if a <= b else (b, a)


def related(
    store: Relations, entity_id: str, at: datetime, *, depth: int, limit: int, types: Sequence[str] = ()
) -> tuple[Related, ...]:
    """Return the entities of these types (all where none) within `depth` relations, strongest first."""
    kinds: dict[str, str] = {}

    def neighbours(ids: Sequence[str]) -> Iterator[tuple[str, str, float]]:
        for one in store.neighbours(ids, at, types):
            kinds[one.id] = one.type
            yield one.source, one.id, one.strength

    reached = ways(neighbours, entity_id, depth)
    wanted = [id for id in reached if not types or kinds[id] in types][:limit]
    return _described(store, [reached[id] for id in wanted], at)


def picture(store: Relations, entity_ids: Sequence[str], depth: int, limit: int, at: datetime) -> Subgraph:
    """Return the entities with these ids, the strongest around them, and the relations of all of these.

    `limit` bounds the entities. Without ids they are the most mentioned ones.
    """
    starts = list(dict.fromkeys(entity_ids))
    ids = _around(store, starts, depth, at) if starts else store.most_mentioned(limit + 1)
    nodes = tuple(store.nodes(ids[:limit]))
    found = store.between(store.connected([node.id for node in nodes]), at)
    strongest = sorted(found, key=lambda ends: (-found[ends][0].strength, ends))
    drawn = strongest[: RELATIONS_PER_NODE * limit]
    relations = tuple(one for ends in drawn for one in found[ends])
    return Subgraph(nodes, relations, truncated=len(ids) > limit or len(drawn) < len(strongest))


def _described(store: Relations, reached: Sequence[Way], at: datetime) -> tuple[Related, ...]:
    """Return the ends of ways, with their names and the relations along the way.

    One of which a part has been archived meanwhile is left out.
    """
    steps = {way.passed[-1]: [pair(*step) for step in pairwise(way.passed)] for way in reached}
    links = store.links(set(chain.from_iterable(steps.values())), at)
    whole = [way for way in reached if all(step in links for step in steps[way.passed[-1]])]
    return tuple(_one(way, [links[step] for step in steps[way.passed[-1]]]) for way in whole)


def _one(way: Way, links: Sequence[Link]) -> Related:
    names = {name.id: name for link in links for name in link.ends}
    *via, end = (names[id] for id in way.passed[1:])
    along = tuple(one for link in links for one in link.relations)
    stated = tuple(place for one in along for place in one.evidence)
    return Related(
        id=end.id,
        name=end.name,
        type=end.type,
        subtype=end.subtype,
        strength=way.strength,
        distance=len(way.passed) - 1,
        relations=along,
        evidence=(*stated, *links[-1].conversations),
        via=tuple(via),
    )


def _around(store: Relations, starts: list[str], depth: int, at: datetime) -> list[str]:
    """Return entities and those around any of them, the entities first, then the strongest related."""
    strengths = dict.fromkeys(starts, 1.0)

    def neighbours(ids: Sequence[str]) -> list[tuple[str, str, float]]:
        return [(one.source, one.id, one.strength) for one in store.neighbours(ids, at)]

    for start in starts:
        for id, way in ways(neighbours, start, depth).items():
            strengths[id] = max(way.strength, strengths.get(id, 0.0))
    return sorted(strengths, key=lambda id: (id not in starts, -strengths[id], id))
