"""The vectors of entities in Neo4j: which are out of date, and writing them."""

from collections.abc import Sequence
from typing import LiteralString

import pyarrow as pa
from neo4j import ManagedTransaction, Session

from helix_pipeline.stores.graph_derived import LOCK

TRANSACTION_ROWS = 500

_CHANGED: LiteralString = """
MATCH (e:Entity) WHERE e.messages > 0 AND coalesce(e.embedded_at, 0) <> e.messages RETURN e.id AS id
"""
_WRITE: LiteralString = """
UNWIND range(0, size($ids) - 1) AS place
MATCH (e:Entity {id: $ids[place]})
SET e.embedded_at = e.messages
WITH e, place
CALL db.create.setNodeVectorProperty(e, 'embedding', $vectors[place])
RETURN count(*) AS n
"""
"""`embedded_at` counts the messages that named an entity when it got its vector."""


def changed_entities(session: Session) -> pa.Table:
    """Return the ids of the entities that were named since they got their vector, as `entity_id`."""
    return pa.table({"entity_id": pa.array([record["id"] for record in session.run(_CHANGED)], pa.string())})


def write_vectors(session: Session, ids: Sequence[str], vectors: Sequence[Sequence[float]]) -> int:
    """Set the vectors of entities; return how many of these there are."""
    starts = range(0, len(ids), TRANSACTION_ROWS)
    parts = ((ids[start : start + TRANSACTION_ROWS], vectors[start : start + TRANSACTION_ROWS]) for start in starts)
    return sum(session.execute_write(_write, *part) for part in parts)


def _write(tx: ManagedTransaction, ids: Sequence[str], vectors: Sequence[Sequence[float]]) -> int:
    tx.run(LOCK, ids=sorted(ids)).consume()
    return int(tx.run(_WRITE, ids=ids, vectors=vectors).single(strict=True)["n"])
