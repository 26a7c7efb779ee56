"""The streaming queries, one per sink table, each with its own checkpoint: the one list of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from helix_pipeline.contracts.tables import EVENT_TABLES
from helix_pipeline.contracts.topics import CONVERSATIONS, KNOWLEDGE, Topic
from helix_pipeline.domain.features import components_of
from helix_pipeline.errors import UsageError
from helix_pipeline.settings import Settings
from helix_pipeline.settings_sections import MASTER_SWITCH, FeatureSettings
from helix_pipeline.spark.batch import BatchWriter, Report, query_id, topic_id_of
from helix_pipeline.spark.graph_sink import conversations_writer, knowledge_writer
from helix_pipeline.spark.lake_sink import lake_writer
from helix_pipeline.spark.source import read_topic
from helix_pipeline.spark.warehouse_sink import TOPICS_OF, warehouse_writer
from helix_pipeline.stores.warehouse import SOURCES

INTERPRETED = ("spark.sql.codegen.factoryMode", "NO_CODEGEN")
"""The Kafka source makes a converter for each partition of each batch: generating its code costs more than it saves."""


@dataclass(frozen=True)
class Query:
    """A query `sink.table`: the topic that it reads and how its batches are written."""

    name: str
    topic: Topic
    writer: Callable[[Settings, Report], BatchWriter]
    figures: bool = False
    """Whether it writes figures, which nobody waits for: its batches come as rarely as those of the API."""

    def interval_s(self, settings: Settings) -> float:
        """Return the seconds between two batches, at least."""
        return settings.clickhouse.flush_interval_s if self.figures else settings.streams.trigger_interval_s


def _lake_queries() -> list[Query]:
    return [
        Query(
            f"lake.{t.name}",
            t.topic,
            lambda s, r, t=t: lake_writer(s, f"lake.{t.name}", t, r, topic_id_of(s, t.topic)),  # type: ignore[misc]
        )
        for t in EVENT_TABLES
        if t.topic is not None
    ]


def _warehouse_queries() -> list[Query]:
    return [
        Query(
            f"warehouse.{n}",
            t,
            lambda s, r, n=n, t=t: warehouse_writer(s, f"warehouse.{n}", n, r, topic_id_of(s, t)),  # type: ignore[misc]
            figures=n not in SOURCES,
        )
        for n, t in TOPICS_OF.items()
    ]


QUERIES: tuple[Query, ...] = (
    *_lake_queries(),
    *_warehouse_queries(),
    Query("graph.conversations", CONVERSATIONS, lambda s, r: conversations_writer(s, "graph.conversations", r)),
    Query("graph.knowledge", KNOWLEDGE, lambda s, r: knowledge_writer(s, "graph.knowledge", r)),
)


def select(names: Sequence[str]) -> list[Query]:
    """Return the queries of these names; a name may be a sink (`lake`) or a query; none means all.

    Raises UsageError for an unknown name.
    """
    for name in names:
        if not any(_matches(query, name) for query in QUERIES):
            known = ", ".join(["lake", "warehouse", "graph", *(query.name for query in QUERIES)])
            raise UsageError(f"unknown query {name!r}; known are {known}")
    return [query for query in QUERIES if not names or any(_matches(query, name) for name in names)]


def runnable(names: Sequence[str], features: FeatureSettings) -> list[Query]:
    """Return those of `select(names)` that serve a component which is on. Raises UsageError where none does."""
    chosen = select(names)
    found = [query for query in chosen if features.any_on(components_of(query.name))]
    if not found:
        switches = {features.switch(component) for query in chosen for component in components_of(query.name)}
        off = " and ".join(sorted(switches)) or MASTER_SWITCH
        raise UsageError(f"no query of {', '.join(names) or 'all'} may run: {off} is false")
    return found


def start(
    spark: SparkSession, settings: Settings, query: Query, report: Report, until_caught_up: bool
) -> StreamingQuery:
    """Start a query from its checkpoint: until it has caught up with Kafka, or until it is stopped.

    Each query has a pool of its own: Spark shares the cores between pools, and runs the jobs of one in turn.
    """
    spark.sparkContext.setLocalProperty("spark.scheduler.pool", query.name)
    spark.conf.set(*INTERPRETED)
    writer = (
        read_topic(spark, settings, query.topic)
        .writeStream.queryName(query.name)
        .foreachBatch(_named(query, query.writer(settings, report)))
        .option("checkpointLocation", f"{settings.checkpoint_root}/{query.name}")
    )
    if until_caught_up:
        return writer.trigger(availableNow=True).start()
    return writer.trigger(processingTime=f"{query.interval_s(settings) * 1000:.0f} milliseconds").start()


def _named(query: Query, write: BatchWriter) -> BatchWriter:
    """Have every line of the log name the query and the batch in which it was written."""

    def write_named(records: DataFrame, batch_id: int) -> None:
        id_ = query_id(records.sparkSession)
        with structlog.contextvars.bound_contextvars(query=query.name, query_id=id_, batch_id=batch_id):
            write(records, batch_id)

    return write_named


def _matches(query: Query, name: str) -> bool:
    return name in (query.name, query.name.partition(".")[0])
