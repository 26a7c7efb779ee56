"""How batch jobs read the lake's tables and write their own: Delta, by path."""

import re
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pyarrow as pa
from delta.tables import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema

from helix_pipeline.contracts.rows import PARTITION_COLUMNS
from helix_pipeline.contracts.tables import LAKE_TABLES
from helix_pipeline.errors import UsageError

_PARTITION = re.compile(r"(year|month|day)=(\d+)")
ALL_TIME = "all"


@dataclass(frozen=True)
class JobRun:
    """One run of a job: where it reads and writes, its day (none: all of them) and its parameters."""

    spark: SparkSession
    input: str
    output: str
    day: date | None = None
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def period(self) -> str:
        """Return what the rows of this run are about, `all` or a day: a run replaces those of its period alone."""
        return self.day.isoformat() if self.day else ALL_TIME


@dataclass(frozen=True)
class Outcome:
    """What a run did: rows read, written and rejected, and figures of its own."""

    rows_in: int
    rows_out: int
    rejected: int = 0
    metrics: dict[str, float] = field(default_factory=dict)


def read_table(run: JobRun, name: str) -> DataFrame:
    """Return a table of the lake, cut to the run's day and to the partition that the input path names.

    The input is the lake's root, one of its tables, or a partition of one: `…/conversations/year=2026/month=01/`.
    Raises UsageError where there is no such table.
    """
    root, where = _split(run.input)
    path = f"{root}/{name}"
    if not DeltaTable.isDeltaTable(run.spark, path):
        raise UsageError(f"no lake table at {path}: give the lake's root as --input, and run `helix stream` first")
    if run.day:
        where |= dict(zip(PARTITION_COLUMNS, (run.day.year, run.day.month, run.day.day), strict=True))
    rows = run.spark.read.format("delta").load(path)
    for column, value in where.items():
        rows = rows.where(F.col(column) == value)
    return rows


def write_table(run: JobRun, name: str, rows: pa.Table) -> int:
    """Replace the rows of the run's period in an output table (a result that fits the driver); return how many."""
    columns = pa.schema([*rows.schema, pa.field("period", pa.string())])
    period = pa.array([run.period] * rows.num_rows, pa.string())
    frame = run.spark.createDataFrame(
        pa.Table.from_arrays([*rows.columns, period], schema=columns), from_arrow_schema(columns)
    )
    writer = frame.write.format("delta").mode("overwrite").partitionBy("period")
    writer.option("replaceWhere", f"period = '{run.period}'").save(f"{_spark_path(run.output)}/{name}")
    return int(rows.num_rows)


def append_rows(run: JobRun, name: str, rows: pa.Table) -> None:
    """Append rows to an output table."""
    frame = run.spark.createDataFrame(rows, from_arrow_schema(rows.schema))
    frame.write.format("delta").mode("append").save(f"{_spark_path(run.output)}/{name}")


def _split(path: str) -> tuple[str, dict[str, int]]:
    """Return the lake's root above a path, and the partition that the path names."""
    parts, where = _spark_path(path).split("/"), {}
    while found := _PARTITION.fullmatch(parts[-1]):
        where[found[1]] = int(found[2])
        parts.pop()
    if parts[-1] in {table.name for table in LAKE_TABLES}:
        parts.pop()
    return "/".join(parts), where


def _spark_path(path: str) -> str:
    return path.rstrip("/").replace("s3://", "s3a://", 1)
