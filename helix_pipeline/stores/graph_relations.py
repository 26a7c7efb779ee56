"""Single relations as Neo4j keeps them: their properties, their evidence, and how strong each is."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, LiteralString

import msgspec
import numpy as np
from neo4j import Record
from numpy.typing import ArrayLike, NDArray

from helix_pipeline.domain.knowledge.answers import EntityName, Evidence, Relation
from helix_pipeline.domain.knowledge.around import Link, Pair
from helix_pipeline.domain.knowledge.strength import association, decay, stated
from helix_pipeline.stores.graph_session import Ask, moment

CO_OCCURS = "co_occurs_with"
ASSOCIATED = "associated_with"
"""What the refresh writes from the lake's associations; its strength is given, and has no statements."""

SAME_AS = "same_as"

CONVERSATIONS = 3
"""Conversations that are given as evidence of two entities being named together."""

LOOKED_AT = 50
"""Conversations of the rarer of two entities that are looked through for the other."""

PROPERTIES: LiteralString = """r {.type, .frequency, .statements, .confidence, .strength, .evidence, .closed_by,
    last: r.last.epochMillis, valid_from: r.valid_from.epochMillis, valid_to: r.valid_to.epochMillis,
    learnt_at: r.learnt_at.epochMillis, last_stated: r.last_stated.epochMillis}"""
"""Of a relationship `r`, instants in milliseconds since 1970: the driver takes ten times as long for its own kind."""

_HELD: LiteralString = (
    """
OPTIONAL MATCH (g:Graph {id: 'graph'})
WITH coalesce(g.messages, 0) AS total
UNWIND $pairs AS pair
MATCH (a:Entity {id: pair[0]})
MATCH (b:Entity {id: pair[1]})
CALL (a, b) {
  CALL (a) { RETURN a AS m UNION MATCH (m:Entity)-[:SAME_AS]->(a) RETURN m }
  CALL (b) { RETURN b AS n UNION MATCH (n:Entity)-[:SAME_AS]->(b) RETURN n }
  MATCH (m)-[r:CO_OCCURS_WITH|RELATED_TO]-(n)
  WHERE r:CO_OCCURS_WITH OR (r.valid_from <= $at AND (r.valid_to IS NULL OR r.valid_to > $at))
  RETURN collect({forward: startNode(r) = m, a: coalesce(m.messages, 0), b: coalesce(n.messages, 0), properties: """
    + PROPERTIES
    + """}) AS held
}
"""
)

BETWEEN: LiteralString = _HELD + "RETURN pair, total, held"

LINKS: LiteralString = (
    _HELD
    + """
CALL (a, b) {
  WITH CASE WHEN a.messages <= b.messages THEN [a, b] ELSE [b, a] END AS ends
  WITH ends[0] AS rarer, ends[1] AS other
  MATCH (rarer)-[:MENTIONED_IN]->(c:Conversation)
  WITH c, other LIMIT $looked_at
  WHERE EXISTS { (other)-[:MENTIONED_IN]->(c) }
  RETURN collect(c.id)[..$most] AS conversations
}
RETURN pair, total, held, conversations,
  a {.id, .name, .type, .subtype} AS first, b {.id, .name, .type, .subtype} AS second
"""
)

NAMES: LiteralString = """
UNWIND $ids AS id
MATCH (e:Entity {id: id})
RETURN e {.id, .name, .type, .subtype} AS entity
"""


def entity_name(found: Mapping[str, Any]) -> EntityName:
    """Return the name of an entity from its properties; one that nothing but a relation names is shown by its id."""
    return EntityName(found["id"], found["name"] or found["id"], found["type"] or "", found["subtype"] or "")


def names(ask: Ask, ids: Iterable[str]) -> dict[str, EntityName]:
    """Return the names of entities by their ids; unknown ones are left out."""
    found = (entity_name(record["entity"]) for record in ask(NAMES, ids=list(ids)))
    return {one.id: one for one in found}


def between(ask: Ask, pairs: Iterable[Pair], at: datetime) -> dict[Pair, list[Relation]]:
    """Return the relations that hold between the entities of each pair of canonical ids, strongest first."""
    return _held(ask(BETWEEN, pairs=list(map(list, pairs)), at=at), at)


