"""LakeMaintenance: deletes what is past its time, joins small files, removes dead ones, and counts what is there.

Streams may write meanwhile: OPTIMIZE commits `dataChange=false`, which no append conflicts with; the deletion touches
whole partitions of the past alone; VACUUM keeps every file younger than its hours, so those of a commit under way.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import ceil
from typing import Any

import pyarrow as pa
from delta.exceptions import DeltaConcurrentModificationException
from delta.tables import DeltaTable
from pyspark.sql import SparkSession
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from helix_pipeline.contracts.job_tables import JOB_TABLES
from helix_pipeline.contracts.job_tables.maintenance import LAKE_FILES
from helix_pipeline.contracts.rows import PARTITION_COLUMNS
from helix_pipeline.contracts.tables import LAKE_TABLES
from helix_pipeline.errors import UsageError
from helix_pipeline.spark.delta_files import Partition, TableFiles, newest_version, table_files
from helix_pipeline.spark.job_run import JobRun, Result

FILE_BYTES = 128 << 20
"""Size of a compacted file; one of half that size is left alone."""

PARTITIONS_PER_COMMIT = 50
TABLES_AT_ONCE = 4
"""Most of a small table's time is Spark's planning, which leaves the cores idle."""

SAFE_HOURS = 168
"""VACUUM takes no younger file: a stream may be about to commit it, or a query still read it."""

STREAMED = tuple(table.name for table in LAKE_TABLES)
SUMMED = (
    "files_before",
    "files_after",
    "bytes_after",
    "rows_after",
    "rows_deleted",
    "files_vacuumed",
    "log_files_after",
)
EXPIRED = "make_date(year, month, day) < DATE'{cutoff}'"
_RETRY = Retrying(
    retry=retry_if_exception_type(DeltaConcurrentModificationException),
    stop=stop_after_attempt(4),
    wait=wait_random_exponential(max=10),
    reraise=True,
)
"""For what another job did to the same partition at the same moment; appends of streams are no conflict."""


@dataclass(frozen=True)
class Limits:
    """The parameters of a run. `cutoff` is the first day that is kept, none to keep everything."""

    cutoff: date | None
    vacuum_hours: int
    spare_files: int

    def crowded(self, partition: Partition) -> bool:
        """Tell whether a partition has more files than its bytes need and may be spared."""
        return surplus(partition) > self.spare_files


def run(job: JobRun) -> Result:
    """Maintain every Delta table under the input and the output in place, and return `lake_files`.

    Raises UsageError for hours of VACUUM that could hurt a writer, or where there is no table at all.
    """
    limits = _limits(job)
    tables = list(_tables(job))
    if not tables:
        raise UsageError(f"no lake table under {job.input_root}: give the lake's root as --input")
    with _configured(job.spark), ThreadPoolExecutor(TABLES_AT_ONCE) as pool:
        rows = list(pool.map(lambda table: _maintained(job.spark, table[0], table[1], limits), tables))
    found = pa.Table.from_pylist([row for row, _ in rows], LAKE_FILES.schema)
    metrics = {name: float(sum(row[name] for row, _ in rows)) for name in SUMMED}
    metrics["surplus_files"] = float(max(extra for _, extra in rows))
    return Result({"lake_files": found}, int(sum(row["rows_before"] for row, _ in rows)), metrics=metrics)


def surplus(partition: Partition) -> int:
    """Return how many files a partition has beyond those that its bytes need at half the size of a full one."""
    return partition.files - ceil(2 * partition.bytes / FILE_BYTES)


def _limits(job: JobRun) -> Limits:
    given = job.parameters
    days, hours = given["retention_days"], given["vacuum_hours"]
    if hours < SAFE_HOURS:
        raise UsageError(
            f"vacuum_hours is {hours}: younger files may still be read or written; give {SAFE_HOURS} or more"
        )
    if days < 0 or given["spare_files"] < 0:
        raise UsageError(f"retention_days ({days}) and spare_files ({given['spare_files']}) must not be negative")
    today = job.day or datetime.now(UTC).date()
    cutoff = today - timedelta(days=days) if days else None
    return Limits(cutoff, hours, given["spare_files"])


def _tables(job: JobRun) -> Iterator[tuple[str, str]]:
    """Yield name and path of the tables that are there; `archive/` is none of them."""
    names = (*STREAMED, *JOB_TABLES)
    for root in dict.fromkeys((job.input_root, job.output_root)):
        for name in names:
            if DeltaTable.isDeltaTable(job.spark, f"{root}/{name}"):
                yield name, f"{root}/{name}"


def _maintained(spark: SparkSession, name: str, path: str, limits: Limits) -> tuple[dict[str, Any], int]:
    """Maintain a table; return its row of `lake_files` and the surplus of its worst partition."""
    begin, before = time.monotonic(), table_files(spark, path)
    expired = _delete_expired(spark, path, before, limits.cutoff) if name in STREAMED else 0
    compacted = _compact(spark, path, table_files(spark, path) if expired else before, limits)
    after = table_files(spark, path) if expired or compacted else before
    vacuumed = _vacuum(spark, path, limits.vacuum_hours) if after.stored_files > after.files else 0
    after = table_files(spark, path) if vacuumed else after
    row = {"table": name, "path": path, "version": after.version, "partitions": len(after.partitions)}
    row |= _compared(before, after) | {"log_bytes_after": after.log_bytes}
    row |= {"rows_deleted": expired, "partitions_compacted": compacted, "files_vacuumed": vacuumed}
    row["seconds"] = round(time.monotonic() - begin, 3)
    return row, max((surplus(partition) for partition in after.partitions), default=0)


def _compared(before: TableFiles, after: TableFiles) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, table in (("before", before), ("after", after)):
        found |= {f"{figure}_{name}": getattr(table, figure) for figure in ("rows", "files", "bytes", "log_files")}
        found[f"partition_files_{name}"] = max((partition.files for partition in table.partitions), default=0)
    return found


def _delete_expired(spark: SparkSession, path: str, before: TableFiles, cutoff: date | None) -> int:
    """Delete the days before the cutoff, files and all, without reading them; return how many rows they had."""
    past = [partition for partition in before.partitions if cutoff and _day(partition) < cutoff]
    if past:
        _RETRY(DeltaTable.forPath(spark, path).delete, EXPIRED.format(cutoff=cutoff))
    return sum(partition.rows for partition in past)


def _day(partition: Partition) -> date:
    return date(*(int(partition.values[name]) for name in PARTITION_COLUMNS))


def _compact(spark: SparkSession, path: str, found: TableFiles, limits: Limits) -> int:
    """Join the files of crowded partitions; return how many partitions those were."""
    crowded = [partition for partition in found.partitions if limits.crowded(partition)]
    for start in range(0, len(crowded), PARTITIONS_PER_COMMIT):
        some = crowded[start : start + PARTITIONS_PER_COMMIT]
        where = " OR ".join(f"({_condition(partition)})" for partition in some)
        _RETRY(DeltaTable.forPath(spark, path).optimize().where(where).executeCompaction)
    return len(crowded)


def _condition(partition: Partition) -> str:
    """Return SQL for the partition. The values are dates and periods that this project wrote itself."""
    return " AND ".join(f"{name} = '{value}'" for name, value in partition.values.items()) or "true"


def _vacuum(spark: SparkSession, path: str, hours: int) -> int:
    """Delete files that no version of the last hours has; return how many those were."""
    table, version = DeltaTable.forPath(spark, path), newest_version(spark, path)
    table.vacuum(hours)
    since = table.history(newest_version(spark, path) - version).where("operation = 'VACUUM END'")
    return sum(int(row["operationMetrics"]["numDeletedFiles"]) for row in since.collect())


@contextmanager
def _configured(spark: SparkSession) -> Iterator[None]:
    """Set what OPTIMIZE and VACUUM take from the session, and put back what was there.

    VACUUM lists folders in as many tasks as partition discovery may have: 10,000 by default, six times as slow here.
    """
    wanted = {
        "spark.databricks.delta.optimize.maxFileSize": str(FILE_BYTES),
        "spark.databricks.delta.optimize.minFileSize": str(FILE_BYTES // 2),
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": str(spark.sparkContext.defaultParallelism),
    }
    before = {name: spark.conf.get(name, None) for name in wanted}
    try:
        for name, value in wanted.items():
            spark.conf.set(name, value)
        yield
    finally:
        for name, value in before.items():
            if value is None:
                spark.conf.unset(name)
            else:
                spark.conf.set(name, value)
