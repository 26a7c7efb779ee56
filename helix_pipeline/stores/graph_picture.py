"""What is drawn of the graph: entities as nodes, and which of them are connected."""

from collections.abc import Sequence
from typing import LiteralString

from neo4j import Record

from helix_pipeline.domain.knowledge.answers import Node
from helix_pipeline.domain.knowledge.around import Pair, pair
from helix_pipeline.stores.graph_relations import entity_name
from helix_pipeline.stores.graph_session import Ask

MOST_MENTIONED: LiteralString = """
MATCH (e:Entity)
WHERE e.mentions IS NOT NULL AND e.same_as IS NULL
WITH e ORDER BY e.mentions DESC, e.id LIMIT $limit
RETURN e.id AS id
"""

NODES: LiteralString = """
UNWIND $ids AS id
MATCH (e:Entity {id: id})
RETURN e {.id, .name, .type, .subtype, .mentions, .community} AS entity
"""

CONNECTED: LiteralString = """
MATCH (e:Entity) WHERE e.id IN $ids
CALL (e) { RETURN e AS m UNION MATCH (m:Entity)-[:SAME_AS]->(e) RETURN m }
WITH collect([m, e.id]) AS ends
UNWIND ends AS one
UNWIND ends AS other
WITH one[0] AS m, other[0] AS n, one[1] AS a, other[1] AS b
WHERE a < b
MATCH (m)-[r:CO_OCCURS_WITH|RELATED_TO]-(n)
RETURN DISTINCT a, b
"""


def most_mentioned(ask: Ask, limit: int) -> list[str]:
    """Return the ids of the most mentioned entities, without those that stand for another."""
    return [record["id"] for record in ask(MOST_MENTIONED, limit=limit)]


def nodes(ask: Ask, ids: Sequence[str]) -> list[Node]:
    """Return entities as they are drawn, in this order; unknown ids are left out."""
    return [_node(record) for record in ask(NODES, ids=list(ids))]


def connected(ask: Ask, ids: Sequence[str]) -> list[Pair]:
    """Return the pairs of these entities between which there is any relation, whenever it holds."""
    return [pair(record["a"], record["b"]) for record in ask(CONNECTED, ids=list(ids))]


def _node(record: Record) -> Node:
    found = record["entity"]
    name = entity_name(found)
    return Node(name.id, name.name, name.type, name.subtype, found["mentions"] or 0, found["community"])
