"""Writing a small file wherever Spark can write: disk, S3, HDFS."""

from typing import Any

from pyspark.sql import SparkSession


def write_file(spark: SparkSession, path: str, content: bytes) -> None:
    """Write a file with Hadoop's file system; folders above it are made, and a file that is there is replaced."""
    jvm: Any = spark._jvm
    target = jvm.org.apache.hadoop.fs.Path(path)
    stream = target.getFileSystem(spark._jsc.hadoopConfiguration()).create(target, True)
    try:
        stream.write(content)
    finally:
        stream.close()
