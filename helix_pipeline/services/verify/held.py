"""What the graph says, as facts (kind, a, b, n) that are compared with those expected of the events."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from neo4j import Driver, Record

from helix_pipeline.domain.graph.deltas import COMPLETED, CONVERSATION, ENTITY, MENTION, NAMING, PAIR, PARTICIPANT
from helix_pipeline.stores.graph import Graph

MESSAGES, LABEL, RELATED = -1, -2, -3
"""Facts beside the kinds of deltas: messages that name an entity, its label, and an interval of a relationship."""

FETCH_RECORDS = 1_000

SUBJECTS: dict[int, str] = {
    CONVERSATION: "messages per conversation",
    COMPLETED: "completed conversations",
    PARTICIPANT: "messages per participant",
    ENTITY: "mentions per entity",
    MESSAGES: "messages per entity",
    LABEL: "names of entities",
    MENTION: "mentions per conversation",
    PAIR: "pair frequencies",
    NAMING: "messages that name entities",
    RELATED: "stated relationships",
}

EXAMPLES = {ENTITY: "entity", MESSAGES: "entity", LABEL: "entity", PAIR: "pair", NAMING: "graph", RELATED: "entity"}
"""What an example of disagreement names; a conversation where it is not here."""

QUERIES: dict[int, str] = {
    CONVERSATION: "MATCH (c:Conversation) WHERE c.messages IS NOT NULL RETURN c.id, [''], [c.messages]",
    COMPLETED: "MATCH (c:Conversation) WHERE c.completed_at IS NOT NULL RETURN c.id, [''], [1]",
    PARTICIPANT: """
MATCH (c:Conversation)
CALL (c) { MATCH (u:User)-[p:PARTICIPATED_IN]->(c) RETURN collect(u.id) AS ids, collect(coalesce(p.messages, 0)) AS n }
RETURN c.id, ids, n""",
    ENTITY: "MATCH (e:Entity) WHERE e.mentions IS NOT NULL RETURN e.id, [''], [e.mentions]",
    MESSAGES: "MATCH (e:Entity) WHERE e.messages IS NOT NULL RETURN e.id, [''], [e.messages]",
    LABEL: """
MATCH (e:Entity) WHERE e.name IS NOT NULL
RETURN e.id, [[e.name, e.type, e.subtype, e.aliases]], [1]""",
    MENTION: """
MATCH (c:Conversation)
CALL (c) { MATCH (e:Entity)-[m:MENTIONED_IN]->(c) RETURN collect(e.id) AS ids, collect(coalesce(m.count, 0)) AS n }
RETURN c.id, ids, n""",
    PAIR: """
MATCH (a:Entity)
CALL (a) {
  MATCH (a)-[p:CO_OCCURS_WITH]->(b:Entity) RETURN collect(b.id) AS ids, collect(coalesce(p.frequency, 0)) AS n
}
RETURN a.id, ids, n""",
    RELATED: """
MATCH (s:Entity|User)
CALL (s) {
  MATCH (s)-[r:RELATED_TO]->(o:Entity) WHERE r.key IS NOT NULL
  RETURN collect([r.type, o.id, r.key, r.valid_from.epochMillis, r.valid_to.epochMillis]) AS about,
    collect(r.statements) AS n
}
RETURN CASE WHEN s:User THEN 'user:' ELSE '' END + s.id, about, n""",
    NAMING: "MATCH (graph:Graph) WHERE graph.messages > 0 RETURN '', [''], [graph.messages]",
}
"""What the graph says: a, and lists of b and count. `a` is what an example of disagreement names.

Lists, because the driver takes longer over a record than over its values; in a subquery, so that the server streams.
"""


def graph_rows(connection: Driver, graph: Graph) -> Iterator[pa.Table]:
    """Yield what the graph says (kind, a, b, n), in bounded batches."""
    with connection.session(database=graph.database, fetch_size=FETCH_RECORDS) as session:
        for kind, query in QUERIES.items():
            records: Iterable[Record] = session.run(query)
            remaining = iter(records)
            while page := [record.values() for record in islice(remaining, FETCH_RECORDS)]:
                yield _table(kind, page)


def _table(kind: int, page: list[list[Any]]) -> pa.Table:
    a, b, n = zip(*page, strict=True)
    lists: Any = pa.array([[_text(value) for value in values] for values in b], pa.list_(pa.string()))
    counts: Any = pa.array(n, pa.list_(pa.int64()))
    repeated = pa.array(a, pa.string()).take(pc.list_parent_indices(lists))
    kinds = pa.repeat(pa.scalar(kind, pa.int8()), len(repeated))
    return pa.table({"kind": kinds, "a": repeated, "b": lists.flatten(), "n": counts.flatten()})


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
