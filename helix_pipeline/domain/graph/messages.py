"""What the events of conversations add to the graph: messages, users, entities, and which of them meet."""

from collections.abc import Callable
from functools import cache
from itertools import groupby
from operator import itemgetter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from helix_pipeline.contracts.events import ConversationCompleted, MessageAdded
from helix_pipeline.domain.entities.cooccurrence import pairs
from helix_pipeline.domain.entities.extraction import Extraction
from helix_pipeline.domain.entities.types import in_graph
from helix_pipeline.domain.graph.claims import statement_deltas
from helix_pipeline.domain.graph.deltas import (
    COMPLETED,
    CONVERSATION,
    ENTITY,
    MENTION,
    NAMING,
    PAIR,
    PARTICIPANT,
    counted,
)
from helix_pipeline.domain.graph.labels import fits, packed
from helix_pipeline.domain.relationships.stated import milliseconds, stated
from helix_pipeline.domain.relationships.stated import rows as as_statements
from helix_pipeline.domain.relationships.statements import speaker, statements

MESSAGE = MessageAdded.model_fields["event_type"].default
END = ConversationCompleted.model_fields["event_type"].default

COLUMNS = (
    "event_type",
    "conversation_id",
    "message_id",
    "role",
    "user_id",
    "content",
    "timestamp",
    "ingested_at",
)
"""What of an event matters to the graph."""

_KIND = ["type", "subtype"]
_NAMED = ["entity_id", "entity_name", "surface"]


def said(rows: pa.RecordBatch, extraction: Extraction) -> pa.Table:
    """Return what conversation events add as a table of `deltas.SCHEMA`: what they name, and what they state.

    `rows` have `COLUMNS`; an event without content names nothing.
    """
    contents = pc.fill_null(rows["content"], "").to_pylist()
    mentions = nodes(extraction.mentions(contents))
    speakers = list(map(speaker, rows["role"].to_pylist(), rows["user_id"].to_pylist()))
    claims = stated(statements(contents, mentions, speakers), rows)
    return pa.concat_tables([deltas(rows, mentions), statement_deltas(as_statements(claims))])


def nodes(mentions: pa.Table) -> pa.Table:
    """Return those of the mentions (rows of `extraction.MENTIONS`) whose entities are nodes of the graph."""
    return _where(_where(mentions, _KIND, in_graph), _NAMED, fits)


def deltas(rows: pa.RecordBatch, mentions: pa.Table) -> pa.Table:
    """Return what conversation events add, as a table of `deltas.SCHEMA`.

    `rows` have `COLUMNS`; `mentions` are the `nodes` that their contents name, by the index of their row.
    """
    seen = milliseconds(rows["timestamp"])
    said, ended = pc.equal(rows["event_type"], MESSAGE), pc.equal(rows["event_type"], END)
    user = pc.and_(said, pc.is_valid(rows["user_id"]))
    conversation = rows["conversation_id"]
    parts = [
        counted(CONVERSATION, conversation.filter(said), seen.filter(said)),
        counted(COMPLETED, conversation.filter(ended), seen.filter(ended)),
        counted(PARTICIPANT, conversation.filter(user), seen.filter(user), b=rows["user_id"].filter(user)),
        *_of_mentions(mentions.combine_chunks(), conversation, seen),
    ]
    return pa.concat_tables(parts)


def _where(table: pa.Table, names: list[str], test: Callable[..., bool]) -> pa.Table:
    """Return the rows that pass a test of some columns, which is made once for equal values."""
    asked = cache(test)
    passed = [asked(*values) for values in zip(*(table[name].to_pylist() for name in names), strict=True)]
    return table.filter(pa.array(passed, pa.bool_()))


def _flat(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks()


def _of_mentions(mentions: pa.Table, conversation: pa.Array, seen: pa.Array) -> list[pa.Table]:
    where, entity = _flat(mentions["row"]), _flat(mentions["entity_id"])
    at = seen.take(where)
    first = _first_of_message(where, entity)
    naming = seen.take(pc.unique(where))
    return [
        counted(ENTITY, entity, at, b=_flat(mentions["surface"]), detail=_labels(mentions), messages=first),
        counted(MENTION, entity, at, b=conversation.take(where)),
        counted(NAMING, pa.repeat("", len(naming)), naming),
        _pairs(where, entity, seen),
    ]


def _first_of_message(where: pa.Array, entity: pa.Array) -> pa.Array:
    """Return 1 for each mention that is the first of its entity in its message, else 0."""
    codes = entity.dictionary_encode()
    keys = where.to_numpy().astype(np.int64) * max(len(codes.dictionary), 1) + codes.indices.to_numpy()
    flags: NDArray[np.int64] = np.zeros(len(keys), np.int64)
    flags[np.unique(keys, return_index=True)[1]] = 1
    return pa.array(flags)


def _labels(mentions: pa.Table) -> pa.Array:
    """Return the packed label of each mention; labels repeat much more often than not."""
    columns = [mentions[name].to_pylist() for name in ("entity_name", "type", "subtype")]
    made: dict[tuple[str, ...], str] = {}
    found = [made.get(label) or made.setdefault(label, packed(*label)) for label in zip(*columns, strict=True)]
    return pa.array(found, pa.string())


def _pairs(where: pa.Array, entity: pa.Array, seen: pa.Array) -> pa.Table:
    rows = zip(where.to_pylist(), entity.to_pylist(), strict=True)
    by_message = [(row, [id for _, id in named]) for row, named in groupby(rows, key=itemgetter(0))]
    found = [(row, *pair) for row, ids in by_message if len(ids) > 1 for pair in pairs(ids)]
    places, smaller, larger = zip(*found, strict=True) if found else ((), (), ())
    at = seen.take(pa.array(places, pa.int64()))
    return counted(PAIR, pa.array(smaller, pa.string()), at, b=pa.array(larger, pa.string()))
