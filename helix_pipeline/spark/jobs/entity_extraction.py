"""EntityExtraction: which entities the messages of the lake name, where in their text, and which of them are one."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import partial, reduce
from operator import and_

import pyarrow as pa
from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, Row, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema

from helix_pipeline.contracts.events import MessageAdded
from helix_pipeline.contracts.job_tables.entities import ENTITIES, ENTITIES_SNAPSHOT, ENTITY_ALIASES
from helix_pipeline.settings import load
from helix_pipeline.settings_sections import GraphSettings
from helix_pipeline.spark.aliases import aliases, labels, with_displayed
from helix_pipeline.spark.job_run import JobRun, Result
from helix_pipeline.spark.lake_tables import previous
from helix_pipeline.spark.parquet_file import write_parquet_file
from helix_pipeline.stores.extractors.extraction import load_extraction

MESSAGE = ("conversation_id", "message_id")
"""What a message is known by: an id is its conversation's."""

COPY = ("kafka_partition", "kafka_offset")
"""What a record of a message is known by: producers may send a message twice, and the lake keeps both."""

_TEXT = "content"
_OF_MESSAGE = [name for name in ENTITIES.schema.names if name in MessageAdded.model_fields]
_FOUND = pa.schema([*ENTITIES.schema, pa.field(COPY[0], pa.int32()), pa.field(COPY[1], pa.int64())])
_RENAMED = {"type": "entity_type", "subtype": "entity_subtype"}


def run(job: JobRun) -> Result:
    """Return `entities` of the lake's messages, and `entity_aliases` of the whole table.

    Afterwards a snapshot of the whole table goes to the archive. Raises SettingsError for an extractor that is not
    there.
    """
    settings = extractor(job.parameters["extractor"])
    load_extraction(settings)
    events = job.table("conversations")
    messages = events.where(F.col("event_type") == MessageAdded.model_fields["event_type"].default)
    counts = counted(messages)
    found = extracted(messages.where(usable()), settings).persist(StorageLevel.MEMORY_AND_DISK)
    return Result(
        {ENTITIES.name: found, ENTITY_ALIASES.name: aliases(with_other_days(job, found))},
        rows_in=counts.messages,
        rejected=counts.messages - counts.usable,
        metrics={"duplicates": counts.usable - counts.distinct},
        afterwards=partial(written, job),
    )


def extractor(spec: str) -> GraphSettings:
    """Return the settings of the graph, with the extractor `spec` if it is not empty."""
    settings = load().graph
    return settings.model_copy(update={"extractor": spec}) if spec else settings


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


def extracted(messages: DataFrame, settings: GraphSettings) -> DataFrame:
    """Return what the messages name, as `ENTITIES`; of a message's copies the first that names anything counts."""
    needed = [*dict.fromkeys((*_OF_MESSAGE, _TEXT, *COPY, "year", "month", "day"))]
    found = messages.select(*needed).mapInArrow(partial(_extract, settings=settings), from_arrow_schema(_FOUND))
    copies = Window.partitionBy(*MESSAGE).orderBy(*COPY)
    return found.withColumn("copy", F.rank().over(copies)).where("copy = 1").select(*ENTITIES.schema.names)


def _extract(batches: Iterable[pa.RecordBatch], settings: GraphSettings) -> Iterator[pa.RecordBatch]:
    """Yield the mentions of the messages of a task."""
    extraction = load_extraction(settings)
    for batch in batches:
        found = extraction.mentions(batch[_TEXT].to_pylist())
        about = batch.take(found["row"].combine_chunks())
        columns = {name: about[name] for name in about.schema.names} | {
            _RENAMED.get(name, name): found[name] for name in found.schema.names
        }
        columns["extractor"] = pa.repeat(extraction.version, found.num_rows)
        yield from pa.table(columns).select(_FOUND.names).cast(_FOUND).to_batches()


def with_other_days(job: JobRun, found: DataFrame) -> DataFrame:
    """Return what the whole table will have: what was found, and the rows that the run does not replace."""
    earlier = previous(job.spark, job.output_root, ENTITIES) if job.partition else None
    if earlier is None:
        return found
    same = (F.col(column) == value for column, value in job.partition.items())
    kept = found.unionByName(earlier.where(~reduce(and_, same)), allowMissingColumns=True)
    return kept.fillna("", ["entity_subtype"])


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
    """Sum up the mentions of each entity, as `ENTITIES_SNAPSHOT`; of several names the preferred one is shown."""
    sums = entities.groupBy("entity_id").agg(
        *labels("entity_name", "entity_type", "entity_subtype"),
        F.count("*").alias("mentions"),
        F.count_distinct(*MESSAGE).alias("messages"),
        F.count_distinct("conversation_id").alias("conversations"),
        F.min("timestamp").alias("first_seen"),
        F.max("timestamp").alias("last_seen"),
    )
    return sums.mapInArrow(_displayed, from_arrow_schema(ENTITIES_SNAPSHOT)).orderBy("entity_id")


def _displayed(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        shown = with_displayed(pa.Table.from_batches([batch]), "entity_name")
        yield from shown.select(ENTITIES_SNAPSHOT.names).cast(ENTITIES_SNAPSHOT).to_batches()
