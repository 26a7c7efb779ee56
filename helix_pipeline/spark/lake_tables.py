"""How a batch job's tables get into the lake: Delta by path, each run replacing its own part alone."""

import pyarrow as pa
from delta.tables import DeltaTable
from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema

from helix_pipeline.contracts.job_tables import JobTable
from helix_pipeline.spark.job_run import ALL_TIME, JobRun


def prepared(run: JobRun, table: JobTable, rows: DataFrame | pa.Table) -> DataFrame:
    """Return rows as they will be stored: columns and types of the table's schema, computed once and kept.

    Raises AnalysisException (Spark) or ValueError (Arrow) where a column is missing.
    """
    if isinstance(rows, pa.Table):
        rows = run.spark.createDataFrame(rows.cast(table.schema), from_arrow_schema(table.schema))
    fields = from_arrow_schema(table.schema).fields
    frame = rows.select(*(F.col(field.name).cast(field.dataType) for field in fields))
    if not table.dated:
        frame = frame.withColumn("period", F.lit(run.period))
    return frame.persist(StorageLevel.MEMORY_AND_DISK)


def replace(run: JobRun, table: JobTable, rows: DataFrame) -> None:
    """Replace the run's part of a table: its period of an aggregate, its dates of a dated table."""
    writer = rows.write.format("delta").mode("overwrite").partitionBy(*table.partitions)
    part = _part(run, table)
    # An earlier release may have given the table other columns: all rows bring theirs, a part adds its own.
    options = {"replaceWhere": part, "mergeSchema": "true"} if part else {"overwriteSchema": "true"}
    writer = writer.options(**options)
    writer.save(f"{run.output_root}/{table.name}")


def append(run: JobRun, table: JobTable, rows: pa.Table) -> None:
    """Append rows that fit the driver to a table."""
    frame = prepared(run, table, rows)
    frame.write.format("delta").mode("append").partitionBy(*table.partitions).save(f"{run.output_root}/{table.name}")
    frame.unpersist()


def previous(spark: SparkSession, root: str, table: JobTable) -> DataFrame | None:
    """Return a table as earlier runs left it, or None where there is none yet."""
    path = f"{root}/{table.name}"
    return spark.read.format("delta").load(path) if DeltaTable.isDeltaTable(spark, path) else None


def _part(run: JobRun, table: JobTable) -> str:
    if not table.dated:
        return f"period = '{run.period}'"
    if run.period == ALL_TIME:
        return ""
    return " AND ".join(f"{column} = {value}" for column, value in run.partition.items())
