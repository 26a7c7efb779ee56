"""The files of a Delta table as its log has them.

Spark reads the log, so that the driver holds a line per partition, not one per file. Delta's Python API has no access
to them: those calls go to its JVM classes.
"""

from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812


@dataclass(frozen=True)
class Partition:
    """A partition of a table: the values of its partition columns, as text, and what it holds."""

    values: dict[str, str]
    files: int
    bytes: int
    rows: int


@dataclass(frozen=True)
class TableFiles:
    """A version of a table: its partitions, and the number and bytes of the files in its `_delta_log`.

    `stored_files` are all data files that lie in its folder, live ones and others.
    """

    version: int
    partitions: tuple[Partition, ...]
    stored_files: int
    log_files: int
    log_bytes: int

    @property
    def files(self) -> int:
        """Return the number of live data files."""
        return sum(partition.files for partition in self.partitions)

    @property
    def bytes(self) -> int:
        """Return the bytes of the live data files."""
        return sum(partition.bytes for partition in self.partitions)

    @property
    def rows(self) -> int:
        """Return the number of rows, as the files' statistics give it."""
        return sum(partition.rows for partition in self.partitions)


def table_files(spark: SparkSession, path: str) -> TableFiles:
    """Return what the newest version of a table consists of."""
    snapshot = _snapshot(_log(spark, path), spark)
    columns = snapshot.metadata().partitionColumns().mkString("\n").split()
    files = DataFrame(snapshot.allFiles().toDF(), spark)
    found = files.groupBy(*(F.col("partitionValues")[name].alias(name) for name in columns)).agg(
        F.count("*").alias("_files"),
        F.sum("size").alias("_bytes"),
        F.sum(F.get_json_object("stats", "$.numRecords").cast("long")).alias("_rows"),
    )
    partitions = tuple(
        Partition({name: row[name] for name in columns}, row["_files"], row["_bytes"] or 0, row["_rows"] or 0)
        for row in found.collect()
    )
    return TableFiles(snapshot.version(), partitions, *_stored(spark, path))


def newest_version(spark: SparkSession, path: str) -> int:
    """Return the number of a table's newest version."""
    return int(_snapshot(_log(spark, path), spark).version())


def _log(spark: SparkSession, path: str) -> Any:
    return _jvm(spark).org.apache.spark.sql.delta.DeltaLog.forTable(spark._jsparkSession, path)


def _snapshot(log: Any, spark: SparkSession) -> Any:
    none = _none(spark)
    return log.update(False, none, none)


def _stored(spark: SparkSession, path: str) -> tuple[int, int, int]:
    """Return the number of data files in a table's folder, and the number and bytes of the files in its log."""
    folder = _jvm(spark).org.apache.hadoop.fs.Path(path)
    files = folder.getFileSystem(spark._jsc.hadoopConfiguration())
    log = files.getContentSummary(_jvm(spark).org.apache.hadoop.fs.Path(f"{path}/_delta_log"))
    logged = int(log.getFileCount())
    return int(files.getContentSummary(folder).getFileCount()) - logged, logged, int(log.getLength())


def _none(spark: SparkSession) -> Any:
    return _jvm(spark).scala.Option.empty()


def _jvm(spark: SparkSession) -> Any:
    return spark._jvm
