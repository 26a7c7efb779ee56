"""Writes the deltas of a batch into the graph exactly once, and without deadlocks.

Counters are not idempotent, so each transaction also moves the ledger nodes (`query`, `bucket`) of what it applies to
its batch: a bucket of a batch that the ledger has seen changes nothing, whichever of the two died in between.

A transaction first locks every node that it will touch, in one order for all writers (`LOCKED`, then by id), and
only then writes: who changes a relationship holds both its ends. So writers wait for each other, but never in a circle.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc
from neo4j import Driver, ManagedTransaction

from helix_pipeline.domain.graph.deltas import (
    COMPLETED,
    CONVERSATION,
    ENTITY,
    MENTION,
    NAMING,
    PAIR,
    PARTICIPANT,
    STATEMENT,
)
from helix_pipeline.stores.graph import Graph, require_version
from helix_pipeline.stores.graph_counts import CountedTransaction, GraphWork, total
from helix_pipeline.stores.graph_labels import write_entities
from helix_pipeline.stores.graph_statements import Intervals, keep_statements, touched, write_intervals

CLAIM = """
UNWIND $buckets AS bucket
MERGE (ledger:Ledger {id: $query + '/' + toString(bucket)})
WITH ledger, bucket WHERE coalesce(ledger.batch, -1) < $batch
SET ledger.batch = $batch
RETURN bucket
"""

TRANSACTION_DELTAS = 20_000
"""Buckets share a transaction up to about this many deltas: a small batch takes one, a large one a few per writer."""

LOCKED: dict[str, dict[int, str]] = {
    "Conversation": {CONVERSATION: "a", COMPLETED: "a", PARTICIPANT: "a", MENTION: "b"},
    "Entity": {ENTITY: "a", MENTION: "a", PAIR: "ab"},
    "User": {PARTICIPANT: "b"},
}
"""Which nodes a transaction touches: label -> kind of delta -> its columns that hold ids. Locked in this order."""

LOCK = """
UNWIND $ids AS id
MERGE (n:{label} {{id: id}})
SET n.id = id
"""
"""Makes the nodes that are missing, and holds all until the end of the transaction: a write takes the lock, also one
that changes nothing (but none of a property that no node ever had)."""

STATEMENTS: dict[int, str] = {
    CONVERSATION: """
UNWIND $rows AS r
WITH r, datetime({epochMillis: r[3]}) AS first, datetime({epochMillis: r[4]}) AS last
MATCH (c:Conversation {id: r[0]})
SET c.messages = coalesce(c.messages, 0) + r[2],
  c.first_seen = CASE WHEN c.first_seen <= first THEN c.first_seen ELSE first END,
  c.last_seen = CASE WHEN c.last_seen >= last THEN c.last_seen ELSE last END""",
    COMPLETED: """
UNWIND $rows AS r
WITH r, datetime({epochMillis: r[4]}) AS last
MATCH (c:Conversation {id: r[0]})
SET c.completed_at = CASE WHEN c.completed_at >= last THEN c.completed_at ELSE last END""",
    PARTICIPANT: """
UNWIND $rows AS r
MATCH (c:Conversation {id: r[0]})
MATCH (u:User {id: r[1]})
MERGE (u)-[p:PARTICIPATED_IN]->(c)
SET p.messages = coalesce(p.messages, 0) + r[2]""",
    MENTION: """
UNWIND $rows AS group
MATCH (e:Entity {id: group[0]})
UNWIND group[1] AS r
MATCH (c:Conversation {id: r[1]})
WITH c, e, r, datetime({epochMillis: r[3]}) AS first, datetime({epochMillis: r[4]}) AS last
MERGE (e)-[m:MENTIONED_IN]->(c)
ON CREATE SET m.count = r[2], m.first = first, m.last = last
ON MATCH SET m.count = m.count + r[2],
  m.first = CASE WHEN m.first <= first THEN m.first ELSE first END,
  m.last = CASE WHEN m.last >= last THEN m.last ELSE last END""",
    PAIR: """
