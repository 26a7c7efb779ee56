"""What the sinks share: the identity of a running query, and the report of a batch."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from pyspark.sql import DataFrame, SparkSession

from helix_pipeline.contracts.topics import Topic
from helix_pipeline.settings import Settings
from helix_pipeline.stores.bus import topic_ids
from helix_pipeline.stores.graph_counts import GraphWork

BatchWriter = Callable[[DataFrame, int], None]
"""Writes one micro-batch: called by Spark with the raw records and the batch id."""


@dataclass(frozen=True, slots=True)
class BatchReport:
    """What a sink did with a batch: rows written, records rejected, whether it was a replay, transactions repeated.

    What executors did in the stores comes along, as their own metrics end with them: the seconds of each insert into
    ClickHouse, the work in the graph, the dead letters.
    """

    query: str
    written: int
    rejected: int = 0
    replayed: bool = False
    retries: int = 0
    inserts: tuple[float, ...] = ()
    graph: GraphWork = field(default_factory=GraphWork)
    dead_letters: int = 0


Report = Callable[[BatchReport], None]


def query_id(spark: SparkSession) -> str:
    """Return the id of the query that is writing: it lives as long as the query's checkpoint."""
    found = spark.sparkContext.getLocalProperty("sql.streaming.queryId")
    if not found:
        raise RuntimeError("query_id is only known inside a micro-batch")
    return str(found)


def parallelism(spark: SparkSession) -> int:
    """Return how many tasks run at once."""
    return int(spark.sparkContext.defaultParallelism)


def topic_id_of(settings: Settings, topic: Topic) -> Callable[[], str]:
    """Return what tells the id of the topic, by which offsets mean something; Kafka is asked at the first call."""
    return cache(lambda: topic_ids(settings)[topic.name])
