"""Messages as lines of JSON, at hundreds of megabytes a second: DuckDB writes them, column by column."""

from collections.abc import Iterable, Iterator
from functools import cache

import duckdb
import pyarrow as pa

from helix_pipeline.domain.context.conversation import CONVERSATION

LINES = 8_192
_COLUMNS = ", ".join(
    "strftime(timestamp, '%Y-%m-%dT%H:%M:%S.%fZ') AS timestamp" if name == "timestamp" else name
    for name in CONVERSATION.names
)
_SQL = f"SELECT to_json(m)::VARCHAR || chr(10) AS line FROM (SELECT {_COLUMNS} FROM messages) AS m"  # noqa: S608


def encoded(batches: Iterable[pa.Table]) -> Iterator[bytes]:
    """Yield messages (`CONVERSATION`) as UTF-8 text, an object and a line end for each, in pieces of many lines."""
    with _database().cursor() as database:
        for batch in batches:
            place = batch.schema.get_field_index("timestamp")
            utc = batch["timestamp"].cast(pa.timestamp("us"))
            database.register("messages", batch.set_column(place, "timestamp", utc))
            for lines in database.sql(_SQL).to_arrow_reader(LINES):
                yield _joined(lines.column(0))
            database.unregister("messages")


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """Return the one database of the process, which is empty: each use has a cursor of its own."""
    return duckdb.connect(config={"threads": 1})


def _joined(lines: pa.StringArray) -> bytes:
    """Return texts as one: in memory they stand one after the other already."""
    _, offsets, texts = lines.buffers()
    bounds = memoryview(offsets).cast("i")
    return bytes(texts[bounds[lines.offset] : bounds[lines.offset + len(lines)]])
