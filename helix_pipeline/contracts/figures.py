"""Rows of figures that the API records of itself: one for each request, one for each compression."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import pyarrow as pa

_TIME = pa.timestamp("ms", tz="UTC")


class RequestRow(msgspec.Struct, frozen=True):
    """A request that was answered. `route` is the template of its path."""

    timestamp: datetime
    request_id: str
    method: str
    route: str
    status: int
    duration_ms: float


class CompressionRow(msgspec.Struct, frozen=True):
    """A conversation that was compressed for a caller, or was `cached`."""

    timestamp: datetime
    conversation_id: str
    strategy: str
    cached: bool
    original_messages: int
    original_tokens: int
    compressed_tokens: int
    quality_score: float | None
    duration_ms: float


Row = RequestRow | CompressionRow

TABLES: dict[str, type[RequestRow] | type[CompressionRow]] = {
    "usage_stats": RequestRow,
    "compression_stats": CompressionRow,
}
"""Table of the warehouse -> what its rows are."""

_TYPES = {
    datetime: _TIME,
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    float | None: pa.float64(),
}


def schema(table: str) -> pa.Schema:
    """Return the Arrow schema of a table's rows."""
    return pa.schema([(one.name, _TYPES[one.type]) for one in msgspec.structs.fields(TABLES[table])])


def as_table(table: str, rows: Sequence[Row]) -> pa.Table:
    """Return rows of a table as columns."""
    return pa.Table.from_pylist([msgspec.structs.asdict(row) for row in rows], schema(table))
