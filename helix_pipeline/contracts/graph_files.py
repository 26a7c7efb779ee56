"""Schemas of the tables of a snapshot of the graph, which lies in the lake under `graph/`."""

import pyarrow as pa

MILLISECONDS = pa.timestamp("ms", tz="UTC")

ENTITIES = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("type", pa.string(), nullable=False),
        pa.field("subtype", pa.string(), nullable=False),
        pa.field("mentions", pa.int64(), nullable=False),
        pa.field("messages", pa.int64(), nullable=False),
        pa.field("first_seen", MILLISECONDS),
        pa.field("last_seen", MILLISECONDS),
        pa.field("community", pa.int64()),
        pa.field("aliases", pa.list_(pa.string())),
    ]
)
"""One row for each entity. What the graph does not know yet is the id for a name, empty text, 0 or null."""

PAIRS = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("target", pa.string(), nullable=False),
        pa.field("frequency", pa.int64(), nullable=False),
        pa.field("first", MILLISECONDS),
        pa.field("last", MILLISECONDS),
    ]
)
"""One row for each two entities named in one message: `frequency` messages, of which the first and the last."""

STATED = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("target", pa.string(), nullable=False),
        pa.field("by_user", pa.bool_(), nullable=False),
        pa.field("type", pa.string(), nullable=False),
        pa.field("strength", pa.float64()),
        pa.field("confidence", pa.float64()),
        pa.field("statements", pa.int64()),
        pa.field("valid_from", MILLISECONDS),
        pa.field("valid_to", MILLISECONDS),
        pa.field("learnt_at", MILLISECONDS),
        pa.field("closed_by", pa.string()),
        pa.field("closed_at", MILLISECONDS),
        pa.field("last_stated", MILLISECONDS),
        pa.field("evidence", pa.list_(pa.string())),
    ]
)
"""One row for each interval in which a relation holds, as it is in the graph; with `by_user` the source is a user."""

MENTIONED = pa.schema(
    [
        pa.field("entity", pa.string(), nullable=False),
        pa.field("conversation", pa.string(), nullable=False),
        pa.field("count", pa.int64(), nullable=False),
        pa.field("first", MILLISECONDS),
        pa.field("last", MILLISECONDS),
    ]
)
"""One row for each entity and conversation that names it `count` times."""

SAME = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("target", pa.string(), nullable=False),
        pa.field("reason", pa.string()),
        pa.field("confidence", pa.float64()),
    ]
)
"""One row for each entity that is another one: the alias, and the canonical one."""

SNAPSHOT: dict[str, pa.Schema] = {
    "pairs": PAIRS,
    "stated": STATED,
    "mentioned": MENTIONED,
    "same": SAME,
    "entities": ENTITIES,
}
"""The tables of a snapshot in the order they are read in: an end of a relation is there when the entities are."""