def links(ask: Ask, pairs: Iterable[Pair], at: datetime) -> dict[Pair, Link]:
    """See `around.Relations`: all of it by one query, as each costs more than what it reads."""
    records = ask(LINKS, pairs=list(map(list, pairs)), at=at, looked_at=LOOKED_AT, most=CONVERSATIONS)
    held = _held(records, at)
    return {_pair(record): _link(record, held.get(_pair(record), [])) for record in records}


def _link(record: Record, held: list[Relation]) -> Link:
    ends = entity_name(record["first"]), entity_name(record["second"])
    return Link(ends, held, tuple(map(Evidence, record["conversations"])))


def _held(records: Iterable[Record], at: datetime) -> dict[Pair, list[Relation]]:
    rows = [(_pair(record), record["total"], one) for record in records for one in record["held"]]
    counts = [(one["a"], one["b"], total) for _, total, one in rows]
    strong = strengths([one["properties"] for *_, one in rows], counts, at)
    found: dict[Pair, list[Relation]] = {}
    for (ends, _, one), strength in zip(rows, strong, strict=True):
        order = ends if one["forward"] else ends[::-1]
        found.setdefault(ends, []).append(relation(*order, one["properties"], strength))
    return {ends: sorted(merged(some), key=lambda one: (-one.strength, one.type)) for ends, some in found.items()}


def _pair(record: Record) -> Pair:
    first, second = record["pair"]
    return first, second


def relation(source: str, target: str, found: Mapping[str, Any], strength: float) -> Relation:
    """Return a relation from its `PROPERTIES`."""
    return Relation(
        source_id=source,
        target_id=target,
        type=found["type"] or CO_OCCURS,
        strength=strength,
        frequency=found["frequency"] or found["statements"] or 0,
        valid_from=moment(found["valid_from"]),
        valid_to=moment(found["valid_to"]),
        learnt_at=moment(found["learnt_at"]),
        closed_by=cause(found["closed_by"]),
        evidence=evidence(found["evidence"]),
    )


def strengths(found: Sequence[Mapping[str, Any]], counts: Sequence[tuple[int, int, int]], at: datetime) -> list[float]:
    """Return the strength of relations from their `PROPERTIES`, at an instant.

    `counts` are the numbers of messages that name the one end, the other, and any entity.
    """
    now_ms = at.timestamp() * 1000
    figures = [
        (one["frequency"], *counted, one["last"]) for one, counted in zip(found, counts, strict=True) if not one["type"]
    ]
    both, a, b, total, last = np.array(figures, np.float64).reshape(-1, 5).T
    together = iter((counted_strength(both, a, b, total) * decay(last, now_ms)).tolist())
    return [next(together) if not one["type"] else _said_strength(one, now_ms) for one in found]


def _said_strength(found: Mapping[str, Any], now_ms: float) -> float:
    if found["type"] in (ASSOCIATED, SAME_AS):
        return float(found["strength"])
    return float(said_strength(found["confidence"], found["statements"], found["last_stated"], now_ms))


def counted_strength(both: ArrayLike, a: ArrayLike, b: ArrayLike, total: ArrayLike) -> NDArray[np.float64]:
    """Return the association by counters, which may have been read between two updates of them."""
    together = np.asarray(both, np.float64)
    first, second = np.maximum(a, together), np.maximum(b, together)
    return association(together, first, second, np.maximum(np.maximum(first, second), total))


def said_strength(sure: ArrayLike, statements: ArrayLike, last_ms: ArrayLike, now_ms: float) -> NDArray[np.float64]:
    """Return the strength of stated relations, the last statement of each being of `last_ms`."""
    return stated(sure, statements) * decay(last_ms, now_ms)


def evidence(texts: Sequence[str] | None) -> tuple[Evidence, ...]:
    """Return the messages that state a relation, newest first; each text is JSON `[at_ms, conversation, message]`."""
    rows = sorted(map(msgspec.json.decode, texts or ()), key=lambda row: -row[0])
    return tuple(Evidence(conversation, message or None) for *_, conversation, message in rows if conversation)


def cause(text: str | None) -> Evidence | None:
    """Return the message that closed a relation, from the same kind of text; None where no message did."""
    return next(iter(evidence([text] if text else [])), None)


def merged(relations: list[Relation]) -> list[Relation]:
    """Make one of what several aliases of the same two entities are named together with."""
    together = [one for one in relations if one.type == CO_OCCURS]
    others = [one for one in relations if one.type != CO_OCCURS]
    if len(together) > 1:
        strongest = max(together, key=lambda one: one.strength)
        together = [replace(strongest, frequency=sum(one.frequency for one in together))]
    return together + others