UNWIND $rows AS group
MATCH (a:Entity {id: group[0]})
UNWIND group[1] AS r
MATCH (b:Entity {id: r[1]})
WITH a, b, r, datetime({epochMillis: r[3]}) AS first, datetime({epochMillis: r[4]}) AS last
MERGE (a)-[p:CO_OCCURS_WITH]->(b)
ON CREATE SET p.frequency = r[2], p.first = first, p.last = last
ON MATCH SET p.frequency = p.frequency + r[2],
  p.first = CASE WHEN p.first <= first THEN p.first ELSE first END,
  p.last = CASE WHEN p.last >= last THEN p.last ELSE last END""",
    NAMING: """
UNWIND $rows AS r
MATCH (graph:Graph {id: 'graph'})
SET graph.messages = graph.messages + r[2]""",
}
"""What a delta of each kind does. A row is [a, b, n, first, last]; those of `GROUPED` come as [a, its rows]."""

GROUPED = (MENTION, PAIR)


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a batch: how many deltas were new, how often a transaction was tried again, what it created."""

    deltas: int
    retries: int
    work: GraphWork


def apply(connection: Driver, graph: Graph, query: str, batch: int, deltas: pa.Table) -> Applied:
    """Apply the deltas of a batch (see domain.graph.deltas), whole buckets at a time.

    Raises StoreError for a graph of another version of the schema.
    """
    shares = [(buckets, _of_buckets(deltas, buckets)) for buckets in _shares(deltas["bucket"])]
    tries = 0

    def work(tx: ManagedTransaction, buckets: list[int], part: pa.Table) -> tuple[int, GraphWork]:
        nonlocal tries
        tries += 1
        counting = CountedTransaction(tx)
        counted = cast(ManagedTransaction, counting)  # the driver's class cannot be made or extended
        require_version(counted, graph.uri)
        return _apply_buckets(counted, query, batch, buckets, part), counting.work()

    with connection.session(database=graph.database) as session:
        applied = [session.execute_write(work, *share) for share in shares]
    return Applied(sum(rows for rows, _ in applied), tries - len(shares), total(done for _, done in applied))


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
    write_deltas(tx, fresh)
    return int(fresh.num_rows)


def write_deltas(tx: ManagedTransaction, fresh: pa.Table) -> None:
    """Add deltas, added up, to the graph. That each comes once is the caller's care, in the same transaction."""
    kinds = {kind: fresh.filter(pc.equal(fresh["kind"], kind)) for kind in pc.unique(fresh["kind"]).to_pylist()}
    stated = _stated(tx, kinds)
    _lock(tx, kinds, touched(stated))
    if ENTITY in kinds:
        write_entities(tx, kinds[ENTITY])
    for kind, statement in STATEMENTS.items():
        if kind in kinds:
            rows = _rows(kinds[kind])
            tx.run(statement, rows=_grouped(rows) if kind in GROUPED else rows).consume()
    write_intervals(tx, stated)


def _stated(tx: ManagedTransaction, kinds: dict[int, pa.Table]) -> Intervals:
    if STATEMENT not in kinds:
        return {}
    part = kinds[STATEMENT]
    return keep_statements(tx, part["detail"].to_pylist(), pc.unique(part["bucket"]).to_pylist())


def _lock(tx: ManagedTransaction, kinds: dict[int, pa.Table], ends: dict[str, set[str]]) -> None:
    """Lock the nodes that deltas and statements touch."""
    for label, columns in LOCKED.items():
        held = (kinds[k][c] for k, names in columns.items() if k in kinds for c in names)
        ids = ends.get(label, set()).union(*(pc.unique(column).to_pylist() for column in held))
        if ids:
            tx.run(LOCK.format(label=label), ids=sorted(ids)).consume()


def _of_buckets(deltas: pa.Table, buckets: list[int]) -> pa.Table:
    return deltas.filter(pc.is_in(deltas["bucket"], pa.array(buckets, pa.int32())))


def _rows(deltas: pa.Table) -> list[list[Any]]:
    columns = [deltas[name].to_pylist() for name in ("a", "b", "n", "first", "last")]
    return [list(row) for row in zip(*columns, strict=True)]


def _grouped(rows: list[list[Any]]) -> list[list[Any]]:
    return [[a, list(group)] for a, group in groupby(rows, key=itemgetter(0))]
