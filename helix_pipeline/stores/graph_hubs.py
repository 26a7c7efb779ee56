"""The strongest relations of hubs: entities with so many that reading all of them would take too long.

Each hub keeps references to its strongest ones (`strongest`), over all types of entities and of each type. A refresh
notes them; how strong they are is computed at each reading, from the counters of that moment.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import LiteralString

import numpy as np
from neo4j import Driver, Session

from helix_pipeline.domain.knowledge.strength import decay
from helix_pipeline.stores.graph import Graph
from helix_pipeline.stores.graph_relations import counted_strength

HUB = 300
"""Entities with more others that they are named with than this are hubs."""

STRONGEST = 250
OF_A_TYPE = 100
"""Relations that a hub refers to: its strongest, and after these the strongest to entities of each type."""

HUBS: LiteralString = """
MATCH (e:Entity)
WHERE COUNT { (e)-[:CO_OCCURS_WITH]-() } > $hub
RETURN e.id AS id
"""

RELATIONS: LiteralString = """
MATCH (g:Graph {id: 'graph'})
MATCH (e:Entity {id: $id})-[r:CO_OCCURS_WITH]-(x:Entity)
RETURN elementId(r), coalesce(x.type, ''), r.frequency, coalesce(e.messages, 0), coalesce(x.messages, 0),
  r.last.epochMillis, g.messages
"""

NOTE: LiteralString = "MATCH (e:Entity {id: $id}) SET e.strongest = $strongest"

FORMER: LiteralString = """
MATCH (e:Entity)
WHERE e.strongest IS NOT NULL AND COUNT { (e)-[:CO_OCCURS_WITH]-() } <= $hub
RETURN e.id AS id
"""

FORGET: LiteralString = "MATCH (e:Entity {id: $id}) REMOVE e.strongest"


def note_strongest(connection: Driver, graph: Graph, at: datetime) -> int:
    """Note the strongest relations of each hub, as of an instant, and return how many hubs there are.

    Changes one entity in each transaction, so that it waits for the stream but never in a circle.
    """
    with connection.session(database=graph.database) as session:
        for record in session.execute_read(lambda tx: list(tx.run(FORMER, hub=HUB))):
            session.run(FORGET, id=record["id"]).consume()
        hubs = [record["id"] for record in session.execute_read(lambda tx: list(tx.run(HUBS, hub=HUB)))]
        for id in hubs:
            session.run(NOTE, id=id, strongest=_strongest(session, id, at)).consume()
    return len(hubs)


def _strongest(session: Session, id: str, at: datetime) -> list[str]:
    keys, types, both, own, other, last, total = zip(*session.run(RELATIONS, id=id), strict=True)
    strengths = counted_strength(both, own, other, total) * decay(last, at.timestamp() * 1000)
    order = np.argsort(-strengths, kind="stable").tolist()
    return [keys[place] for place in _chosen(order, types)]


def _chosen(order: list[int], types: tuple[str, ...]) -> Iterator[int]:
    """Yield the places to keep of an order: the first of all, then those of the others that are first of their type."""
    seen: dict[str, int] = {}
    for rank, place in enumerate(order):
        seen[types[place]] = seen.get(types[place], 0) + 1
        if rank < STRONGEST or seen[types[place]] <= OF_A_TYPE:
            yield place
