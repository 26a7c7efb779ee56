"""What a batch job gets and gives back: `run(JobRun) -> Result`. Reading is its own, writing is `lake_tables`'."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pyarrow as pa
from delta.tables import DeltaTable
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from helix_pipeline.contracts.job_tables import JOB_TABLES
from helix_pipeline.contracts.rows import PARTITION_COLUMNS
from helix_pipeline.contracts.tables import LAKE_TABLES
from helix_pipeline.errors import UsageError

ALL_TIME = "all"
_PARTITION = re.compile(r"(year|month|day)=(\d+)")
_TABLES = {table.name for table in LAKE_TABLES} | JOB_TABLES.keys()


@dataclass(frozen=True)
class JobRun:
    """One run of a job: where it reads and writes, its day (none: all of them) and its parameters.

    `input` and `output` are the lake's root, one of its tables or, for the input, a partition of one
    (`…/conversations/year=2026/month=01/`); `s3://` and `s3a://` mean the same.
    """

    spark: SparkSession
    input: str
    output: str
    day: date | None = None
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def input_root(self) -> str:
        """Return the root of the tables that the run reads."""
        return _split(self.input)[0]

    @property
    def output_root(self) -> str:
        """Return the root of the tables that the run writes."""
        return _split(self.output)[0]

    @property
    def partition(self) -> dict[str, int]:
        """Return the part of the dated tables that the run is about: `{}`, or year, month, day as far as given."""
        if self.day:
            return {"year": self.day.year, "month": self.day.month, "day": self.day.day}
        return _split(self.input)[1]

    @property
    def period(self) -> str:
        """Return what the aggregates of this run are about, `all` or a date: it replaces those rows alone."""
        found = self.partition
        parts = [f"{found[name]:0{4 if name == 'year' else 2}}" for name in PARTITION_COLUMNS if name in found]
        return "-".join(parts) or ALL_TIME

    def table(self, name: str) -> DataFrame:
        """Return a table under the input, cut to the run's partition where it is dated.

        Raises UsageError where there is no such table.
        """
        path = f"{self.input_root}/{name}"
        if not DeltaTable.isDeltaTable(self.spark, path):
            first = "the job that writes it" if name in JOB_TABLES else "`helix stream`"
            raise UsageError(f"no lake table at {path}: give the lake's root as --input, and run {first} first")
        rows = self.spark.read.format("delta").load(path)
        return rows.where(self._where()) if "year" in rows.columns else rows

    def _where(self) -> Column:
        found = F.lit(True)
        for column, value in self.partition.items():
            found &= F.col(column) == value
        return found


def _no_more() -> dict[str, float]:
    return {}


@dataclass(frozen=True)
class Result:
    """What a job found, not yet written: per output table a DataFrame, or a `pa.Table` that fits the driver.

    `metrics` are the job's own figures. `afterwards` runs once the tables are written, and returns more of them.
    """

    tables: dict[str, DataFrame | pa.Table]
    rows_in: int
    rejected: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    afterwards: Callable[[], dict[str, float]] = _no_more


def _split(path: str) -> tuple[str, dict[str, int]]:
    """Return the root above a path, and the partition that the path names."""
    parts, where = path.rstrip("/").replace("s3://", "s3a://", 1).split("/"), {}
    while found := _PARTITION.fullmatch(parts[-1]):
        where[found[1]] = int(found[2])
        parts.pop()
    if parts[-1] in _TABLES:
        parts.pop()
    return "/".join(parts), where
