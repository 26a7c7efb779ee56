"""What the graph should hold, recomputed from the events, against what its counters say."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from neo4j import Driver, Record

from helix_pipeline.domain.entities.extractor import EntityExtractor
from helix_pipeline.domain.graph_deltas import (
    COMPLETED,
    CONVERSATION,
    ENTITY,
    MENTION,
    PAIR,
    PARTICIPANT,
    add_up,
    deltas,
)
from helix_pipeline.services.verify.workspace import Workspace
from helix_pipeline.stores.graph import Graph

COLUMNS = ("event_type", "conversation_id", "user_id", "content", "timestamp")
"""What of an event matters to the graph."""

FLUSH_DELTAS = 200_000
FETCH_RECORDS = 1_000

SUBJECTS: dict[int, str] = {
    CONVERSATION: "messages per conversation",
    COMPLETED: "completed conversations",
    PARTICIPANT: "messages per participant",
    ENTITY: "mentions per entity",
    MENTION: "mentions per conversation",
    PAIR: "pair frequencies",
}

QUERIES: dict[int, str] = {
    CONVERSATION: "MATCH (c:Conversation) WHERE c.messages IS NOT NULL RETURN c.id, [''], [c.messages]",
    COMPLETED: "MATCH (c:Conversation) WHERE c.completed_at IS NOT NULL RETURN c.id, [''], [1]",
    PARTICIPANT: """
MATCH (c:Conversation)
CALL (c) { MATCH (u:User)-[p:PARTICIPATED_IN]->(c) RETURN collect(u.id) AS ids, collect(coalesce(p.messages, 0)) AS n }
RETURN c.id, ids, n""",
    ENTITY: "MATCH (e:Entity) WHERE e.mentions IS NOT NULL RETURN e.id, [''], [e.mentions]",
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
}
"""What the graph says: a, and lists of b and count. `a` is what an example of disagreement names.

Lists, because the driver takes longer over a record than over its values; in a subquery, so that the server streams.
"""

CREATE = """
CREATE TABLE expected_facts (kind TINYINT, a VARCHAR, b VARCHAR, n BIGINT);
CREATE TABLE found_facts AS FROM expected_facts;
"""

EXPECT = """
INSERT INTO expected_facts
SELECT kind, a, if(kind = $entity, '', b), n
FROM batch
"""

FIND = "INSERT INTO found_facts SELECT kind, a, b, n FROM batch"

COMPARED = """
WITH wanted AS (
  SELECT a, b, if($kind = $completed, 1, sum(n)) AS n FROM expected_facts WHERE kind = $kind GROUP BY a, b
),
held AS (
  SELECT a, b, sum(n) AS n, count(*) AS copies FROM found_facts WHERE kind = $kind GROUP BY a, b
),
joined AS (
  SELECT a, b, coalesce(wanted.n, 0) AS expected, coalesce(held.n, 0) AS found,
    coalesce(copies, 1) - 1 AS duplicate
  FROM wanted FULL JOIN held USING (a, b)
)
SELECT if($kind = $pair, a || ' + ' || b, a) AS entity, expected, found,
  greatest(expected - found, 0) AS missing, duplicate, greatest(found - expected, 0) AS extra
FROM joined
"""


class ExpectedFacts:
    """Recomputes the graph's counters from events as the graph stream does, in memory up to a bound."""

    def __init__(self, space: Workspace, extractor: EntityExtractor) -> None:
        space.run(CREATE)
        self._space = space
        self._extractor = extractor
        self._gathered: list[pa.Table] = []

    def add(self, events: pa.Table) -> None:
        """Count events of conversations (rows with `COLUMNS`)."""
        for batch in events.to_batches():
            contents = [content or "" for content in batch["content"].to_pylist()]
            found = deltas(batch, self._extractor.extract_ids_batch(contents), self._extractor.entity)
            self._gathered.append(found)
        if sum(part.num_rows for part in self._gathered) >= FLUSH_DELTAS:
            self.flush()

    def flush(self) -> None:
        """Move what was counted into the workspace."""
        self._space.load(add_up(self._gathered), EXPECT, {"entity": ENTITY})
        self._gathered.clear()


def comparison(kind: int) -> tuple[str, dict[str, object]]:
    """Return the comparison of what the graph says about a kind of fact, and its parameters."""
    return COMPARED, {"kind": kind, "completed": COMPLETED, "pair": PAIR}


def named(kind: int) -> str:
    """Return what an example of a kind of fact names."""
    return {ENTITY: "entity", PAIR: "pair"}.get(kind, "conversation")


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
    lists: Any = pa.array(b, pa.list_(pa.string()))
    counts: Any = pa.array(n, pa.list_(pa.int64()))
    repeated = pa.array(a, pa.string()).take(pc.list_parent_indices(lists))
    kinds = pa.repeat(pa.scalar(kind, pa.int8()), len(repeated))
    return pa.table({"kind": kinds, "a": repeated, "b": lists.flatten(), "n": counts.flatten()})
