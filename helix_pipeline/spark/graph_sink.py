"""The graph's sink: executors extract entities and add up deltas, writers apply them bucket by bucket."""

from collections.abc import Iterable, Iterator
from functools import cache, partial

import pyarrow as pa
import pyarrow.compute as pc
from neo4j import Driver
from pyspark.sql import DataFrame

from helix_pipeline.contracts.topics import CONVERSATIONS
from helix_pipeline.domain.entities.extractor import EntityExtractor, load_extractor
from helix_pipeline.domain.graph_deltas import add_up, deltas
from helix_pipeline.settings import Settings
from helix_pipeline.spark.batch import BatchReport, BatchWriter, Report, parallelism, query_id
from helix_pipeline.spark.source import read_batches
from helix_pipeline.stores.graph import Graph, apply, open_graph

DELTAS = "kind byte, bucket int, a string, b string, n long, first long, last long"
COUNTS = "applied long"
FLUSH_DELTAS = 200_000


def graph_writer(settings: Settings, query: str, report: Report) -> BatchWriter:
    """Return the writer of the graph."""
    graph, writers = open_graph(settings), settings.streams.graph_writers
    extract = partial(_extract, extractor_spec=settings.graph.extractor)

    def write(records: DataFrame, batch_id: int) -> None:
        spark = records.sparkSession
        work = partial(_apply, graph=graph, query=query_id(spark), batch=batch_id)
        found = records.coalesce(parallelism(spark)).mapInArrow(extract, DELTAS)
        gathered = found.repartition(writers, "bucket") if writers > 1 else found.repartition(1)
        counts = gathered.mapInArrow(work, COUNTS).collect()
        report(BatchReport(query, sum(c.applied for c in counts)))

    return write


def _extract(batches: Iterable[pa.RecordBatch], extractor_spec: str) -> Iterator[pa.RecordBatch]:
    """Yield the deltas of a task's records, added up; in parts where there are very many."""
    extractor = _extractor(extractor_spec)
    gathered: list[pa.Table] = []
    for _, decoded in read_batches(batches, CONVERSATIONS.name):
        contents = pc.fill_null(decoded.rows["content"], "").to_pylist()
        gathered.append(deltas(decoded.rows, extractor.extract_ids_batch(contents), extractor.entity))
        if sum(part.num_rows for part in gathered) >= FLUSH_DELTAS:
            yield from add_up(gathered).to_batches()
            gathered.clear()
    yield from add_up(gathered).to_batches()


def _apply(batches: Iterable[pa.RecordBatch], graph: Graph, query: str, batch: int) -> Iterator[pa.RecordBatch]:
    """Apply the deltas of a writer; yields one row of `COUNTS`."""
    whole = add_up(pa.Table.from_batches([part]) for part in batches)
    applied = apply(_driver(graph), graph, query, batch, whole)
    yield pa.RecordBatch.from_pydict({"applied": [applied]})


@cache
def _extractor(spec: str) -> EntityExtractor:
    return load_extractor(spec)


@cache
def _driver(graph: Graph) -> Driver:
    """Return the driver of this worker process."""
    return graph.connect()
