"""All that Neo4j knows of one entity, and its communities."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, LiteralString

from neo4j import Record

from helix_pipeline.domain.knowledge.answers import Alias, Community, EntityDetails, EntityName, Named, Relation
from helix_pipeline.stores.graph_relations import ASSOCIATED, PROPERTIES, entity_name, relation, strengths
from helix_pipeline.stores.graph_session import Ask, moment

MOST_STATED = 200
MOST_CONVERSATIONS = 100

ENTITY: LiteralString = """
MATCH (asked:Entity {id: $id})
OPTIONAL MATCH (asked)-[:SAME_AS]->(canonical:Entity)
WITH coalesce(canonical, asked) AS e
CALL (e) {
  OPTIONAL MATCH (m:Entity)-[s:SAME_AS]->(e)
  WITH m, s ORDER BY m.mentions DESC, m.id
  RETURN collect(m {.id, .name, .aliases, .mentions, .messages, first_seen: m.first_seen.epochMillis,
    last_seen: m.last_seen.epochMillis, reason: s.reason, confidence: s.confidence}) AS members
}
RETURN members, e {.id, .name, .type, .subtype, .mentions, .messages, .aliases, .community,
  first_seen: e.first_seen.epochMillis, last_seen: e.last_seen.epochMillis} AS entity
"""

TIMELINE: LiteralString = (
    """
MATCH (m:Entity) WHERE m.id IN $ids
MATCH (m)-[r:RELATED_TO]-(x)
WHERE r.type <> $associated
WITH m, r, x ORDER BY r.valid_from DESC, r.type, x.id LIMIT $most
RETURN startNode(r) = m AS forward, x {.id, .name, .type, .subtype} AS other, """
    + PROPERTIES
    + " AS properties"
)

CONVERSATIONS: LiteralString = """
MATCH (m:Entity) WHERE m.id IN $ids
MATCH (m)-[n:MENTIONED_IN]->(c:Conversation)
WITH c.id AS id, sum(n.count) AS count, min(n.first) AS first, max(n.last) AS last
RETURN id, count, first.epochMillis AS first, last.epochMillis AS last ORDER BY last DESC, id LIMIT $most
"""

COMMUNITIES: LiteralString = """
MATCH (c:Community)
WITH c ORDER BY c.size DESC, c.id LIMIT $limit
CALL (c) {
  UNWIND c.members AS id
  MATCH (e:Entity {id: id})
  RETURN collect(e {.id, .name, .type, .subtype}) AS entities
}
RETURN c.id AS id, c.size AS size, entities
"""


def details(ask: Ask, entity_id: str, at: datetime) -> EntityDetails | None:
    """Return what is known of an entity; of an alias, what is known of the entity that it stands for."""
    found = ask(ENTITY, id=entity_id)
    if not found:
        return None
    entity, members = found[0]["entity"], found[0]["members"]
    ids = [entity["id"], *(member["id"] for member in members)]
    stated = ask(TIMELINE, ids=ids, associated=ASSOCIATED, most=MOST_STATED)
    conversations = ask(CONVERSATIONS, ids=ids, most=MOST_CONVERSATIONS)
    name, whole = entity_name(entity), [entity, *members]
    return EntityDetails(
        id=name.id,
        name=name.name,
        type=name.type,
        subtype=name.subtype,
        mentions=sum(one["mentions"] or 0 for one in whole),
        messages=sum(one["messages"] or 0 for one in whole),
        first_seen=min(_instants(whole, "first_seen"), default=None),
        last_seen=max(_instants(whole, "last_seen"), default=None),
        community=entity["community"],
        aliases=_aliases(entity, members),
        timeline=_timeline(name.id, stated, at),
        others=tuple({other.id: other for other in map(_other, stated)}.values()),
        conversations=tuple(map(_named, conversations)),
    )


def largest(ask: Ask, limit: int) -> tuple[Community, ...]:
    """Return the largest communities, as the last refresh found them."""
    found = ask(COMMUNITIES, limit=limit)
    return tuple(Community(r["id"], r["size"], tuple(map(entity_name, r["entities"]))) for r in found)


def _aliases(entity: dict[str, Any], members: list[dict[str, Any]]) -> tuple[Alias, ...]:
    """Return the other names of an entity: its own first, then each entity that is the same, with its names."""
    found = [Alias(name) for name in entity["aliases"] or ()]
    for one in members:
        for name in dict.fromkeys([one["name"] or one["id"], *(one["aliases"] or ())]):
            found.append(Alias(name, one["reason"] or "", one["confidence"] or 0.0, one["id"]))
    return tuple(alias for alias in found if alias.name != entity["name"] or alias.id)


def _timeline(id: str, stated: list[Record], at: datetime) -> tuple[Relation, ...]:
    found = []
    properties = [record["properties"] for record in stated]
    for record, strength in zip(stated, strengths(properties, [(0, 0, 0)] * len(stated), at), strict=True):
        other = record["other"]["id"]
        source, target = (id, other) if record["forward"] else (other, id)
        found.append(relation(source, target, record["properties"], strength))
    return tuple(sorted(found, key=lambda one: (one.valid_from, one.type, one.target_id)))


def _other(record: Record) -> EntityName:
    return entity_name(record["other"])


def _named(record: Record) -> Named:
    [first], [last] = _instants([record], "first"), _instants([record], "last")
    return Named(record["id"], record["count"], first, last)


def _instants(found: Sequence[Mapping[str, Any]], name: str) -> list[datetime]:
    """Return the instants of this name that are there."""
    return [at for one in found if (at := moment(one[name]))]
