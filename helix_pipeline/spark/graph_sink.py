"""The graph's sink: executors find entities and add up deltas, writers apply them bucket by bucket."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from functools import cache, partial

import pyarrow as pa
from neo4j import Driver
from pyspark.sql import DataFrame

from helix_pipeline.contracts.topics import CONVERSATIONS, KNOWLEDGE
from helix_pipeline.domain.graph import knowledge, messages
from helix_pipeline.domain.graph.deltas import add_up
from helix_pipeline.settings import Settings
from helix_pipeline.settings_sections import GraphSettings
from helix_pipeline.spark.batch import BatchReport, BatchWriter, Report, parallelism, query_id
from helix_pipeline.spark.extraction import shared_extraction
from helix_pipeline.spark.source import read_batches
from helix_pipeline.stores.graph import Graph, open_graph
from helix_pipeline.stores.graph_counts import GraphWork, total
from helix_pipeline.stores.graph_writer import apply

DELTAS = "kind byte, bucket int, a string, b string, detail string, n long, messages long, first long, last long"
COUNTS = "deltas long, retries long, queries long, nodes long, relationships long"
FLUSH_DELTAS = 200_000

Counting = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]
"""What an executor does with the records of a task: it yields rows of `DELTAS`."""


def conversations_writer(settings: Settings, query: str, report: Report) -> BatchWriter:
    """Return the writer of what conversations say."""
    return _writer(settings, query, report, partial(_of_conversations, settings=settings.graph))


def knowledge_writer(settings: Settings, query: str, report: Report) -> BatchWriter:
    """Return the writer of what is stated outside of conversations."""
    return _writer(settings, query, report, _of_knowledge)


def _writer(settings: Settings, query: str, report: Report, count: Counting) -> BatchWriter:
    graph, writers = open_graph(settings), settings.streams.graph_writers

    def write(records: DataFrame, batch_id: int) -> None:
        spark = records.sparkSession
        work = partial(_apply, graph=graph, query=query_id(spark), batch=batch_id)
        found = records.coalesce(parallelism(spark)).mapInArrow(count, DELTAS)
        gathered = found.repartition(writers, "bucket") if writers > 1 else found.repartition(1)
        applied = gathered.mapInArrow(work, COUNTS).collect()
        done = total(GraphWork(a.queries, a.nodes, a.relationships) for a in applied)
        retries = sum(a.retries for a in applied)
        report(BatchReport(query, sum(a.deltas for a in applied), retries=retries, graph=done))

    return write


def _of_conversations(batches: Iterable[pa.RecordBatch], settings: GraphSettings) -> Iterator[pa.RecordBatch]:
    extraction = shared_extraction(settings)
    read = read_batches(batches, CONVERSATIONS.name)
    return _added_up(messages.said(decoded.rows, extraction) for _, decoded in read)


def _of_knowledge(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    return _added_up(knowledge.deltas(decoded.rows) for _, decoded in read_batches(batches, KNOWLEDGE.name))


def _added_up(tables: Iterable[pa.Table]) -> Iterator[pa.RecordBatch]:
    """Yield deltas added up, in parts where there are very many."""
    gathered: list[pa.Table] = []
    for table in tables:
        gathered.append(table)
        if sum(part.num_rows for part in gathered) >= FLUSH_DELTAS:
            yield from add_up(gathered).to_batches()
            gathered.clear()
    yield from add_up(gathered).to_batches()


def _apply(batches: Iterable[pa.RecordBatch], graph: Graph, query: str, batch: int) -> Iterator[pa.RecordBatch]:
    """Apply the deltas of a writer; yields one row of `COUNTS`."""
    whole = add_up(pa.Table.from_batches([part]) for part in batches)
    applied = apply(_driver(graph), graph, query, batch, whole)
    counts = {"deltas": applied.deltas, "retries": applied.retries, **asdict(applied.work)}
    yield pa.RecordBatch.from_pylist([counts])


@cache
def _driver(graph: Graph) -> Driver:
    """Return the driver of this worker process."""
    return graph.connect()
