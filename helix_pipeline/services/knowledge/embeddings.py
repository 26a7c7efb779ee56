"""Vectors of entities: the mean of what the latest messages say around their names.

An entity gets a new one when messages named it since. Texts are read from the lake by DuckDB, on disk where memory does
not suffice.
"""

from collections.abc import Iterator
from typing import Any

import duckdb
import numpy as np
from neo4j import Driver

from helix_pipeline.domain.context.retrieval.embedding import unit
from helix_pipeline.services.knowledge.meaning import Embed, embedder
from helix_pipeline.settings import Settings
from helix_pipeline.stores.graph import Graph
from helix_pipeline.stores.graph_embeddings import changed_entities, write_vectors
from helix_pipeline.stores.graph_snapshot import Tell

CONTEXTS = 16
"""Messages of an entity that are read, the latest."""

AROUND = 240
"""Characters before and after a name that are its context."""

BATCH = 2_048
"""Contexts that are embedded at a time."""

_CONTEXTS = f"""
WITH latest AS (
  SELECT entity_id, conversation_id, message_id, min(start) AS start, max(timestamp) AS at
  FROM entities SEMI JOIN changed USING (entity_id)
  GROUP BY entity_id, conversation_id, message_id
  QUALIFY row_number() OVER (PARTITION BY entity_id ORDER BY max(timestamp) DESC, conversation_id, message_id)
    <= {CONTEXTS}
), texts AS (
  SELECT conversation_id, message_id, any_value(content) AS content FROM conversations
  SEMI JOIN latest USING (conversation_id, message_id) WHERE content IS NOT NULL GROUP BY ALL
)
SELECT entity_id, substring(content, greatest(start - {AROUND}, 0) + 1, {2 * AROUND}) AS context
FROM latest JOIN texts USING (conversation_id, message_id) ORDER BY entity_id, conversation_id, message_id
"""  # noqa: S608 - constants


def refresh_embeddings(
    settings: Settings, connection: Driver, graph: Graph, database: duckdb.DuckDBPyConnection, tell: Tell
) -> int:
    """Set the vectors of the entities that were named since they got theirs; return how many.

    `database` has the tables `entities` and `conversations` of the lake. Raises StoreError where an endpoint fails.
    """
    with connection.session(database=graph.database) as session:
        changed = changed_entities(session)
        database.register("changed", changed)
        written = 0
        for ids, vectors in _vectors(database, embedder(settings)):
            written += write_vectors(session, ids, vectors)
            tell("embeddings", written, len(changed))
    return written


def _vectors(database: duckdb.DuckDBPyConnection, embed: Embed) -> Iterator[tuple[list[str], list[list[float]]]]:
    """Yield ids of entities and the means of their contexts."""
    for rows in _whole_entities(database.execute(_CONTEXTS)):
        found = unit(embed([context for _, context in rows]))
        starts = [0, *np.flatnonzero(np.array([row[0] for row in rows[1:]]) != [row[0] for row in rows[:-1]]) + 1]
        means = unit(np.add.reduceat(found, starts, axis=0))
        yield [rows[start][0] for start in starts], means.tolist()


def _whole_entities(found: duckdb.DuckDBPyConnection) -> Iterator[list[Any]]:
    """Yield rows, about `BATCH` at a time, all of an entity together."""
    gathered: list[Any] = []
    while rows := found.fetchmany(BATCH):
        gathered += rows
        last = gathered[-1][0]
        whole = [row for row in gathered if row[0] != last]
        if whole:
            yield whole
            gathered = gathered[len(whole) :]
    if gathered:
        yield gathered
