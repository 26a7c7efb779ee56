"""What a batch of events adds to the graph: counters to add up, not rows to store.

A delta says that something (`kind`, `a`, `b`) was seen `n` more times between `first` and `last`. Deltas of the same
thing add up, so that a batch is aggregated before it reaches the graph. Each delta belongs to one of `BUCKETS`
buckets by a hash of `a`; the graph applies a bucket of a batch in one transaction.
"""

from collections.abc import Callable, Iterable, Sequence
from zlib import crc32

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

Key = tuple[int, str, str]


class Deltas:
    """Adds up deltas in memory; its size is bounded by the distinct things in the batches that it is fed."""

    def __init__(self, label: Callable[[str], tuple[str, str]]) -> None:
        """Take `label`, which gives (name, type) for an entity's id."""
        self._label = label
        self._counts: dict[Key, list[int]] = {}

    def __len__(self) -> int:
        return len(self._counts)

    def rows(self, rows: pa.RecordBatch, entities: Sequence[Sequence[str]]) -> None:
        """Add conversation events (rows of `event_schema(CONVERSATIONS)`) with the entity ids of each content."""
        millis = pc.divide(pc.cast(rows["timestamp"], pa.int64()), 1000).to_pylist()
        columns = [rows[name].to_pylist() for name in ("event_type", "conversation_id", "user_id")]
        for kind, conversation, user, found, at in zip(*columns, entities, millis, strict=True):
            if kind == MESSAGE:
                self.message(conversation, user, found, at)
            elif kind == END:
                self.completed(conversation, at)

    def message(self, conversation: str, user: str | None, entities: Sequence[str], at: int) -> None:
        """Add a message of a conversation that mentions these entities (ids, with repeats) at this time."""
        self._add((CONVERSATION, conversation, ""), at)
        if user is not None:
            self._add((PARTICIPANT, conversation, user), at)
        for entity in entities:
            self._add((ENTITY, entity, ""), at)
            self._add((MENTION, conversation, entity), at)
        if len(entities) > 1:
            for smaller, larger in pairs(entities):
                self._add((PAIR, smaller, larger), at)

    def completed(self, conversation: str, at: int) -> None:
        """Add the end of a conversation."""
        self._add((COMPLETED, conversation, ""), at)

    def table(self) -> pa.Table:
        """Return the deltas as a table of `SCHEMA`."""
        kinds, firsts, _ = zip(*self._counts, strict=True) if self._counts else ((), (), ())
        n, first, last = zip(*self._counts.values(), strict=True) if self._counts else ((), (), ())
        seconds = tuple(self._entity(a) if kind == ENTITY else b for kind, a, b in self._counts)
        columns = [kinds, [bucket(a) for a in firsts], firsts, seconds, n, first, last]
        return pa.table([pa.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)], schema=SCHEMA)

    def _entity(self, entity: str) -> str:
        name, kind = self._label(entity)
        return f"{kind}\t{name}"

    def _add(self, key: Key, at: int) -> None:
        count = self._counts.get(key)
        if count is None:
            self._counts[key] = [1, at, at]
            return
        count[0] += 1
        if at < count[1]:
            count[1] = at
        elif at > count[2]:
            count[2] = at


def bucket(a: str) -> int:
    """Return the bucket of a delta, the same on every machine and in every run."""
    return crc32(a.encode()) % BUCKETS


def add_up(tables: Iterable[pa.Table]) -> pa.Table:
    """Add up the deltas of several batches: one row for each (`kind`, `a`, `b`), ordered by bucket and kind."""
    whole = pa.concat_tables([SCHEMA.empty_table(), *tables])
    summed = whole.group_by(["bucket", "kind", "a", "b"]).aggregate([("n", "sum"), ("first", "min"), ("last", "max")])
    order = pc.sort_indices(summed, sort_keys=[(name, "ascending") for name in ("bucket", "kind", "a", "b")])
    return summed.rename_columns(["bucket", "kind", "a", "b", "n", "first", "last"]).take(order)
