"""Statements of texts with the message that makes them and its times: as columns, what the lake and the graph keep."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from helix_pipeline.domain.relationships.intervals import Statement, statement_id

STATED = pa.schema(
    [
        pa.field("subject_id", pa.string(), nullable=False),
        pa.field("relation", pa.string(), nullable=False),
        pa.field("object_id", pa.string(), nullable=False),
        pa.field("object_kind", pa.string(), nullable=False),
        pa.field("ended", pa.bool_(), nullable=False),
        pa.field("stated_at", pa.int64(), nullable=False),
        pa.field("id", pa.string(), nullable=False),
        pa.field("learnt_at", pa.int64(), nullable=False),
        pa.field("confidence", pa.float64(), nullable=False),
        pa.field("cue", pa.string(), nullable=False),
        pa.field("conversation_id", pa.string(), nullable=False),
        pa.field("message_id", pa.string(), nullable=False),
    ]
)
"""`Statement` as a row: the same names in the same order."""


def stated(found: pa.Table, messages: pa.RecordBatch | pa.Table) -> pa.Table:
    """Return `STATEMENTS` as `STATED`.

    `messages` has the rows of the texts, with `conversation_id`, `message_id`, `timestamp`, and as `ingested_at` the
    broker's time, when the statement was learnt.
    """
    about = messages.select(["conversation_id", "message_id", "timestamp", "ingested_at"]).take(
        found["row"].combine_chunks()
    )
    columns = {name: found[name] for name in STATED.names if name in found.schema.names}
    columns |= {name: about[name] for name in ("conversation_id", "message_id")}
    columns |= {"stated_at": milliseconds(about["timestamp"]), "learnt_at": milliseconds(about["ingested_at"])}
    places = (columns["conversation_id"], columns["message_id"], found["start"])
    ids = [statement_id(*place) for place in zip(*(place.to_pylist() for place in places), strict=True)]
    return pa.table({**columns, "id": pa.array(ids, pa.string())}).select(STATED.names).cast(STATED)


def milliseconds(times: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    """Return times as milliseconds since 1970 in UTC, cut off."""
    return pc.cast(pc.cast(times, pa.timestamp("ms", tz="UTC"), safe=False), pa.int64())


def rows(table: pa.Table) -> Iterator[Statement]:
    """Yield the statements of a table that has the columns of `STATED`."""
    return (Statement(*row) for row in zip(*(table[name].to_pylist() for name in STATED.names), strict=True))
