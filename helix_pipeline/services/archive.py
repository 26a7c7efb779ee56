"""The archive: one Parquet file for each conversation and debate, beside the lake's tables, where VACUUM never looks.

`archive/conversations/year=YYYY/month=MM/day=DD/conversation_<id>.parquet`, likewise `debates`; the day is that of the
entity's first event. A file holds each event once and in order, so a second call writes the same content again. Rows
are sorted by DuckDB, on disk where memory does not suffice.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import blake2b
from itertools import groupby
from urllib.parse import quote
from uuid import uuid4

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow import fs

from helix_pipeline.contracts.rows import PARTITION_COLUMNS
from helix_pipeline.contracts.tables import LAKE_CONVERSATIONS, LAKE_DEBATES, LakeTable
from helix_pipeline.errors import StoreError, UsageError
from helix_pipeline.settings import Settings
from helix_pipeline.stores.lake import Lake, open_lake, open_table

FOLDER = "archive"
LONGEST_NAME = 160
"""Bytes of an encoded id that fit into a file name (255 on common file systems) with what stands around it."""

BATCH_ROWS = 16_384
DATABASE: dict[str, str | int | float | list[str]] = {"memory_limit": "512MB", "threads": 2}


@dataclass(frozen=True)
class Archived:
    """A file that was written: where it is, how many events it holds, and its size in bytes."""

    path: str
    rows: int
    bytes: int


@dataclass(frozen=True)
class Kind:
    """What can be archived: the entities of a lake table. `order` sorts the events of one."""

    name: str
    table: LakeTable
    order: tuple[str, ...]

    @property
    def id_column(self) -> str:
        """Return the column that names the entity."""
        return f"{self.name}_id"


CONVERSATION = Kind("conversation", LAKE_CONVERSATIONS, ("sequence", "timestamp"))
DEBATE = Kind("debate", LAKE_DEBATES, ("timestamp", "round", "turn"))


def archive_conversation(settings: Settings, conversation_id: str) -> Archived:
    """Write the archive file of a conversation, in place of an earlier one.

    Raises UsageError where the lake has no such conversation, StoreError where a store cannot be read or written.
    """
    return _archive_one(settings, CONVERSATION, conversation_id)


def archive_debate(settings: Settings, debate_id: str) -> Archived:
    """Write the archive file of a debate, in place of an earlier one; raises as `archive_conversation`."""
    return _archive_one(settings, DEBATE, debate_id)


def archive_day(settings: Settings, day: date, advance: Callable[[Archived], None] = lambda _: None) -> list[Archived]:
    """Write the files of all conversations and debates that began on a day (UTC); `advance` hears of each.

    Later events of them are in the files as well. Raises StoreError where a store cannot be read or written.
    """
    found = []
    for kind in (CONVERSATION, DEBATE):
        for archived in _archive_day(open_lake(settings), kind, day):
            advance(archived)
            found.append(archived)
    return found


def file_name(kind: Kind, entity_id: str) -> str:
    """Return a name that is safe for any id: percent-encoded, and cut with a hash where it would be too long."""
    encoded = quote(entity_id, safe="")
    if len(encoded) > LONGEST_NAME:
        encoded = f"{encoded[:LONGEST_NAME]}~{blake2b(entity_id.encode(), digest_size=16).hexdigest()}"
    return f"{kind.name}_{encoded}.parquet"


ORDERED = """
SELECT * EXCLUDE copy FROM (
  SELECT *, epoch_us(min(timestamp) OVER (PARTITION BY {id})) AS began,
    row_number() OVER (PARTITION BY {id}, event_id ORDER BY kafka_partition, kafka_offset) AS copy
  FROM {rows}
) WHERE copy = 1 ORDER BY {id}, {order}, kafka_partition, kafka_offset
"""
"""Events of each entity, one after the other. Producers without the ledger may send an event twice."""


def _archive_one(settings: Settings, kind: Kind, entity_id: str) -> Archived:
    lake = open_lake(settings)
    unknown = UsageError(f"no {kind.name} {entity_id!r} in the lake {lake.root}; new events take seconds to arrive")
    try:
        same = ds.field(kind.id_column) == pa.scalar(entity_id)
    except UnicodeEncodeError:
        raise unknown from None
    with _database(lake) as database:
        database.register("rows", _scan(lake, kind, same))
        for archived in _write(lake, kind, _ordered(database, kind, "rows")):
            return archived
    raise unknown


def _archive_day(lake: Lake, kind: Kind, day: date) -> Iterator[Archived]:
    """Find who has events on the day, leave out who had some before, and read all that the others said since."""
    before, on, after = _split(day)
    column = kind.id_column
    with _database(lake) as database:
        database.register("rows", _scan(lake, kind, on, column))
        database.execute(f"CREATE TABLE ids AS SELECT DISTINCT {column} FROM rows")  # noqa: S608 - a column's name
        database.register("rows", _scan(lake, kind, before, column))
        database.execute(f"DELETE FROM ids USING rows WHERE ids.{column} = rows.{column}")  # noqa: S608 - as above
        database.register("rows", _scan(lake, kind, on | after))
        yield from _write(lake, kind, _ordered(database, kind, f"rows SEMI JOIN ids USING ({column})"))


def _split(day: date) -> tuple[ds.Expression, ds.Expression, ds.Expression]:
    """Return the partitions before a day, on it and after it."""
    year, month, number = (ds.field(name) for name in PARTITION_COLUMNS)
    same_month = (year == day.year) & (month == day.month)
    before = (year < day.year) | ((year == day.year) & (month < day.month)) | (same_month & (number < day.day))
    on = same_month & (number == day.day)
    after = (year > day.year) | ((year == day.year) & (month > day.month)) | (same_month & (number > day.day))
    return before, on, after


def _scan(lake: Lake, kind: Kind, where: ds.Expression, *columns: str) -> pa.RecordBatchReader:
    """Read rows in bounded batches. `where` is about partitions and ids, whose bounds every file has in the log."""
    table = open_table(lake, kind.table.name).to_pyarrow_dataset()
    names = list(columns) or kind.table.schema.names
    scanner = table.scanner(names, where, batch_size=BATCH_ROWS, batch_readahead=2, fragment_readahead=1)
    return scanner.to_reader()


def _ordered(database: duckdb.DuckDBPyConnection, kind: Kind, rows: str) -> pa.RecordBatchReader:
    sql = ORDERED.format(id=kind.id_column, rows=rows, order=", ".join(kind.order))
    return database.sql(sql).to_arrow_reader(BATCH_ROWS)


def _write(lake: Lake, kind: Kind, rows: pa.RecordBatchReader) -> Iterator[Archived]:
    """Write a file for each run of rows of one entity."""
    parts = (part for batch in rows for part in _by_entity(batch, kind.id_column))
    for (entity_id, began), batches in groupby(parts, key=lambda part: part[:2]):
        folder = f"{FOLDER}/{kind.table.name}/year={began:%Y}/month={began:%m}/day={began:%d}"
        name = file_name(kind, entity_id)
        yield _write_file(lake, folder, name, kind.table.schema, (batch for *_, batch in batches))


def _by_entity(batch: pa.RecordBatch, column: str) -> Iterator[tuple[str, date, pa.RecordBatch]]:
    runs = pc.run_end_encode(batch[column])
    start = 0
    for entity_id, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
        began = datetime.fromtimestamp(batch["began"][start].as_py() // 1_000_000, UTC).date()
        yield entity_id, began, batch.slice(start, end - start)
        start = end


def _write_file(lake: Lake, folder: str, name: str, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> Archived:
    """Write a file under another name and rename it when it is whole: readers see the old one or the new one."""
    files, root = lake.filesystem(folder)
    files.create_dir(root, recursive=True)
    unfinished = f"{root}/.{uuid4().hex}.tmp"
    count = 0
    try:
        with files.open_output_stream(unfinished) as sink, pq.ParquetWriter(sink, schema, compression="zstd") as writer:
            for batch in batches:
                writer.write_batch(batch.select(schema.names).cast(schema))
                count += batch.num_rows
        size = files.get_file_info(unfinished).size
        files.move(unfinished, f"{root}/{name}")
    finally:
        if files.get_file_info(unfinished).type is not fs.FileType.NotFound:
            files.delete_file(unfinished)
    return Archived(f"{lake.spark_uri(folder)}/{name}", count, size)


@contextmanager
def _database(lake: Lake) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database of bounded memory that is gone afterwards. Raises StoreError for what goes wrong in a store."""
    try:
        with (
            tempfile.TemporaryDirectory(prefix="helix-archive-") as folder,
            duckdb.connect(config={**DATABASE, "temp_directory": folder}) as connection,
        ):
            yield connection
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        raise StoreError(f"cannot archive from the lake {lake.root}: {str(error).splitlines()[0]}") from None
