"""The source of the streams: raw records of a topic, and how executors read them."""

import gc
import sys
from collections.abc import Iterable, Iterator
from functools import cache

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from helix_pipeline.contracts.topics import TOPICS, Topic
from helix_pipeline.contracts.wire import Decoded, decoder
from helix_pipeline.settings import Settings

NO_DELAY = "0 seconds"
"""Of the watermark: it drops nothing here, as no query aggregates, but has Spark tell the newest time of each batch."""

COLUMNS = ("key", "value", "partition", "offset", "timestamp")


def read_topic(spark: SparkSession, settings: Settings, topic: Topic) -> DataFrame:
    """Return a stream of raw records (`COLUMNS`) of a topic from its earliest offset.

    Spark asks the broker for the bounds of a partition after each poll: hence many records in a poll, and a short
    fetch wait, as the question stands behind a long poll at the end of the partition on the same connection. Fetches
    stay small (Kafka's default of 1 MiB; a larger message comes alone), since larger buffers are costly to the heap.
    """
    reader = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", settings.kafka.address)
        .option("subscribe", topic.name)
        .option("startingOffsets", "earliest")
        .option("failOnDataLoss", "true")
        .option("maxOffsetsPerTrigger", settings.streams.max_offsets_per_trigger)
        .option("kafka.fetch.max.wait.ms", 5)
        .option("kafka.max.poll.records", 5_000)
        .option("kafka.request.timeout.ms", 20_000)
        .option("kafka.default.api.timeout.ms", 20_000)
        .option("kafka.isolation.level", "read_committed")
    )
    return reader.load().select(*(F.col(name) for name in COLUMNS)).withWatermark("timestamp", NO_DELAY)


def read_batches(batches: Iterable[pa.RecordBatch], topic_name: str) -> Iterator[tuple[pa.RecordBatch, Decoded]]:
    """Read Arrow batches of raw records (on an executor); yields each raw batch with what it holds."""
    read = decoder(next(topic for topic in TOPICS if topic.name == topic_name)).decode
    _freeze_modules(len(sys.modules))
    for batch in batches:
        values = batch.column("value").to_pylist()
        yield (
            batch,
            read(values, batch.column("partition"), batch.column("offset"), batch.column("timestamp")),
        )


@cache
def _freeze_modules(count: int) -> None:
    """Take what is loaded out of garbage collection, once for each `count` of modules.

    PySpark's worker collects everything after each task (`pyspark.daemon`), and walking the imported modules costs
    more than a small task does. What a task itself leaves behind stays collectable.
    """
    gc.collect()
    gc.freeze()
