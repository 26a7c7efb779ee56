"""The vectors of entities in Neo4j: which are out of date, writing them, and an index of their size.

`embedded_by` is the model that a vector is of, `embedded_mentions` of how many mentions in the lake it was made.
"""

from collections.abc import Sequence
from typing import LiteralString

import duckdb
import pyarrow as pa
from neo4j import ManagedTransaction, Session

from helix_pipeline.stores.graph import EMBEDDINGS
from helix_pipeline.stores.graph_derived import LOCK, stage

TRANSACTION_ROWS = 500

INDEX_SIZE: LiteralString = """
SHOW VECTOR INDEXES YIELD name, options WHERE name = 'entity_embedding'
RETURN options.indexConfig['vector.dimensions'] AS size
"""
_DROP_INDEX: LiteralString = "DROP INDEX entity_embedding IF EXISTS"
_EMBEDDED_SCHEMA = pa.schema([pa.field("entity_id", pa.string()), pa.field("embedded_mentions", pa.int64())])
_EMBEDDED: LiteralString = """
MATCH (e:Entity) WHERE e.messages > 0
RETURN [e.id, CASE e.embedded_by WHEN $model THEN coalesce(e.embedded_mentions, 0) ELSE 0 END] AS row
"""
_CHANGED = """
CREATE OR REPLACE TEMP TABLE changed AS
SELECT entity_id, mentions FROM (SELECT entity_id, count(*) AS mentions FROM entities GROUP BY entity_id)
JOIN embedded USING (entity_id) WHERE mentions <> embedded_mentions
"""
_WRITE: LiteralString = """
UNWIND range(0, size($ids) - 1) AS place
MATCH (e:Entity {id: $ids[place]})
SET e.embedded_by = $model, e.embedded_mentions = $mentions[place]
WITH e, place
CALL db.create.setNodeVectorProperty(e, 'embedding', $vectors[place])
RETURN count(*) AS n
"""


def fit_index(session: Session, size: int) -> None:
    """Make the index one of vectors of `size` numbers: one of another size would silently leave them out."""
    found = session.run(INDEX_SIZE).single()
    if found is None or found["size"] != size:
        session.run(_DROP_INDEX).consume()
        session.run(EMBEDDINGS, dimensions=size).consume()


def stage_changed(session: Session, database: duckdb.DuckDBPyConnection, model: str) -> int:
    """Make the table `changed` (`entity_id`, `mentions`) of a database that has `entities`; return its rows.

    These are the entities of the graph that the lake names another number of times than when they got their vector,
    or whose vector is of another model.
    """
    stage(session, database, "embedded", _EMBEDDED_SCHEMA, _EMBEDDED, model=model)
    database.execute(_CHANGED)
    [[rows]] = database.execute("SELECT count(*) FROM changed").fetchall()
    return int(rows)


def write_vectors(
    session: Session, model: str, ids: Sequence[str], mentions: Sequence[int], vectors: Sequence[Sequence[float]]
) -> int:
    """Set the vectors of entities; return how many of these there are."""
    written = 0
    for start in range(0, len(ids), TRANSACTION_ROWS):
        part = slice(start, start + TRANSACTION_ROWS)
        written += session.execute_write(_write, model, ids[part], mentions[part], vectors[part])
    return written


def _write(
    tx: ManagedTransaction, model: str, ids: Sequence[str], mentions: Sequence[int], vectors: Sequence[Sequence[float]]
) -> int:
    tx.run(LOCK, ids=sorted(ids)).consume()
    return int(tx.run(_WRITE, model=model, ids=ids, mentions=mentions, vectors=vectors).single(strict=True)["n"])
