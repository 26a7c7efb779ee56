"""EntityExtraction: which entities the messages of the lake name, and where in their text."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import partial

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Row, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema

from helix_pipeline.contracts.events import MessageAdded
from helix_pipeline.contracts.job_tables.entities import ENTITIES, ENTITIES_SNAPSHOT
from helix_pipeline.domain.entities.extractor import load_extractor
from helix_pipeline.domain.entities.mentions import mentions
from helix_pipeline.spark.job_run import JobRun, Result
from helix_pipeline.spark.parquet_file import write_parquet_file

MESSAGE = ("conversation_id", "message_id")
"""What a message is known by: an id is its conversation's."""

COPY = ("kafka_partition", "kafka_offset")
"""What a record of a message is known by: producers may send a message twice, and the lake keeps both."""

_TEXT = "content"
_OF_MESSAGE = [name for name in ENTITIES.schema.names if name in MessageAdded.model_fields]
_FOUND = pa.schema([*ENTITIES.schema, pa.field(COPY[0], pa.int32()), pa.field(COPY[1], pa.int64())])


def run(job: JobRun) -> Result:
    """Return `entities` of the lake's messages; afterwards a snapshot of the whole table goes to the archive.

    Raises UsageError for an extractor that is not there.
    """
    spec = job.parameters["extractor"]
    load_extractor(spec)
    events = job.table("conversations")
    messages = events.where(F.col("event_type") == MessageAdded.model_fields["event_type"].default)
    counts = counted(messages)
    found = extracted(messages.where(usable()), spec)
    return Result(
        {ENTITIES.name: found},
        rows_in=counts.messages,
        rejected=counts.messages - counts.usable,
        metrics={"duplicates": counts.usable - counts.distinct},
        afterwards=partial(written, job),
    )


def usable() -> Column:
    """Tell whether a message has a text, which may be empty, and ids."""
    named = [F.col(name).isNotNull() & (F.col(name) != "") for name in MESSAGE]
    return F.col(_TEXT).isNotNull() & named[0] & named[1]


def counted(messages: DataFrame) -> Row:
    """Count the `messages`, those that are `usable`, and the `distinct` of these."""
    copies = messages.groupBy(*MESSAGE).agg(F.count("*").alias("messages"), F.count_if(usable()).alias("usable"))
    sums = (F.coalesce(F.sum(name), F.lit(0)).alias(name) for name in ("messages", "usable"))
    [row] = copies.agg(*sums, F.count_if(F.col("usable") > 0).alias("distinct")).collect()
    return row


def extracted(messages: DataFrame, spec: str) -> DataFrame:
    """Return what the messages name, as `ENTITIES`; of a message's copies the first that names anything counts."""
    needed = [*dict.fromkeys((*_OF_MESSAGE, _TEXT, *COPY, "year", "month", "day"))]
    found = messages.select(*needed).mapInArrow(partial(_extract, spec=spec), from_arrow_schema(_FOUND))
    copies = Window.partitionBy(*MESSAGE).orderBy(*COPY)
    return found.withColumn("copy", F.rank().over(copies)).where("copy = 1").select(*ENTITIES.schema.names)


def _extract(batches: Iterable[pa.RecordBatch], spec: str) -> Iterator[pa.RecordBatch]:
    """Yield the mentions of the messages of a task."""
    extractor = load_extractor(spec)
    for batch in batches:
        found = mentions(batch[_TEXT].to_pylist(), extractor)
        about = batch.take(found["row"].combine_chunks())
        columns = {name: about[name] for name in about.schema.names} | {
            name: found[name] for name in found.schema.names
        }
        columns["extractor"] = pa.repeat(extractor.version, found.num_rows)
        yield from pa.table(columns).select(_FOUND.names).cast(_FOUND).to_batches()


def written(job: JobRun) -> dict[str, float]:
    """Archive the distinct entities of the whole table; return how many mentions the run and entities the file has."""
    table = job.spark.read.format("delta").load(f"{job.output_root}/{ENTITIES.name}")
    path = f"{job.output_root}/archive/{ENTITIES.name}/snapshot_{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}.parquet"
    write_parquet_file(snapshot(table), path)
    part = table
    for column, value in job.partition.items():
        part = part.where(F.col(column) == value)
    return {"entities_extracted": part.count(), "snapshot_entities": job.spark.read.parquet(path).count()}


def snapshot(entities: DataFrame) -> DataFrame:
    """Sum up the mentions of each entity, as `ENTITIES_SNAPSHOT`; the name and type are those of its last mention."""
    latest = (F.max_by(name, "timestamp").alias(name) for name in ("entity_name", "entity_type"))
    sums = entities.groupBy("entity_id").agg(
        *latest,
        F.count("*").alias("mentions"),
        F.count_distinct(*MESSAGE).alias("messages"),
        F.count_distinct("conversation_id").alias("conversations"),
        F.min("timestamp").alias("first_seen"),
        F.max("timestamp").alias("last_seen"),
    )
    return sums.select(*ENTITIES_SNAPSHOT.names).orderBy("entity_id")
