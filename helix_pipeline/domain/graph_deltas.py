"""What a batch of events adds to the graph: counters to add up, not rows to store.

A delta says that something (`kind`, `a`, `b`) was seen `n` more times between `first` and `last`. Deltas of the same
thing add up, so that a batch is aggregated before it reaches the graph. Each delta belongs to one of `BUCKETS`
buckets by a hash of `a`; the graph applies a bucket of a batch as a whole or not at all.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from helix_pipeline.contracts.events import ConversationCompleted, MessageAdded
from helix_pipeline.domain.entities.cooccurrence import pairs

CONVERSATION, COMPLETED, PARTICIPANT, ENTITY, MENTION, PAIR = range(6)
"""Kinds: a conversation's messages, its end, a user in a conversation, an entity, in a conversation an entity,
two entities in one message."""

MESSAGE = MessageAdded.model_fields["event_type"].default
END = ConversationCompleted.model_fields["event_type"].default

BUCKETS = 8
"""Fixed: a replayed batch must fall into the same buckets, whatever the number of writers."""

SCHEMA = pa.schema(
    [
        pa.field("kind", pa.int8()),
        pa.field("bucket", pa.int32()),
        pa.field("a", pa.string()),
        pa.field("b", pa.string()),
        pa.field("n", pa.int64()),
        pa.field("first", pa.int64()),
        pa.field("last", pa.int64()),
    ]
)
"""`first` and `last` are milliseconds since 1970 in UTC; `b` of an entity is its type and name, tab-separated."""

Label = Callable[[str], tuple[str, str]]
"""Gives (name, type) for an entity's id."""

KEYS = ("bucket", "kind", "a", "b")


def deltas(rows: pa.RecordBatch, entities: Sequence[Sequence[str]], label: Label) -> pa.Table:
    """Return what conversation events add, added up, as a table of `SCHEMA`.

    `rows` are of `event_schema(CONVERSATIONS)`; `entities` are the ids mentioned in the content of each row, in order
    and with repeats (none for an event without content).
    """
    seen = pc.divide(pc.cast(rows["timestamp"], pa.int64()), 1000)
    said, ended = pc.equal(rows["event_type"], MESSAGE), pc.equal(rows["event_type"], END)
    user = pc.and_(said, pc.is_valid(rows["user_id"]))
    conversation = rows["conversation_id"]
    mentioned = pa.array(list(chain.from_iterable(entities)), pa.string())
    where = np.repeat(np.arange(rows.num_rows), np.fromiter(map(len, entities), np.int64, rows.num_rows))
    parts = [
        _part(CONVERSATION, conversation.filter(said), None, seen.filter(said)),
        _part(COMPLETED, conversation.filter(ended), None, seen.filter(ended)),
        _part(PARTICIPANT, conversation.filter(user), rows["user_id"].filter(user), seen.filter(user)),
        _labelled(_part(ENTITY, mentioned, None, seen.take(where)), label),
        _part(MENTION, conversation.take(where), mentioned, seen.take(where)),
        _pairs(entities, seen),
    ]
    return pa.concat_tables(parts)


def add_up(tables: Iterable[pa.Table]) -> pa.Table:
    """Add up the deltas of several batches: one row for each (`kind`, `a`, `b`), ordered by bucket and kind."""
    whole = pa.concat_tables([SCHEMA.empty_table(), *tables])
    counted = whole.group_by(list(KEYS), use_threads=False)
    summed = counted.aggregate([("n", "sum"), ("first", "min"), ("last", "max")])
    named = summed.rename_columns([*KEYS, "n", "first", "last"]).select(SCHEMA.names)
    return named.take(pc.sort_indices(named, sort_keys=[(name, "ascending") for name in KEYS]))


def bucket(a: str) -> int:
    """Return the bucket of a delta, the same on every machine and in every run."""
    return crc32(a.encode()) % BUCKETS


def _part(kind: int, a: pa.Array, b: pa.Array | None, seen: pa.Array) -> pa.Table:
    """Count one kind of things: each pair of `a` and `b` once, with how often and when it was seen."""
    seconds = b if b is not None else pa.repeat("", len(a))
    counted = pa.table({"a": a, "b": seconds, "at": seen}).group_by(["a", "b"], use_threads=False)
    found = counted.aggregate([("at", "count"), ("at", "min"), ("at", "max")])
    columns = [_repeated(kind, found.num_rows), _buckets(found["a"]), *(found[name] for name in _COUNTED)]
    return pa.table(dict(zip(SCHEMA.names, columns, strict=True))).cast(SCHEMA)


_COUNTED = ("a", "b", "at_count", "at_min", "at_max")


def _repeated(kind: int, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(kind, pa.int8()), count)


def _buckets(a: pa.ChunkedArray) -> pa.Array:
    encoded = a.combine_chunks().dictionary_encode()
    places = pa.array([bucket(value) for value in encoded.dictionary.to_pylist()], pa.int32())
    return places.take(encoded.indices)


def _labelled(part: pa.Table, label: Label) -> pa.Table:
    names = ["\t".join(reversed(label(entity))) for entity in part["a"].to_pylist()]
    return part.set_column(SCHEMA.get_field_index("b"), SCHEMA.field("b"), pa.array(names, pa.string()))


def _pairs(entities: Sequence[Sequence[str]], seen: pa.Array) -> pa.Table:
    found = [(pair, row) for row, ids in enumerate(entities) if len(ids) > 1 for pair in pairs(ids)]
    smaller = pa.array([pair[0] for pair, _ in found], pa.string())
    larger = pa.array([pair[1] for pair, _ in found], pa.string())
    return _part(PAIR, smaller, larger, seen.take(pa.array([row for _, row in found], pa.int64())))
