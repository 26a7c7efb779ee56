"""Writing a small DataFrame as one plain Parquet file, wherever Spark can write: disk, S3, HDFS."""

from typing import Any
from uuid import uuid4

from pyspark.sql import DataFrame

from helix_pipeline.errors import StoreError


def write_parquet_file(frame: DataFrame, path: str) -> None:
    """Write a DataFrame that fits one task as the Parquet file `path`; a file that is there is replaced.

    Spark writes folders of files, and its only way to a single file is to move it out, with Hadoop's file system.
    Raises StoreError where the file cannot be moved into place.
    """
    parent, _, name = path.rpartition("/")
    folder = f"{parent}/.{name}-{uuid4().hex}"
    jvm: Any = frame.sparkSession._jvm
    hadoop = jvm.org.apache.hadoop.fs
    files = hadoop.Path(path).getFileSystem(frame.sparkSession._jsc.hadoopConfiguration())
    try:
        frame.coalesce(1).write.parquet(folder)
        [part] = files.globStatus(hadoop.Path(f"{folder}/part-*.parquet"))
        files.delete(hadoop.Path(path), False)
        if not files.rename(part.getPath(), hadoop.Path(path)):
            raise StoreError(f"cannot move {part.getPath()} to {path}; is the folder writable?")
    finally:
        files.delete(hadoop.Path(folder), True)
