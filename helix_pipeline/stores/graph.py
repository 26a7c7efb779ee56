"""The graph: Neo4j. Applies the deltas of a batch exactly once and creates the constraints.

Counters are not idempotent, so each transaction also moves the ledger nodes (`query`, `bucket`) of what it applies to
its batch: a bucket of a batch that the ledger has seen changes nothing, whichever of the two died in between.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from neo4j import Driver, GraphDatabase, ManagedTransaction, NotificationMinimumSeverity
from neo4j.exceptions import DriverError, Neo4jError

from helix_pipeline.domain.graph_deltas import COMPLETED, CONVERSATION, ENTITY, MENTION, PAIR, PARTICIPANT
from helix_pipeline.errors import StoreError
from helix_pipeline.settings import Settings

CONSTRAINTS = (
    "CREATE CONSTRAINT conversation_id IF NOT EXISTS FOR (n:Conversation) REQUIRE n.id IS UNIQUE",
    "CREATE CONSTRAINT user_id IF NOT EXISTS FOR (n:User) REQUIRE n.id IS UNIQUE",
    "CREATE CONSTRAINT entity_id IF NOT EXISTS FOR (n:Entity) REQUIRE n.id IS UNIQUE",
    "CREATE CONSTRAINT ledger_id IF NOT EXISTS FOR (n:Ledger) REQUIRE n.id IS UNIQUE",
    "CREATE INDEX entity_name IF NOT EXISTS FOR (n:Entity) ON (n.name)",
    "CREATE INDEX entity_type IF NOT EXISTS FOR (n:Entity) ON (n.type)",
)

CLAIM = """
UNWIND $buckets AS bucket
MERGE (ledger:Ledger {id: $query + '/' + toString(bucket)})
WITH ledger, bucket WHERE coalesce(ledger.batch, -1) < $batch
SET ledger.batch = $batch
RETURN bucket
"""

TRANSACTION_DELTAS = 20_000
"""Buckets share a transaction up to about this many deltas: a small batch takes one, a large one a few per writer."""

STATEMENTS: dict[int, str] = {
    CONVERSATION: """
UNWIND $rows AS r
WITH r, datetime({epochMillis: r[3]}) AS first, datetime({epochMillis: r[4]}) AS last
MERGE (c:Conversation {id: r[0]})
SET c.messages = coalesce(c.messages, 0) + r[2],
  c.first_seen = CASE WHEN c.first_seen <= first THEN c.first_seen ELSE first END,
  c.last_seen = CASE WHEN c.last_seen >= last THEN c.last_seen ELSE last END""",
    COMPLETED: """
UNWIND $rows AS r
MERGE (c:Conversation {id: r[0]})
SET c.completed_at = datetime({epochMillis: r[4]})""",
    PARTICIPANT: """
UNWIND $rows AS r
MERGE (c:Conversation {id: r[0]})
MERGE (u:User {id: r[1]})
MERGE (u)-[p:PARTICIPATED_IN]->(c)
SET p.messages = coalesce(p.messages, 0) + r[2]""",
    ENTITY: """
UNWIND $rows AS r
WITH r, split(r[1], '\t') AS label, datetime({epochMillis: r[3]}) AS first, datetime({epochMillis: r[4]}) AS last
MERGE (e:Entity {id: r[0]})
SET e.type = label[0], e.name = label[1], e.mentions = coalesce(e.mentions, 0) + r[2],
  e.first_seen = CASE WHEN e.first_seen <= first THEN e.first_seen ELSE first END,
  e.last_seen = CASE WHEN e.last_seen >= last THEN e.last_seen ELSE last END""",
    MENTION: """
UNWIND $rows AS r
MERGE (c:Conversation {id: r[0]})
WITH c, r[1] AS mentions
UNWIND mentions AS r
WITH c, r, datetime({epochMillis: r[3]}) AS first, datetime({epochMillis: r[4]}) AS last
MERGE (e:Entity {id: r[1]})
MERGE (e)-[m:MENTIONED_IN]->(c)
ON CREATE SET m.count = r[2], m.first = first, m.last = last
ON MATCH SET m.count = m.count + r[2],
  m.first = CASE WHEN m.first <= first THEN m.first ELSE first END,
  m.last = CASE WHEN m.last >= last THEN m.last ELSE last END""",
    PAIR: """
