"""Spark on object storage: the settings of `s3a://` paths, from `MINIO_*`, and what must be on the class path."""

from pyspark.sql import SparkSession

from helix_pipeline.errors import ToolchainError
from helix_pipeline.settings import Settings

_FIXED = {
    "spark.delta.logStore.s3a.impl": "helix.storage.S3LogStore",
    "spark.hadoop.fs.s3a.path.style.access": "true",
    "spark.hadoop.fs.s3a.input.stream.type": "classic",
    "spark.hadoop.fs.s3a.connection.establish.timeout": "10s",
    "spark.hadoop.fs.s3a.connection.timeout": "60s",
    "spark.hadoop.fs.s3a.attempts.maximum": "3",
    "spark.hadoop.fs.s3a.retry.limit": "3",
}
"""The log store commits with a conditional PUT (spark-conf/spark-s3/S3LogStore.scala); waits are bounded."""


def s3_conf(settings: Settings) -> dict[str, str]:
    """Return Spark's settings for `s3a://` paths, without the keys: PySpark puts settings into a command line."""
    s3 = settings.minio
    found = {**_FIXED, "spark.hadoop.fs.s3a.endpoint.region": s3.region}
    if s3.endpoint_url:
        found["spark.hadoop.fs.s3a.endpoint"] = s3.endpoint_url
        found["spark.hadoop.fs.s3a.connection.ssl.enabled"] = str(s3.endpoint_url.startswith("https://")).lower()
    return found


def give_keys(spark: SparkSession, settings: Settings) -> None:
    """Hand the keys of the object storage to a session that has started; without keys Hadoop looks for its own."""
    s3 = settings.minio
    if s3.access_key and s3.secret_key:
        hadoop = spark.sparkContext._jsc.hadoopConfiguration()
        hadoop.set("fs.s3a.aws.credentials.provider", "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider")
        hadoop.set("fs.s3a.access.key", s3.access_key.get_secret_value())
        hadoop.set("fs.s3a.secret.key", s3.secret_key.get_secret_value())


def require_s3a(spark: SparkSession, *paths: str) -> None:
    """Raise ToolchainError where a path is on object storage, and the jars for that are not on the class path."""
    on_s3 = next((path for path in paths if path.startswith(("s3a://", "s3://"))), None)
    if on_s3 is None:
        return
    loader = spark._jvm.java.lang.Thread.currentThread().getContextClassLoader()
    if loader.getResource("org/apache/hadoop/fs/s3a/S3AFileSystem.class") is None:
        raise ToolchainError(f"{on_s3} is on object storage: run `helix jars --s3 --link spark-conf/jars` first")
