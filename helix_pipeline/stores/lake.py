"""The lake: Delta tables of Parquet files under one root, on disk or on S3.

Writing is split in two, so that many executors can write and one commit makes it visible: `write_files` writes
Parquet anywhere, `commit` adds the files to a table in one atomic Delta commit. The commit carries an application
transaction (`app_id`, `version`), so that a batch that is committed again changes nothing
(Delta transaction log protocol, "Transaction Identifiers").
"""

import json
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import DeltaError
from deltalake.transaction import AddAction
from pyarrow import fs

from helix_pipeline.contracts.rows import PARTITION_COLUMNS, partitioned
from helix_pipeline.contracts.tables import LakeTable
from helix_pipeline.errors import StoreError
from helix_pipeline.settings import Settings
from helix_pipeline.stores.lake_reach import Filled, forget, reach_after

STATISTICS = (
    "conversation_id",
    "debate_id",
    "request_id",
    "timestamp",
    "sequence",
    "kafka_partition",
    "kafka_offset",
)
"""Columns whose minimum and maximum go into the log, so that readers can skip files."""

DISTINCT = ("event_id", "message_id", "content", "metadata", "value", "key")
"""Columns that seldom repeat: a Parquet dictionary would only cost time."""

LOG_RETENTION = "interval 6 hours"
"""Age at which a checkpoint, one in 100 commits, drops entries of the log. A commit lists them all: a day of a commit a
second would cost each 0.1 s. It must be longer than any job runs that writes the table."""

_PREFIX = 48


@dataclass(frozen=True)
class Lake:
    """Where the lake is and how to reach it; small enough to travel to executors."""

    root: str
    storage_options: dict[str, str] = field(default_factory=dict, repr=False)

    def uri(self, table: str) -> str:
        """Return the URI of a table in the form that delta-rs takes."""
        root = self.root.removeprefix("file://").removeprefix("file:")
        return f"{root}/{table}".replace("s3a://", "s3://", 1)

    def spark_uri(self, table: str) -> str:
        """Return the URI of a table in the form that Spark takes."""
        return f"{self.root}/{table}"

    def filesystem(self, table: str) -> tuple[fs.FileSystem, str]:
        """Return the file system of the lake, and the path of a table on it."""
        uri = self.uri(table)
        if not uri.startswith("s3://"):
            return fs.LocalFileSystem(), uri
        return _s3_filesystem(self.storage_options), uri.removeprefix("s3://")


@dataclass(frozen=True, slots=True)
class DataFile:
    """A Parquet file that is written but not yet part of a table."""

    path: str
    partition: dict[str, str]
    size: int
    rows: int
    statistics: str


def open_lake(settings: Settings) -> Lake:
    """Return the lake that the settings name."""
    return Lake(settings.lake_root, _storage_options(settings) if settings.lake_on_s3 else {})


def table_names(lake: Lake) -> list[str]:
    """Return the names of all Delta tables under the root, sorted; none where there is no lake yet.

    Raises StoreError where the root cannot be reached.
    """
    filesystem, root = lake.filesystem("")
    try:
        folders = filesystem.get_file_info(fs.FileSelector(root.rstrip("/"), allow_not_found=True))
        logs = filesystem.get_file_info([f"{one.path}/_delta_log" for one in folders if not one.is_file])
    except OSError as error:
        raise StoreError(f"cannot list the lake {lake.root}: {_plain(error)}") from None
    found = (log.path.split("/")[-2] for log in logs if log.type == fs.FileType.Directory)
    return sorted(name for name in found if re.fullmatch(r"\w+", name))


def create_tables(lake: Lake, tables: Sequence[LakeTable]) -> None:
    """Create the tables that are missing; a table that exists is left as it is.

    Raises StoreError where the root cannot be reached or written.
    """
    try:
        _create_tables(lake, tables)
    except (DeltaError, OSError) as error:
        raise StoreError(f"cannot create tables in the lake {lake.root}: {_plain(error)}") from None


def _create_tables(lake: Lake, tables: Sequence[LakeTable]) -> None:
    for table in tables:
        filesystem, path = lake.filesystem(table.name)
        filesystem.create_dir(path, recursive=True)
        DeltaTable.create(
            lake.uri(table.name),
            schema=_all_nullable(partitioned(table.schema)),
            mode="ignore",
            partition_by=list(PARTITION_COLUMNS),
            configuration={"delta.logRetentionDuration": LOG_RETENTION},
            storage_options=lake.storage_options,
        )


def open_table(lake: Lake, name: str) -> DeltaTable:
    """Open a table at its newest version. Raises StoreError where there is none."""
    try:
        return DeltaTable(lake.uri(name), storage_options=lake.storage_options)
    except (DeltaError, OSError) as error:
        hint = "has a stream run yet?"
        raise StoreError(f"cannot open the lake table {lake.uri(name)}: {_plain(error)}; {hint}") from None


def count_rows(target: DeltaTable) -> int:
    """Return how many rows a table has, from its log alone."""
    added = pa.table(target.get_add_actions(flatten=True))
    return int(pc.sum(added["num_records"]).as_py() or 0)


