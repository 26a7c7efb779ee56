"""The neighbours of entities in Neo4j and how strongly each is related, computed from the counters as they are now.

Entities that are one (`SAME_AS`) answer as one, under the id of the canonical one: of the relations of its aliases with
those of another the strongest counts. Of an entity with very many relations only the strongest are read, which the last
refresh has noted (see `graph_hubs`), and what was stated of late.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import chain
from typing import LiteralString

import numpy as np
from neo4j import Record

from helix_pipeline.domain.knowledge.around import Neighbour
from helix_pipeline.domain.knowledge.strength import combined, decay
from helix_pipeline.stores.graph_hubs import STRONGEST
from helix_pipeline.stores.graph_relations import ASSOCIATED, counted_strength, said_strength
from helix_pipeline.stores.graph_session import Ask

MOST_STATED = 500
"""Stated relations of one entity that are read."""

_ALL = 2**31 - 1
"""Of what a hub notes: more than it ever does."""

NEIGHBOURS: LiteralString = """
OPTIONAL MATCH (g:Graph {id: 'graph'})
WITH coalesce(g.messages, 0) AS total
MATCH (e:Entity) WHERE e.id IN $ids
CALL (e) { RETURN e AS m UNION MATCH (m:Entity)-[:SAME_AS]->(e) RETURN m }
CALL (m) {
  CALL (m) {
    WITH m WHERE m.strongest IS NULL
    MATCH (m)-[r:CO_OCCURS_WITH]-(x:Entity)
    RETURN r, x
  UNION ALL
    WITH m WHERE m.strongest IS NOT NULL
    MATCH (a)-[r:CO_OCCURS_WITH]->(b) WHERE elementId(r) IN coalesce(m.strongest, [])[..$noted] AND (a = m OR b = m)
    RETURN r, CASE a WHEN m THEN b ELSE a END AS x
  }
  RETURN collect([coalesce(x.same_as, x.id), x.type, r.frequency, coalesce(x.messages, 0), r.last.epochMillis])
    AS counted
}
CALL (m) {
  MATCH (m)-[r:RELATED_TO]-(x:Entity)
  WITH r, x LIMIT $most
  WHERE r.valid_from <= $at AND (r.valid_to IS NULL OR r.valid_to > $at)
  RETURN collect([coalesce(x.same_as, x.id), x.type, r.type, r.strength, r.confidence, r.statements,
    r.last_stated.epochMillis]) AS said
}
RETURN e.id AS id, coalesce(m.messages, 0) AS messages, total, counted, said
"""


def neighbours(ask: Ask, ids: Sequence[str], at: datetime, types: Sequence[str] = ()) -> list[Neighbour]:
    """Return the neighbours of the entities with these canonical ids, as of an instant, each pair once.

    Of a hub these are its strongest, and where types are wanted, the strongest of each type.
    """
    now_ms = at.timestamp() * 1000
    kinds: dict[str, str] = {}
    found: dict[str, dict[str, float]] = defaultdict(dict)
    said: dict[tuple[str, str], list[float]] = defaultdict(list)
    for record in ask(NEIGHBOURS, ids=list(ids), at=at, most=MOST_STATED, noted=_ALL if types else STRONGEST):
        source, counted = record["id"], found[record["id"]]
        for id, kind, strength in chain(_counted(record, now_ms), _associated(record)):
            kinds[id] = kind
            counted[id] = max(strength, counted.get(id, 0.0))
        for id, kind, strength in _said(record, now_ms):
            kinds[id] = kind
            said[source, id].append(strength)
    for (source, id), more in said.items():
        found[source][id] = combined(found[source].get(id, 0.0), *more)
    return [
        Neighbour(source, id, kinds[id] or "", strength)
        for source, others in found.items()
        for id, strength in others.items()
        if id != source
    ]


def _counted(record: Record, now_ms: float) -> Iterable[tuple[str, str, float]]:
    """Yield id, type and strength of the entities that one is named with more often than by chance."""
    if not record["counted"]:
        return ()
    ids, kinds, both, other, last = zip(*record["counted"], strict=True)
    strengths = counted_strength(both, record["messages"], other, record["total"]) * decay(last, now_ms)
    return ((ids[place], kinds[place], float(strengths[place])) for place in np.flatnonzero(strengths))


def _associated(record: Record) -> Iterable[tuple[str, str, float]]:
    """Yield id, type and strength of the entities that the lake associates one with."""
    return ((id, kind, given) for id, kind, type, given, *_ in record["said"] if type == ASSOCIATED)


def _said(record: Record, now_ms: float) -> Iterable[tuple[str, str, float]]:
    """Yield id, type and strength of the entities that one is said to be related to."""
    rows = [(id, *of) for id, *of in record["said"] if of[1] != ASSOCIATED]
    if not rows:
        return ()
    ids, kinds, _, _, sure, statements, last = zip(*rows, strict=True)
    return zip(ids, kinds, said_strength(sure, statements, last, now_ms).tolist(), strict=True)