UNWIND $rows AS r
MERGE (a:Entity {id: r[0]})
MERGE (b:Entity {id: r[1]})
MERGE (a)-[p:CO_OCCURS_WITH]->(b)
SET p.frequency = coalesce(p.frequency, 0) + r[2]""",
}
"""What a delta of each kind does. A row is [a, b, n, first, last]; mentions come as [conversation, its rows]."""


@dataclass(frozen=True)
class Graph:
    """How to reach Neo4j; small enough to travel to executors."""

    uri: str
    username: str
    password: str = field(repr=False)
    database: str
    timeout_s: float

    def connect(self) -> Driver:
        """Open a driver whose calls end within the time-out."""
        return GraphDatabase.driver(
            self.uri,
            auth=(self.username, self.password),
            connection_timeout=min(5, self.timeout_s),
            connection_acquisition_timeout=self.timeout_s,
            max_transaction_retry_time=self.timeout_s,
            notifications_min_severity=NotificationMinimumSeverity.OFF,
        )


def open_graph(settings: Settings) -> Graph:
    """Return the graph that the settings name."""
    neo4j = settings.neo4j
    return Graph(neo4j.address, neo4j.username, neo4j.password.get_secret_value(), neo4j.database, neo4j.timeout_s)


@contextmanager
def driver(graph: Graph) -> Iterator[Driver]:
    """Open a driver for a block and close it after; driver errors become StoreError."""
    try:
        with graph.connect() as connection:
            yield connection
    except (Neo4jError, DriverError) as error:
        raise StoreError(f"Neo4j at {graph.uri}: {' '.join(str(error).split())[:300]}") from None


def ensure_schema(settings: Settings) -> None:
    """Create the constraints and indexes that are missing."""
    graph = open_graph(settings)
    with driver(graph) as connection:
        for statement in CONSTRAINTS:
            connection.execute_query(statement, database_=graph.database)


def apply(connection: Driver, graph: Graph, query: str, batch: int, deltas: pa.Table) -> int:
    """Apply the deltas of a batch (see domain.graph_deltas), whole buckets at a time; return how many were new."""
    applied = 0
    with connection.session(database=graph.database) as session:
        for buckets in _shares(deltas["bucket"]):
            part = _of_buckets(deltas, buckets)
            applied += session.execute_write(_apply_buckets, query, batch, buckets, part)
    return applied


def _shares(buckets: pa.ChunkedArray) -> Iterator[list[int]]:
    """Yield the buckets grouped by transaction."""
    share: list[int] = []
    rows = 0
    for found in pc.value_counts(buckets).to_pylist():
        if share and rows + found["counts"] > TRANSACTION_DELTAS:
            yield share
            share, rows = [], 0
        share.append(found["values"])
        rows += found["counts"]
    if share:
        yield share


def _apply_buckets(tx: ManagedTransaction, query: str, batch: int, buckets: list[int], deltas: pa.Table) -> int:
    claimed = [record["bucket"] for record in tx.run(CLAIM, {"query": query, "batch": batch, "buckets": buckets})]
    fresh = deltas if claimed == buckets else _of_buckets(deltas, claimed)
    for kind, statement in STATEMENTS.items():
        part = fresh.filter(pc.equal(fresh["kind"], kind))
        if part.num_rows:
            rows = _rows(part)
            tx.run(statement, rows=_by_conversation(rows) if kind == MENTION else rows).consume()
    return int(fresh.num_rows)


def _of_buckets(deltas: pa.Table, buckets: list[int]) -> pa.Table:
    return deltas.filter(pc.is_in(deltas["bucket"], pa.array(buckets, pa.int32())))


def _rows(deltas: pa.Table) -> list[list[Any]]:
    columns = [deltas[name].to_pylist() for name in ("a", "b", "n", "first", "last")]
    return [list(row) for row in zip(*columns, strict=True)]


def _by_conversation(rows: list[list[Any]]) -> list[list[Any]]:
    return [[conversation, list(group)] for conversation, group in groupby(rows, key=itemgetter(0))]