def write_files(lake: Lake, table: LakeTable, rows: pa.Table) -> list[DataFile]:
    """Write rows (schema `table.schema`) as one Parquet file per day; nothing is visible until `commit`."""
    filesystem, root = lake.filesystem(table.name)
    return [_write_file(filesystem, root, day, part) for day, part in _by_day(rows, table.time_column)]


def commit(
    target: DeltaTable, files: Sequence[DataFile], app_id: str, version: int, filled: Filled | None = None
) -> bool:
    """Add the files to a table in one commit; returns whether it did.

    A batch (`app_id`, `version`) that is already in the table is left out: its files are orphans for VACUUM. `filled`
    is which records the batch holds.
    """
    target.update_incremental()
    if committed(target, app_id, version):
        return False
    transactions = [Transaction(app_id, version), *(reach_after(target, app_id, filled) if filled else ())]
    try:
        target.create_write_transaction(
            [_add_action(file) for file in files],
            mode="append",
            schema=target.schema(),
            partition_by=list(PARTITION_COLUMNS),
            commit_properties=CommitProperties(app_transactions=transactions),
        )
    except (DeltaError, OSError) as error:
        forget(target)
        raise StoreError(f"cannot commit to the lake table {target.table_uri}: {_plain(error)}") from None
    return True


def committed(target: DeltaTable, app_id: str, version: int) -> bool:
    """Tell whether the batch (`app_id`, `version`) or a later one is in the table."""
    last = target.transaction_version(app_id)
    return last is not None and last >= version


def _plain(error: Exception) -> str:
    """Return the error as one line without the colours of a terminal."""
    return " ".join(re.sub(r"\x1b\[[0-9;]*m", "", str(error)).split())[:300]


def _by_day(rows: pa.Table, time_column: str) -> Iterator[tuple[datetime, pa.Table]]:
    days = pc.floor_temporal(rows[time_column], unit="day")
    unique = pc.unique(days)
    if len(unique) == 1:
        yield unique[0].as_py(), rows
        return
    order = pc.sort_indices(days)
    rows, days = rows.take(order), days.take(order)
    runs = pc.run_end_encode(days.combine_chunks())
    start = 0
    for day, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
        yield day, rows.slice(start, end - start)
        start = end


def _write_file(filesystem: fs.FileSystem, root: str, day: datetime, rows: pa.Table) -> DataFile:
    partition = dict(zip(PARTITION_COLUMNS, (str(day.year), str(day.month), str(day.day)), strict=True))
    folder = "/".join(f"{name}={int(value):02d}" for name, value in partition.items())
    path = f"{folder}/part-{uuid4().hex}.parquet"
    filesystem.create_dir(f"{root}/{folder}", recursive=True)
    dictionary = [name for name in rows.column_names if name not in DISTINCT]
    with filesystem.open_output_stream(f"{root}/{path}") as sink:
        pq.write_table(rows, sink, compression="zstd", compression_level=1, use_dictionary=dictionary)
        size = sink.tell()
    return DataFile(path, partition, size, rows.num_rows, json.dumps(_statistics(rows)))


def _statistics(rows: pa.Table) -> dict[str, Any]:
    columns = [name for name in STATISTICS if name in rows.column_names and rows[name].null_count < rows.num_rows]
    bounds = {name: pc.min_max(rows[name]).as_py() for name in columns}
    return {
        "numRecords": rows.num_rows,
        "minValues": {name: _lower(bound["min"]) for name, bound in bounds.items()},
        "maxValues": {name: _upper(bound["max"]) for name, bound in bounds.items()},
        "nullCount": {name: rows[name].null_count for name in columns},
    }


def _lower(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"
    return value[:_PREFIX] if isinstance(value, str) else value


def _upper(value: Any) -> Any:
    """Round up, so that a shortened maximum never hides a row."""
    if isinstance(value, datetime):
        return _lower(value + timedelta(milliseconds=1))
    if isinstance(value, str) and len(value) > _PREFIX:
        return value[:_PREFIX] + 2 * "\U0010ffff"
    return value


def _add_action(file: DataFile) -> AddAction:
    now_ms = int(time.time() * 1000)
    return AddAction(file.path, file.size, file.partition, now_ms, True, file.statistics)


def _all_nullable(schema: pa.Schema) -> pa.Schema:
    return pa.schema([column.with_nullable(True) for column in schema])


def _storage_options(settings: Settings) -> dict[str, str]:
    s3 = settings.minio
    options = {"AWS_REGION": s3.region, "aws_conditional_put": "etag"}
    if s3.endpoint_url:
        options |= {
            "AWS_ENDPOINT_URL": s3.endpoint_url,
            "AWS_ALLOW_HTTP": str(s3.endpoint_url.startswith("http://")).lower(),
        }
    if s3.access_key and s3.secret_key:
        options["AWS_ACCESS_KEY_ID"] = s3.access_key.get_secret_value()
        options["AWS_SECRET_ACCESS_KEY"] = s3.secret_key.get_secret_value()
    return options


def _s3_filesystem(options: dict[str, str]) -> fs.FileSystem:
    return fs.S3FileSystem(
        access_key=options.get("AWS_ACCESS_KEY_ID"),
        secret_key=options.get("AWS_SECRET_ACCESS_KEY"),
        endpoint_override=options.get("AWS_ENDPOINT_URL"),
        region=options["AWS_REGION"],
        connect_timeout=10,
        request_timeout=60,
    )
