"""The Spark session of the streams: one list of Spark settings, the same as in spark-conf/spark-defaults.conf."""

import os
import sys
from pathlib import Path

from pyspark import SparkContext
from pyspark.sql import SparkSession

from helix_pipeline.settings import Settings
from helix_pipeline.spark.s3 import give_keys, s3_conf

CONF: dict[str, str] = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.scheduler.mode": "FAIR",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "4",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.streaming.checkpointFileManagerClass": (
        "org.apache.spark.sql.execution.streaming.checkpointing.FileSystemBasedCheckpointFileManager"
    ),
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "10000",
    "spark.sql.execution.arrow.maxBytesPerBatch": "33554432",
    "spark.sql.streaming.noDataMicroBatches.enabled": "false",
    "spark.sql.streaming.minBatchesToRetain": "20",
    "spark.databricks.delta.snapshotPartitions": "2",
    "spark.python.worker.reuse": "true",
}
"""Settings that hold for every stream; a test compares them with spark-conf/spark-defaults.conf."""


LOG_CONFIGURATION = Path(__file__).with_name("log4j2.properties")


def create_session(settings: Settings, jars: str | None, name: str = "helix-streams") -> SparkSession:
    """Start a session in this process, with the jars of the Kafka source (a comma-separated list)."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName(name).master(settings.spark.master)
    builder = builder.config("spark.driver.memory", settings.spark.driver_memory)
    builder = builder.config("spark.driver.extraJavaOptions", f"-Dlog4j2.configurationFile=file:{LOG_CONFIGURATION}")
    for key, value in {**CONF, **s3_conf(settings)}.items():
        builder = builder.config(key, value)
    if jars:
        builder = builder.config("spark.jars", jars)
    session = builder.getOrCreate()
    give_keys(session, settings)
    return session


def submitted_session(name: str, settings: Settings) -> SparkSession:
    """Take the session that `spark-submit` configured; a wheel of `--py-files` is on the path of its executors too.

    Endpoint and keys of object storage come from the settings: they stay out of the command line.

    PySpark itself sends a wheel to the executors, but puts only zip, egg and jar files on their path.
    """
    SparkContext.PACKAGE_EXTENSIONS = (*SparkContext.PACKAGE_EXTENSIONS, ".whl")
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName(name)
    for key, value in s3_conf(settings).items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    give_keys(session, settings)
    session.sparkContext.setLogLevel("ERROR")
    return session
