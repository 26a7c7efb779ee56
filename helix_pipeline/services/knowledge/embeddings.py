"""Vectors of entities: the mean of what the latest messages say around their names.

An entity gets a new one when the lake names it more often or less often since, or the model is another one. Texts are
read from the lake by DuckDB, on disk where memory does not suffice.
"""

from collections.abc import Iterator
from typing import Any

import duckdb
import numpy as np
from neo4j import Driver

from helix_pipeline.domain.context.retrieval.embedding import unit
from helix_pipeline.errors import SettingsError
from helix_pipeline.services.knowledge.meaning import Embedder, embedder
from helix_pipeline.settings import Settings
from helix_pipeline.stores.graph import Graph
from helix_pipeline.stores.graph_embeddings import fit_index, stage_changed, write_vectors
from helix_pipeline.stores.graph_snapshot import Tell

CONTEXTS = 16
"""Messages of an entity that are read, the latest."""

AROUND = 240
"""Characters before and after a name that are its context."""

BATCH = 2_048
"""Contexts that are embedded at a time."""

_CONTEXTS = f"""
WITH latest AS (
  SELECT entity_id, mentions, conversation_id, message_id, min(start) AS start
  FROM entities JOIN changed USING (entity_id)
  GROUP BY entity_id, mentions, conversation_id, message_id
  QUALIFY row_number() OVER (PARTITION BY entity_id ORDER BY max(timestamp) DESC, conversation_id, message_id)
    <= {CONTEXTS}
), texts AS (
  SELECT conversation_id, message_id, any_value(content) AS content FROM conversations
  SEMI JOIN latest USING (conversation_id, message_id) WHERE content IS NOT NULL GROUP BY ALL
)
SELECT entity_id, mentions, substring(content, greatest(start - {AROUND}, 0) + 1, {2 * AROUND}) AS context
FROM latest JOIN texts USING (conversation_id, message_id) ORDER BY entity_id, conversation_id, message_id
"""  # noqa: S608 - constants


def refresh_embeddings(
    settings: Settings, connection: Driver, graph: Graph, database: duckdb.DuckDBPyConnection, tell: Tell
) -> int:
    """Set the vectors of the entities that the lake names another number of times than when they got theirs.

    Returns how many. `database` has the tables `entities` and `conversations` of the lake. Raises StoreError where an
    endpoint fails, and SettingsError where its vectors are not of `graph.embedding_size` numbers.
    """
    embed, written = embedder(settings), 0
    _check_size(embed, settings.graph.embedding_size)
    with connection.session(database=graph.database) as session:
        fit_index(session, settings.graph.embedding_size)
        changed = stage_changed(session, database, embed.model)
        for ids, mentions, vectors in _vectors(database, embed):
            written += write_vectors(session, embed.model, ids, mentions, vectors)
            tell("embeddings", written, changed)
    return written


def _check_size(embed: Embedder, size: int) -> None:
    """Ask for one vector: where an endpoint fails or does not fit, the vectors that there are stay."""
    found = embed.vectors(["entity"]).shape[1]
    if found != size:
        raise SettingsError(
            f"graph.embedding_size is {size}, but the vectors of {embed.model!r} have {found} numbers: "
            f"set HELIX_GRAPH_EMBEDDING_SIZE={found}"
        )


def _vectors(
    database: duckdb.DuckDBPyConnection, embed: Embedder
) -> Iterator[tuple[list[str], list[int], list[list[float]]]]:
    """Yield ids of entities, their mentions, and the means of their contexts."""
    for rows in _whole_entities(database.execute(_CONTEXTS)):
        found = unit(embed.vectors([context for _, _, context in rows]))
        firsts = [place for place, row in enumerate(rows) if not place or row[0] != rows[place - 1][0]]
        means = unit(np.add.reduceat(found, firsts, axis=0))
        yield [rows[first][0] for first in firsts], [rows[first][1] for first in firsts], means.tolist()


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
