"""The shortest way between two entities in Neo4j."""

from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from math import prod
from typing import Any, LiteralString

from neo4j import Record

from helix_pipeline.domain.knowledge.answers import Path
from helix_pipeline.stores.graph_relations import PROPERTIES, SAME_AS, entity_name, relation, strengths
from helix_pipeline.stores.graph_session import Ask

LONGEST = 6
"""Relations of a path, at most."""

COMPARED = 64
"""Shortest paths of which the strongest is taken."""

SHORTEST: LiteralString = (
    """
OPTIONAL MATCH (g:Graph {id: 'graph'})
WITH coalesce(g.messages, 0) AS total
MATCH (a:Entity {id: $source})
MATCH (b:Entity {id: $target})
MATCH p = allShortestPaths((a)-[:CO_OCCURS_WITH|RELATED_TO|SAME_AS*..6]-(b))
WHERE all(n IN nodes(p) WHERE n:Entity)
  AND all(r IN relationships(p)
    WHERE NOT r:RELATED_TO OR (r.valid_from <= $at AND (r.valid_to IS NULL OR r.valid_to > $at)))
WITH p, total LIMIT $compared
RETURN total, [n IN nodes(p) | n {.id, .name, .type, .subtype, .messages}] AS entities,
  [r IN relationships(p) | {source: startNode(r).id, same: r:SAME_AS, properties: """
    + PROPERTIES
    + "}] AS relations"
)


def shortest(ask: Ask, source_id: str, target_id: str, longest: int, at: datetime) -> Path | None:
    """Return the strongest of the shortest paths over at most `longest` relations, which hold at an instant.

    That two entities are the same counts as a relation, of type `same_as`. The ends must be two entities.
    """
    records = ask(SHORTEST, source=source_id, target=target_id, at=at, compared=COMPARED)
    reached = [path for path in (_path(record, at) for record in records) if len(path.relations) <= longest]
    return max(reached, key=_strength, default=None)


def _path(record: Record, at: datetime) -> Path:
    entities, steps = record["entities"], record["relations"]
    properties = [_named(step) for step in steps]
    counts = [(a["messages"] or 0, b["messages"] or 0, record["total"]) for a, b in pairwise(entities)]
    relations = []
    for (a, b), step, found, strength in zip(
        pairwise(entities), steps, properties, strengths(properties, counts, at), strict=True
    ):
        source, target = (a["id"], b["id"]) if step["source"] == a["id"] else (b["id"], a["id"])
        relations.append(relation(source, target, found, strength))
    return Path(tuple(map(entity_name, entities)), tuple(relations))


def _named(step: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of a relation; that two are the same is as strong as it is sure."""
    found: dict[str, Any] = step["properties"]
    return found | {"type": SAME_AS, "strength": found["confidence"]} if step["same"] else found


def _strength(path: Path) -> float:
    return prod(one.strength for one in path.relations)
