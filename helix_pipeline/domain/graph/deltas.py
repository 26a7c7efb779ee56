"""A delta: something was seen so many more times. Deltas of the same thing add up, in any order and grouping.

A batch is added up before it reaches the graph. Each delta belongs to one of `BUCKETS` buckets by a hash of `a`; the
graph applies a bucket of a batch as a whole or not at all.
"""

from collections.abc import Iterable
from zlib import crc32

import pyarrow as pa
import pyarrow.compute as pc

CONVERSATION, COMPLETED, PARTICIPANT, ENTITY, MENTION, PAIR, NAMING, STATEMENT = range(8)
"""Kinds, with what `a` and `b` are:

- CONVERSATION: messages of the conversation `a`; COMPLETED: its end; PARTICIPANT: messages of the user `b` in it.
- ENTITY: the entity `a` called `b`, its label in `detail`; `messages` counts each message once over all its names.
- MENTION: the entity `a` in the conversation `b`. PAIR: messages that name both entities, `a` < `b`.
- NAMING: messages that name any entity; `a` is empty.
- STATEMENT: something stated of the subject `a` under the key `b`, in `detail` (see domain.graph.claims).
"""

BUCKETS = 8
"""Fixed: a replayed batch must fall into the same buckets, whatever the number of writers."""

SCHEMA = pa.schema(
    [
        pa.field("kind", pa.int8()),
        pa.field("bucket", pa.int32()),
        pa.field("a", pa.string()),
        pa.field("b", pa.string()),
        pa.field("detail", pa.string()),
        pa.field("n", pa.int64()),
        pa.field("messages", pa.int64()),
        pa.field("first", pa.int64()),
        pa.field("last", pa.int64()),
    ]
)
"""`first` and `last` are milliseconds since 1970 in UTC; `detail` is JSON, or empty."""

KEYS = ("bucket", "kind", "a", "b", "detail")
_SEEN = ("kind", "a", "b", "detail", "n", "messages", "at")


def add_up(tables: Iterable[pa.Table]) -> pa.Table:
    """Add up the deltas of several batches: one row for each of `KEYS`, in their order."""
    whole = pa.concat_tables([SCHEMA.empty_table(), *tables])
    counted = whole.group_by(list(KEYS), use_threads=False)
    summed = counted.aggregate([("n", "sum"), ("messages", "sum"), ("first", "min"), ("last", "max")])
    named = summed.rename_columns([*KEYS, "n", "messages", "first", "last"]).select(SCHEMA.names)
    return named.take(pc.sort_indices(named, sort_keys=[(name, "ascending") for name in KEYS]))


def counted(
    kind: int,
    a: pa.Array,
    at: pa.Array,
    *,
    b: pa.Array | None = None,
    detail: pa.Array | None = None,
    n: pa.Array | int = 1,
    messages: pa.Array | int = 0,
) -> pa.Table:
    """Return one delta for each distinct (`a`, `b`, `detail`) of what was seen `at` these times, in milliseconds.

    `n` and `messages` are what each row counts for. Columns are of one length; what is left out is empty.
    """
    columns = (_filled(kind, len(a), pa.int8()), a, *(_text(each, len(a)) for each in (b, detail)))
    figures = (_figures(n, len(a)), _figures(messages, len(a)), at)
    seen = pa.table(dict(zip(_SEEN, (*columns, *figures), strict=True)))
    grouped = seen.group_by(["kind", "a", "b", "detail"], use_threads=False)
    found = grouped.aggregate([("n", "sum"), ("messages", "sum"), ("at", "min"), ("at", "max")])
    kinds, names, *rest = found.columns
    return pa.table([kinds, _buckets(names), names, *rest], names=SCHEMA.names).cast(SCHEMA)


def bucket(a: str) -> int:
    """Return the bucket of a delta, the same on every machine and in every run."""
    return crc32(a.encode()) % BUCKETS


def _filled(value: int, count: int, kind: pa.DataType) -> pa.Array:
    return pa.repeat(pa.scalar(value, kind), count)


def _text(column: pa.Array | None, count: int) -> pa.Array:
    return column if column is not None else pa.repeat("", count)


def _figures(column: pa.Array | int, count: int) -> pa.Array:
    return _filled(column, count, pa.int64()) if isinstance(column, int) else column


def _buckets(a: pa.ChunkedArray) -> pa.Array:
    encoded = a.combine_chunks().dictionary_encode()
    places = pa.array([bucket(value) for value in encoded.dictionary.to_pylist()], pa.int32())
    return places.take(encoded.indices)
